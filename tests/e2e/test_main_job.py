"""The main use case: upload a video, receive an email, download the MP3."""

import base64
import hashlib
import json
import re
import subprocess
from uuid import uuid4

import pytest
import requests
from bson import ObjectId

from common.runtime.settings import MongoSettings
from common.storage import mongo
from common.storage.bucket import Bucket
from tests import media
from tests.person import Person
from tests.waiting import eventually

# One of each family of containers; every kind is converted in the integration tier.
KINDS = ["mp4", "mkv", "webm", "mov", "avi", "flv", "ts", "ogv", "wmv", "3gp"]


def curl(*arguments: str) -> str:
    """The output of curl; raises when curl fails."""
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "60", *arguments], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_with_curl_and_the_mail_as_in_the_readme(newcomer, tmp_path):
    someone = newcomer()
    url, video = someone.url, str(media.make("mp4"))
    account = json.dumps({"email": someone.email, "password": someone.password})
    curl("-f", "-X", "POST", f"{url}/register", "-H", "Content-Type: application/json", "-d", account)
    token = curl("-f", "-u", f"{someone.email}:{someone.password}", "-X", "POST", f"{url}/login")
    bearer = f"Authorization: Bearer {token}"
    answer = curl("-f", "-i", "-H", bearer, "-F", f"file=@{video};filename=My talk.mp4", f"{url}/upload")
    assert answer.endswith("success!")
    location = re.search(r"(?im)^location: (/jobs/[0-9a-f]{24})\s*$", answer).group(1)
    someone.token = token
    job = someone.waits_for(location.rpartition("/")[2])
    assert job["status"] == "completed"
    text = someone.email_about(job["video_fid"])
    first = text.splitlines()[0]
    fid = re.fullmatch(r"mp3 file_id: ([0-9a-f]{24}) is now ready!", first).group(1)
    assert fid == job["mp3_fid"]
    subprocess.run(
        ["curl", "-sSf", "--max-time", "60", "-OJ", "-H", bearer, f"{url}/download?fid={fid}"],
        cwd=tmp_path,
        check=True,
        timeout=90,
    )
    assert (tmp_path / "My talk.mp3").read_bytes()[:3] == b"ID3"
    # The curl command of the email works.
    line = next(line for line in text.splitlines() if line.startswith("curl "))
    done = subprocess.run(
        ["bash", "-c", line.replace("-fOJ", "-o second.mp3")],
        cwd=tmp_path,
        env={"TOKEN": token, "PATH": "/usr/bin:/bin"},
        check=True,
        timeout=90,
        capture_output=True,
    )
    assert done.returncode == 0
    assert (tmp_path / "second.mp3").read_bytes() == (tmp_path / "My talk.mp3").read_bytes()
    # So does its link, without a login.
    link = next(line for line in text.splitlines() if "&token=" in line)
    curl("-f", "-o", str(tmp_path / "third.mp3"), link)
    assert (tmp_path / "third.mp3").read_bytes() == (tmp_path / "My talk.mp3").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_a_video_of_each_kind_becomes_an_mp3(person: Person, kind):
    job = person.converts(media.make(kind))
    mp3 = person.download(job["mp3_fid"])
    assert mp3.status_code == 200
    assert mp3.headers["Content-Type"] == "audio/mpeg"
    assert int(mp3.headers["Content-Length"]) == len(mp3.content) > 10_000


def test_the_video_is_stored_as_it_was_sent(person: Person, environment):
    video = media.make("mkv")
    fid = person.uploads(video)
    with mongo.connect(MongoSettings(mongo_uri=environment["MONGO_URI"])) as client:
        bucket = Bucket(client[mongo.VIDEOS])
        digest = hashlib.sha256(b"".join(bucket.read(bucket.find(ObjectId(fid))))).hexdigest()
    assert digest == hashlib.sha256(video.read_bytes()).hexdigest()
    person.waits_for(fid)


def test_folders_are_removed_from_a_name(person: Person):
    assert person.converts(media.make("mp4"), name="../../etc/passwd")["filename"] == "passwd"


@pytest.mark.parametrize(
    "name",
    [
        "-y.mp4",
        "x" * 300 + ".mp4",
        "🎵 Grüße.mp4",
        "a\u202egpj.mp4",
        'quo"te.mp4',
        "semi;colon.mp4",
    ],
)
def test_any_name_is_kept_for_display_and_safe_everywhere(person: Person, name):
    job = person.converts(media.make("mp4"), name=name)
    assert job["filename"] == name
    mp3 = person.download(job["mp3_fid"])
    assert mp3.status_code == 200
    assert mp3.headers["Content-Disposition"].startswith("attachment")
    assert "ready" in person.email_about(job["video_fid"])


def test_the_chosen_bitrate_is_used_and_shown(person: Person):
    small, large = person.converts(media.make("mp4"), bitrate="64"), person.converts(media.make("mp4"), bitrate="320")
    assert small["options"] == {"bitrate": 64}
    sizes = [len(person.download(job["mp3_fid"]).content) for job in (small, large)]
    assert sizes[1] > 3 * sizes[0]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda folder: media.without_audio(), "audio"),
        (lambda folder: media.truncated(media.make("mp4_moov_first"), 0.6, folder), "incomplete"),
        (lambda folder: media.truncated(media.make("mkv"), 0.6, folder), "incomplete"),
        (lambda folder: media.truncated(media.make("mp4"), 0.6, folder), ""),
        (media.not_a_video, "video"),
    ],
)
def test_a_bad_video_fails_with_a_reason_in_the_email(person: Person, tmp_path, make, reason):
    answer = person.upload(make(tmp_path))
    if answer.status_code == 415:
        assert "not a video" in answer.json()["error"]
        return
    job = person.waits_for(answer.json()["video_fid"])
    assert job["status"] == "failed"
    assert job["mp3_fid"] is None
    assert reason in job["error"]
    assert job["error"] in person.email_about(job["video_fid"])


def test_progress_can_be_followed_to_the_end(person: Person):
    fid = person.uploads(media.long(300))
    with person.request("GET", f"/jobs/{fid}/events", stream=True) as events:
        assert events.headers["Content-Type"].startswith("text/event-stream")
        lines = [line.decode() for line in events.iter_lines()]
    seen = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert seen[-1]["status"] == "completed"
    assert seen[-1]["progress"] == 100
    progress = [job["progress"] for job in seen]
    assert progress == sorted(progress)


def events_in(log: str, fid: str, events: list[str]) -> list[str]:
    """The events in the log lines of that job, in their order."""
    lines = [line for line in log.splitlines() if fid in line]
    return [part for line in lines for part in events if part in line]


def test_the_logs_show_each_step_and_no_secret(person: Person, stack):
    job = person.converts(media.make("mp4"))
    person.email_about(job["video_fid"])
    events = ["Received message:", "Downloading video from MongoDB...", "Converting video to MP3...",
             "Uploading MP3 to MongoDB...", "Publishing to mp3 queue...", "Conversion complete!"]  # fmt: skip
    eventually(
        lambda: events_in(stack.log("converter"), job["video_fid"], events) == events, what="the converter's log"
    )
    lines = [line for line in stack.log("notification").splitlines() if job["video_fid"] in line]
    assert any(f"Sending email to: {person.email}" in line for line in lines)
    basic = base64.b64encode(f"{person.email}:{person.password}".encode()).decode()
    for program in ("gateway", "auth", "converter", "notification", "housekeeping"):
        log = stack.log(program)
        for secret in (
            person.password,
            person.token,
            basic,
            stack.environment["JWT_SECRET"],
            stack.environment["LINK_SECRET"],
        ):
            assert secret not in log, program


def test_the_request_id_is_in_the_logs_of_all_services(newcomer, stack):
    someone = newcomer().joins()
    request = f"trace-{uuid4().hex}"
    answer = requests.post(
        f"{someone.url}/upload",
        headers={"Authorization": f"Bearer {someone.token}", "X-Request-ID": request},
        files={"file": ("talk.mp4", media.make("mp4").read_bytes())},
        timeout=60,
    )
    assert answer.headers["X-Request-ID"] == request
    fid = answer.headers["Location"].rpartition("/")[2]
    someone.email_about(fid)
    for service in ("gateway", "auth", "converter", "notification"):
        eventually(lambda name=service: f"request={request}" in stack.log(name), what=f"the id in the log of {service}")
    lines = [line for line in stack.log("converter").splitlines() if f"request={request}" in line]
    assert all(f"[{fid}]" in line for line in lines)
