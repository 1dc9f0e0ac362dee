"""The servers and tools of a machine that setup-host.sh prepares: they record their input."""

import json
import sys

from tests.scripts.fakes import world


def mysql(words: list[str]) -> None:
    """Answers root."""
    script = sys.stdin.read()
    with world.state() as state:
        state.setdefault("mysql", []).append(script)
    if "@@bind_address" in script:
        print(f"{world.is_set('mysql-bind') or '127.0.0.1'}\n{world.is_set('mysql-version') or '10.11.6-MariaDB'}")


def mongosh(words: list[str]) -> None:
    """Asks for a password when a test says so."""
    script = sys.stdin.read()
    with world.state() as state:
        state.setdefault("mongosh", []).append(script)
    assert words[-2:] == ["--file", "/dev/stdin"], "mongosh would ignore errors"
    if world.is_set("mongodb-closed") and ".auth(" not in script and "ping" not in script:
        world.fail("MongoServerError: Command usersInfo requires authentication")


def systemctl(words: list[str]) -> None:
    """Has mariadb and mongod."""
    world.note("systemctl")
    if words[1] not in {"mariadb.service", "mongod.service"}:
        world.fail(f"Unit {words[1]} not found.")


def sysctl(words: list[str]) -> None:
    """Takes anything."""
    world.note("sysctl")


def ip(words: list[str]) -> None:
    """A bridge to the cluster."""
    found = [{"local": "127.0.0.2", "prefixlen": 24}] if words[-1] == "127.0.0.2" else []
    print(json.dumps([{"addr_info": found}]))
