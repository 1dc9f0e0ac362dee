"""What RabbitMQ imports at each start: manifests/rabbitmq/users.sh."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.manifests.kustomize import MANIFESTS

USERS = MANIFESTS / "rabbitmq" / "users.sh"
NAMES = ("GATEWAY", "CONVERTER", "NOTIFICATION", "SUMMARY", "MANAGER")
QUEUES = {"VIDEO_QUEUE": "films", "MP3_QUEUE": "mp3", "SUMMARY_QUEUE": "summary", "MAIL_QUEUE": "mail"}
# Whatever an operator writes into .env.
PASSWORD = '${MP3_QUEUE} "\\&$x`y'


def written(path: Path, variables: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", USERS, path], env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def test_the_users_have_the_passwords_and_the_queues_of_the_environment(tmp_path: Path) -> None:
    passwords = {f"RABBITMQ_{name}_PASSWORD": f"{name} {PASSWORD}" for name in NAMES}
    done = written(tmp_path / "made.json", passwords | QUEUES)
    assert done.returncode == 0, done.stderr
    made = json.loads((tmp_path / "made.json").read_text())
    assert (tmp_path / "made.json").stat().st_mode & 0o077 == 0
    assert {user["name"]: user["password"] for user in made["users"]} == {
        name.lower(): f"{name} {PASSWORD}" for name in NAMES
    }
    permissions = {each["user"]: each for each in made["permissions"]}
    assert permissions["converter"]["read"] == "^films($|\\.)"
    assert permissions["gateway"]["read"] == "^(films|mp3|summary|mail)\\.dead$"


@pytest.mark.parametrize("missing", ["RABBITMQ_SUMMARY_PASSWORD", "MAIL_QUEUE"])
def test_rabbitmq_does_not_start_without_a_value(tmp_path: Path, missing: str) -> None:
    variables = {f"RABBITMQ_{name}_PASSWORD": "x" for name in NAMES} | QUEUES
    del variables[missing]
    done = written(tmp_path / "made.json", variables)
    assert done.returncode != 0
    assert f"{missing} is missing" in done.stderr
