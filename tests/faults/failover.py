"""A stack of its own with a replica set of three members, whose primary the tests take away."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from pymongo import MongoClient

from scripts.stack import Stack
from scripts.stack.state import ROOT, STACKS
from tests.faults.breaking import RECOVERY, Faults
from tests.waiting import eventually

_NAME = "failover"


@contextmanager
def stack_of_three() -> Iterator[Stack]:
    lines = (ROOT / "tests" / "faults" / "settings.env").read_text().splitlines()
    # The client waits for the elections.
    settings = [*(line for line in lines if line[:1].isupper()), "CLIENT_TIMEOUT=30"]
    options = [word for line in settings for word in ("--set", line)]
    _local("down", "--wipe")
    try:
        _local("up", "--mongodb-members", "3", *options)
        yield Stack.open(STACKS / _NAME / "state.json")
    finally:
        _local("down", "--wipe")


def _local(command: str, *options: str) -> None:
    words = [str(ROOT / "scripts" / "local.sh"), command, "--name", _NAME, *options]
    subprocess.run(words, check=True, timeout=300, stdout=subprocess.DEVNULL)


def primary(stack: Stack) -> str:
    """The program that is the primary now."""
    with MongoClient(stack.environment["MONGO_URI"], serverSelectionTimeoutMS=RECOVERY * 1000) as client:
        hello = client.admin.command("hello")
        port = int(hello["primary"].rpartition(":")[2])
    return next(name for name in stack.state.mongodb_names if stack.state.ports[name] == port)


def lose_primary(stack: Stack, faults: Faults, how: str) -> None:
    """Kills or suspends (SIGSTOP) the primary, and waits until another member is it."""
    lost = primary(stack)
    if how == "kill":
        faults.kill(lost)
    else:
        faults.freeze(psutil.Process(stack.pid(lost)))
    faults.touched.add(lost)
    eventually(lambda: primary(stack) != lost or how == "kill", seconds=RECOVERY, what="another primary")


@contextmanager
def replication_stopped(stack: Stack, faults: Faults) -> Iterator[None]:
    """Suspends the secondaries, and at the end the primary: what was written inside exists only on the latter.

    It must take less than the election timeout (3 s), after which a primary without secondaries steps down.
    """
    lost = primary(stack)
    others = [psutil.Process(stack.pid(name)) for name in stack.state.mongodb_names if name != lost]
    for process in others:
        process.suspend()
    try:
        yield
        faults.freeze(psutil.Process(stack.pid(lost)))
    finally:
        for process in others:
            process.resume()
    eventually(lambda: primary(stack) != lost, seconds=RECOVERY, what="another primary")
