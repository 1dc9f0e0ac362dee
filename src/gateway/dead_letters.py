"""`python -m gateway.dead_letters list|show|replay|drop`: shows dead letters, and publishes them again after a fix."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import asdict, dataclass
from typing import Any

from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ChannelClosedByBroker
from pika.spec import Basic

from common.domain.jobs import CANCELLED, Status
from common.errors import PermanentError, TransientError
from common.messaging.connection import connect
from common.messaging.message import DIED_AT, REASON, Message, SummaryMessage, decode, decode_summary
from common.messaging.topology import NOT_FOUND, dead_queue, queues
from common.runtime import logs
from common.runtime.logs import one_line
from common.runtime.settings import load_settings
from gateway.administration.audit import Act, Actor, Entry, Target
from gateway.command import Tools, tools, wait_for_broker
from gateway.settings import StoreSettings

# Dead letters of one queue that a command reads at most.
_LIMIT = 10_000
_NOT_FOUND = "Dead letter not found. List them with: ./scripts/dead-letters.sh list\n"


@dataclass(frozen=True)
class DeadLetter:
    """A message on a dead-letter queue; `number` is its place in the listing."""

    number: int
    queue: str
    reason: str
    died_at: str
    body: str


@dataclass(frozen=True)
class Commands:
    """What each command does with a letter; returns whether to remove the letter from its queue."""

    opened: Tools
    as_json: bool

    def list(self, letter: DeadLetter) -> bool:
        if self.as_json:
            print(json.dumps(asdict(letter), ensure_ascii=False))
        else:
            message, _ = self._target(letter)
            name = f"{message.subject} {message.username}" if message else one_line(letter.body[:60])
            print(f"{letter.number:>4}  {letter.queue:<8} {one_line(letter.died_at):<26} {name}")
            print(f"      {one_line(letter.reason)}")
        return False

    def show(self, letter: DeadLetter) -> bool:
        _, record = self._target(letter)
        kind = "summary" if letter.queue == self.opened.settings.summary_queue else "job"
        details = {**asdict(letter), kind: record}
        print(json.dumps(details, ensure_ascii=False, indent=None if self.as_json else 2))
        return False

    def replay(self, letter: DeadLetter) -> bool:
        """Queues a failed job or summary again, and publishes its message."""
        if letter.queue == self.opened.settings.mail_queue:
            with self._recording(Act.REPLAY, letter):
                self.opened.publisher.publish_raw(letter.queue, letter.body.encode())
            print(f"{letter.number:>4}  replayed")
            return True
        message, record = self._target(letter)
        if message is None or record is None:
            print(f"{letter.number:>4}  not replayed: its job no longer exists; remove it with drop")
            return False
        with self._recording(Act.REPLAY, letter, message):
            if letter.queue == self.opened.settings.summary_queue:
                self.opened.store.summaries.reopen(message.subject)
            elif letter.queue == self.opened.settings.video_queue:
                # Not a job that its owner has cancelled.
                self.opened.store.jobs.reopen(message.subject, where={"error": {"$ne": CANCELLED}})
            self.opened.publisher.publish(letter.queue, message)
        print(f"{letter.number:>4}  replayed: {message.subject} {one_line(record['filename'] or '')}")
        return True

    def drop(self, letter: DeadLetter) -> bool:
        with self._recording(Act.DROP, letter, self._target(letter)[0]):
            print(f"{letter.number:>4}  dropped: {one_line(letter.body[:120])}")
        return True

    def _recording(
        self, act: Act, letter: DeadLetter, message: Message | SummaryMessage | None = None
    ) -> AbstractContextManager[None]:
        target = Target(
            email=message.username if message else None,
            subject=str(message.subject) if message else None,
            queue=letter.queue,
        )
        return self.opened.audit.recording(Entry(Actor(command="dead-letters"), act, target))

    def _target(self, letter: DeadLetter) -> tuple[Message | SummaryMessage | None, Mapping[str, Any] | None]:
        """The message, unless it is invalid; its job or summary as the API shows it, unless it no longer exists."""
        try:
            if letter.queue == self.opened.settings.summary_queue:
                request = decode_summary(letter.body.encode())
                summary = self.opened.store.summaries.get(request.summary_id)
                return request, summary.public() if summary else None
            message = decode(letter.body.encode())
            job = self.opened.store.jobs.get(message.video_fid)
            exists = job is not None and job.status is not Status.DELETED
            return message, job.public() if job and exists else None
        except PermanentError:
            return None, None


def main(arguments: list[str] | None = None) -> int:
    """Lists, shows, replays or drops dead letters; returns the exit code."""
    parser = argparse.ArgumentParser(prog="dead-letters", description=main.__doc__)
    parser.add_argument("command", choices=["list", "show", "replay", "drop"])
    parser.add_argument("which", nargs="*", help="numbers from the listing, job ids, or 'all' (show, replay, drop)")
    parser.add_argument("--queue", help="only dead letters of this queue (default: all queues)")
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")
    options = parser.parse_args(arguments)
    if options.command != "list" and not options.which:
        parser.error(f"{options.command}: which? Give numbers from 'list', job ids, or 'all'.")
    settings = load_settings(StoreSettings)
    logs.configure("ERROR", settings.log_format)
    if options.queue and options.queue not in queues(settings):
        parser.error(f"--queue: the queues are {', '.join(queues(settings))}")
    names = [options.queue] if options.queue else list(queues(settings))
    try:
        with tools(settings, "dead-letters") as opened:
            wait_for_broker(opened.connection, settings.rabbitmq_timeout)
            command = getattr(Commands(opened, as_json=options.json), options.command)
            found = _for_each(settings, names, options.which, command)
    except (TransientError, AMQPError) as error:
        sys.stderr.write(f"dead-letters: {error}. Are MongoDB and RabbitMQ up?\n")
        return 1
    if found == 0:
        sys.stderr.write(_NOT_FOUND if options.which else "There are no dead letters.\n")
        return 1 if options.which and options.which != ["all"] else 0
    return 0


def _for_each(
    settings: StoreSettings, names: list[str], which: list[str], command: Callable[[DeadLetter], bool]
) -> int:
    """Runs the command for each selected letter, and acknowledges those for which it returns true.

    The others return to their place in the queue when the connection is closed. Returns how many were selected.
    """
    found = 0
    with closing(connect(settings, "dead-letters")) as connection:
        number = 0
        for name in names:
            channel = connection.channel()
            for method, properties, body in _messages(channel, dead_queue(name)):
                number += 1
                letter = _letter(number, name, properties, body)
                if not _is_selected(letter, which):
                    continue
                found += 1
                if command(letter):
                    channel.basic_ack(method.delivery_tag)
    return found


def _messages(channel: BlockingChannel, queue: str) -> Iterator[tuple[Basic.GetOk, BasicProperties, bytes]]:
    for _ in range(_LIMIT):
        try:
            method, properties, body = channel.basic_get(queue)
        except ChannelClosedByBroker as error:
            # Its consumers, which declare it, have not run yet.
            if error.reply_code == NOT_FOUND:
                break
            raise
        if method is None:
            break
        yield method, properties, body


def _letter(number: int, queue: str, properties: BasicProperties, body: bytes) -> DeadLetter:
    headers = properties.headers or {}
    deaths = headers.get("x-death")
    if not (isinstance(deaths, list) and deaths and isinstance(deaths[0], dict)):
        deaths = [{}]
    # RabbitMQ sets only `x-death` on messages that it dead-letters itself.
    reason = headers.get(REASON) or f"the broker: {deaths[0].get('reason', 'unknown')}"
    died_at = headers.get(DIED_AT) or str(deaths[0].get("time", "unknown"))
    return DeadLetter(number, queue, str(reason), str(died_at), body.decode(errors="replace"))


def _is_selected(letter: DeadLetter, which: list[str]) -> bool:
    if not which or which == ["all"]:
        return True
    return str(letter.number) in which or any(len(fid) == 24 and fid in letter.body for fid in which)


if __name__ == "__main__":
    raise SystemExit(main())
