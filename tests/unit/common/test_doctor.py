"""`python -m common.doctor` without servers: what it prints, when it stops, and that it shows no secret."""

import importlib
import io
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from common.doctor import mongodb, network
from common.doctor.checks import Check, Doctor, secrets_of
from common.runtime.settings import MongoSettings

ROLES = json.loads((Path(__file__).parents[3] / "manifests/mongodb/roles.json").read_text())
SERVICES = ("auth", "converter", "gateway", "notification", "summary")


def failing(error: Exception) -> Check:
    def run(_: float) -> str:
        raise error

    return Check("server", "login", run)


def lines(*checks: Check, timeout: float = 5.0, secrets: frozenset[str] = frozenset()) -> tuple[bool, list[str]]:
    out = io.StringIO()
    healthy = Doctor(timeout, secrets, out).run(checks)
    return healthy, out.getvalue().splitlines()


@pytest.fixture
def refusing() -> Iterator[int]:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_each_check_has_one_line():
    healthy, shown = lines(Check("mongodb", "login", lambda _: "user gateway\nand more"))

    assert healthy
    (line,) = shown
    assert line.split()[:3] == ["ok", "mongodb", "login"]
    assert "user gateway\\nand more (" in line


def test_further_steps_of_a_server_are_skipped_after_a_failure_and_others_are_not():
    healthy, shown = lines(
        failing(ConnectionError("nobody listens")),
        Check("server", "queue", lambda _: "not reached"),
        Check("other", "TCP", lambda _: "open"),
    )

    assert not healthy
    assert [line.split()[0] for line in shown] == ["FAILED", "skipped", "ok"]
    assert "nobody listens" in shown[0]


def test_no_secret_is_shown():
    settings = MongoSettings(mongo_uri=SecretStr("mongodb://gateway:p%40ssword@mongodb/"), mongodb_password="another")
    text = "cannot sign in to mongodb://gateway:p%40ssword@mongodb/ with p@ssword or another"

    _, (line,) = lines(failing(ValueError(text)), secrets=secrets_of(settings))

    assert "***" in line
    for secret in ("p@ssword", "p%40ssword", "another"):
        assert secret not in line


def test_a_call_that_ignores_its_timeout_is_left_behind():
    hangs = threading.Event()

    healthy, (line,) = lines(Check("server", "DNS", lambda _: str(hangs.wait(60))), timeout=0.1)

    hangs.set()
    assert not healthy
    assert "no answer in time" in line


def test_a_refused_connection_and_an_unknown_name_are_named(refusing: int):
    _, shown = lines(
        *network.reach("refusing", "127.0.0.1", refusing), *network.reach("nowhere", "nowhere.invalid", 80)
    )

    assert [line.split()[0] for line in shown] == ["ok", "FAILED", "FAILED", "skipped"]
    assert f"127.0.0.1:{refusing}: Connection refused" in shown[1]
    assert "the name nowhere.invalid is unknown" in shown[2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("auth:5000", ("auth", 5000)),
        ("[::1]:5000", ("::1", 5000)),
        ("https://models.example.com/v1", ("models.example.com", 443)),
        ("http://127.0.0.1:8000/v1", ("127.0.0.1", 8000)),
    ],
)
def test_addresses_are_read_from_settings(text: str, expected: tuple[str, int]):
    assert network.address(text, 443) == expected


def test_missing_privileges_are_named_and_those_of_a_whole_database_count():
    granted = [
        {"resource": {"db": "videos", "collection": "jobs"}, "actions": ["find"]},
        {"resource": {"db": "mp3s", "collection": ""}, "actions": ["find", "insert"]},
        {"resource": {"cluster": True}, "actions": ["listDatabases"]},
    ]
    needs = {"videos.jobs": ["find", "update"], "mp3s.fs.files": ["insert"], "limits.": ["find"]}

    assert mongodb.missing(granted, needs) == ["update on videos.jobs", "find on limits"]
    assert mongodb.missing([{"resource": {"anyResource": True}, "actions": ["find", "update", "insert"]}], needs) == []


@pytest.mark.parametrize("service", sorted(ROLES))
def test_the_role_of_each_service_grants_the_privileges_that_are_checked(service: str):
    granted = [
        {"resource": dict(zip(("db", "collection"), name.split(".", 1), strict=True)), "actions": actions}
        for name, actions in ROLES[service].items()
    ]
    assert mongodb.missing(granted, importlib.import_module(f"{service}.doctor").NEEDS) == []


def test_every_service_has_its_checks():
    found = {path.parent.name for path in (Path(__file__).parents[3] / "src").glob("*/doctor.py")}
    assert found == set(SERVICES)
