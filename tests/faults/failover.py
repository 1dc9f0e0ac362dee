"""A stack of its own with a replica set of three members, whose primary the tests take away."""

import subprocess
from collections.abc import Callable, Iterator
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
def without_replication(stack: Stack, faults: Faults) -> Iterator[Callable[[], None]]:
    """Stops the secondaries' replication, so that only the primary has what is written.

    The function that it yields ends the primary and returns when another member is it. The end of the block starts the
    former primary again. The secondaries are not suspended: they would read what their sockets have received, and the
    primary would step down after the election timeout (3 s).
    """
    lost = primary(stack)
    others = [name for name in stack.state.mongodb_names if name != lost]

    def replicate() -> None:
        for name in others:
            _set_replication(stack, name, stopped=False)

    def lose() -> None:
        # Not suspended: the others would wait for its answers before they replicate from each other.
        faults.stop(lost)
        replicate()
        eventually(lambda: primary(stack) != lost, seconds=RECOVERY, what="another primary")

    try:
        for name in others:
            _set_replication(stack, name, stopped=True)
        yield lose
    finally:
        replicate()
        faults.start(lost)


def _set_replication(stack: Stack, name: str, *, stopped: bool) -> None:
    """Uses a fail point of MongoDB's own tests: the member fetches no operations, and remains a secondary."""
    login = {"username": stack.environment["MONGODB_USER"], "password": stack.environment["MONGODB_PASSWORD"]}
    with MongoClient("127.0.0.1", stack.state.ports[name], directConnection=True, **login) as member:
        member.admin.command("configureFailPoint", "stopReplProducer", mode="alwaysOn" if stopped else "off")
