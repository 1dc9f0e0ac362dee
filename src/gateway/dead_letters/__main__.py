"""`python -m gateway.dead_letters list|show|replay|drop`: what was given up, why, and another try after the fix."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Protocol

from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError
from pika.spec import Basic

from common.errors import TransientError
from common.messaging.connection import connect
from common.messaging.message import DIED_AT, REASON
from common.messaging.topology import dead_queue, queues
from common.runtime import logs
from common.runtime.logs import one_line
from common.runtime.settings import load_settings
from gateway.command import Tools, tools, wait_for_broker
from gateway.dead_letters.targets import Subject, reopen, subject
from gateway.settings import StoreSettings

# More than this is a disaster that needs a look at the cause, not at each letter.
_MOST = 10_000


class Action(Protocol):
    """What a command does with a letter; true takes the letter away."""

    def __call__(self, opened: Tools, letter: "DeadLetter", *, as_json: bool) -> bool:
        """Does it."""


@dataclass(frozen=True)
class DeadLetter:
    """A message that was given up; `number` is its place in the listing."""

    number: int
    queue: str
    reason: str
    died_at: str
    body: str


def main(arguments: list[str] | None = None) -> int:
    """Lists, shows, replays or drops dead letters; returns the exit code."""
    parser = argparse.ArgumentParser(prog="dead-letters", description=main.__doc__)
    parser.add_argument("command", choices=["list", "show", "replay", "drop"])
    parser.add_argument("which", nargs="*", help="numbers from the listing, job ids, or 'all' (show, replay, drop)")
    parser.add_argument("--queue", help="only of this queue (default: all)")
    parser.add_argument("--json", action="store_true", help="a JSON object a line")
    options = parser.parse_args(arguments)
    if options.command != "list" and not options.which:
        parser.error(f"{options.command}: which? Give numbers from 'list', job ids, or 'all'.")
    settings = load_settings(StoreSettings)
    logs.configure("ERROR", settings.log_format)
    if options.queue and options.queue not in queues(settings):
        parser.error(f"--queue: there are {', '.join(queues(settings))}")
    names = [options.queue] if options.queue else list(queues(settings))
    try:
        with tools(settings, "dead-letters") as opened:
            wait_for_broker(opened.connection, settings.rabbitmq_timeout)
            act = _ACTIONS[options.command]
            found = _visit(settings, names, options.which, lambda letter: act(opened, letter, as_json=options.json))
    except (TransientError, AMQPError) as error:
        sys.stderr.write(f"dead-letters: {error}. Are MongoDB and RabbitMQ up?\n")
        return 1
    if found == 0:
        sys.stderr.write("There is no such dead letter.\n" if options.which else "There are no dead letters.\n")
        return 1 if options.which and options.which != ["all"] else 0
    return 0


def _visit(settings: StoreSettings, names: list[str], which: list[str], act: Callable[[DeadLetter], bool]) -> int:
    """Calls `act` with each chosen letter and takes those away for which it says so.

    The rest goes back to its place when the connection is closed.
    """
    found = 0
    with closing(connect(settings, "dead-letters")) as connection:
        channel = connection.channel()
        for number, (queue, method, properties, body) in enumerate(_letters(channel, names), start=1):
            letter = _letter(number, queue, properties, body)
            if not _chosen(letter, which):
                continue
            found += 1
            if act(letter):
                channel.basic_ack(method.delivery_tag)
    return found


def _letters(channel: BlockingChannel, names: list[str]) -> Iterator[tuple[str, Basic.GetOk, BasicProperties, bytes]]:
    for name in names:
        for _ in range(_MOST):
            method, properties, body = channel.basic_get(dead_queue(name))
            if method is None:
                break
            yield name, method, properties, body


def _letter(number: int, queue: str, properties: BasicProperties, body: bytes) -> DeadLetter:
    headers = properties.headers or {}
    deaths = headers.get("x-death")
    if not (isinstance(deaths, list) and deaths and isinstance(deaths[0], dict)):
        deaths = [{}]
    # What the broker itself gave up on carries its own header.
    reason = headers.get(REASON) or f"the broker: {deaths[0].get('reason', 'unknown')}"
    died_at = headers.get(DIED_AT) or str(deaths[0].get("time", "unknown"))
    return DeadLetter(number, queue, str(reason), str(died_at), body.decode(errors="replace"))


def _chosen(letter: DeadLetter, which: list[str]) -> bool:
    if not which or which == ["all"]:
        return True
    return str(letter.number) in which or any(len(fid) == 24 and fid in letter.body for fid in which)


def _list(opened: Tools, letter: DeadLetter, *, as_json: bool) -> bool:
    if as_json:
        print(json.dumps(asdict(letter), ensure_ascii=False))
    else:
        found = _subject(opened, letter)
        name = f"{found.message.subject} {found.owner}" if found else one_line(letter.body[:60])
        print(f"{letter.number:>4}  {letter.queue:<8} {one_line(letter.died_at):<26} {name}")
        print(f"      {one_line(letter.reason)}")
    return False


def _show(opened: Tools, letter: DeadLetter, *, as_json: bool) -> bool:
    found = _subject(opened, letter)
    kind = "summary" if letter.queue == opened.settings.summary_queue else "job"
    details = {**asdict(letter), kind: found.record if found else None}
    print(json.dumps(details, ensure_ascii=False, indent=None if as_json else 2))
    return False


def _replay(opened: Tools, letter: DeadLetter, *, as_json: bool) -> bool:
    del as_json
    found = _subject(opened, letter)
    if found is None or found.record is None:
        print(f"{letter.number:>4}  stays: there is no such job; drop it")
        return False
    reopen(opened.settings, opened.store, letter.queue, found)
    opened.publisher.publish(letter.queue, found.message)
    print(f"{letter.number:>4}  replayed: {found.message.subject} {one_line(found.record['filename'] or '')}")
    return True


def _drop(opened: Tools, letter: DeadLetter, *, as_json: bool) -> bool:
    del opened, as_json
    print(f"{letter.number:>4}  dropped: {one_line(letter.body[:120])}")
    return True


def _subject(opened: Tools, letter: DeadLetter) -> Subject | None:
    return subject(opened.settings, opened.store, letter.queue, letter.body)


_ACTIONS: dict[str, Action] = {
    "list": _list,
    "show": _show,
    "replay": _replay,
    "drop": _drop,
}

if __name__ == "__main__":
    raise SystemExit(main())
