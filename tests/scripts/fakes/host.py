"""The servers and tools of a machine that setup-host.sh prepares: they remember what they were told."""

import json
import sys

from tests.scripts.fakes import world


def mysql(words: list[str]) -> None:
    """Answers root."""
    told = sys.stdin.read()
    with world.state() as state:
        state.setdefault("mysql", []).append(told)
    if "@@bind_address" in told:
        print(f"{world.is_set('mysql-bind') or '127.0.0.1'}\n{world.is_set('mysql-version') or '10.11.6-MariaDB'}")


def mongosh(words: list[str]) -> None:
    """Asks for a password when a test says so."""
    told = sys.stdin.read()
    with world.state() as state:
        state.setdefault("mongosh", []).append(told)
    assert words[-2:] == ["--file", "/dev/stdin"], "mongosh would ignore errors"
    if world.is_set("mongodb-closed") and ".auth(" not in told and "ping" not in told:
        world.fail("MongoServerError: Command usersInfo requires authentication")


def systemctl(words: list[str]) -> None:
    """Has mysql and mongod."""
    world.note("systemctl")
    if words[0] == "cat" and words[1] not in {"mysql.service", "mongod.service"}:
        world.fail("No files found.")


def sysctl(words: list[str]) -> None:
    """Takes anything."""
    world.note("sysctl")


def ip(words: list[str]) -> None:
    """A bridge to the cluster."""
    print(json.dumps([{"addr_info": [{"local": "127.0.0.2", "prefixlen": 24}]}]))
