"""The recipes of docs/recipes.md: their commands, and what each must print."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs/recipes.md"
# Defines the functions that the other recipes use.
FIRST = "Before you start"

# What the output of a recipe matches, in any place. $EMAIL and $FID are those of the test's account and job.
EXPECTED: Mapping[str, str] = {
    "Everything on one screen": r"statefulset/rabbitmq +1/1 +4\.3 .*\n(.*\n)*QUEUE +MESSAGES(.*\n)*Jobs: ",
    "All pods": r"gateway-\S+ +2/2 +Running",
    "More converters": r"converter +5/5",
    "Scaling by load": r"notification +Deployment/notification(.*\n)+.*notification.* deleted",
    "Use of processors and memory": r"rabbitmq-0 +rabbitmq +\d+m +\d+Mi(.*\n)+.*%",
    "Restarting a service": r"successfully rolled out",
    "Of all converters": r"\[pod/converter-\S+/converter\] .*(Waiting for messages|Conversion complete)",
    "Of nginx, and of the summary worker": r"Waiting for messages",
    "Everything about one job": r"\[pod/converter-\S+\] .*$FID.*Conversion complete(.*\n)+.*Email sent successfully",
    "Checking every dependency": r"ok +mysql +login(.*\n)+ok +ffmpeg +version(.*\n)+ok +smtp +login",
    "The state of the dependencies as the service sees it": r'"status": ?"ok"',
    "A request to another service": r"^200$",
    "ffmpeg": r"^ffmpeg version ",
    "The queues": r"^video\t0\t0\t[1-9]",
    "Emptying a queue": r"Purging queue 'mp3\.dead'",
    "A user for rabbitmqadmin": r"Setting permissions for user \"operator\"",
    "rabbitmqadmin of RabbitMQ 4.3": r"hello",
    "Deleting that user": r"Deleting user \"operator\"",
    "Publishing a test message from Python": r"RabbitMQ has confirmed the message",
    "Showing the dead letters": r"video +.*\n.*no job has this video_fid and username",
    "Listing accounts": r"$EMAIL +\| +1 +\| +0 ",
    "Adding an account": r"recipe@example\.com +\| +1 ",
    "Setting a password": r"recipe@example\.com +\| +1 ",
    "Deleting an account": r"accounts_left +\|\n.*\n\| +0 ",
    "Files of a user": r"filename: '[^']+'",
    "The largest files": r"username: '$EMAIL'",
    "Files of a day": r"filename: '[^']+'",
    "Storage of each user": r"_id: '$EMAIL',\s+files: \d+,\s+megabytes: ",
    "Jobs by state": r"_id: 'completed',\s+jobs: [1-9]",
    "Deleting a file with GridFSBucket": r"chunks left: 0",
}


@dataclass(frozen=True)
class Recipe:
    title: str
    commands: str


def read() -> list[Recipe]:
    """The recipes in the order of the page: each heading with its block of shell commands, if it has one."""
    parts = re.split(r"^#{2,3} (.+)\n", PAGE.read_text(), flags=re.MULTILINE)[1:]
    found = []
    for title, text in zip(parts[::2], parts[1::2], strict=True):
        blocks = re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        assert len(blocks) <= 1, f"{title}: more than one block"
        if blocks:
            found.append(Recipe(title, blocks[0]))
    return found
