"""`python -m common.doctor` on the stack's servers, with each service's own accounts."""

import os
import subprocess
import sys

import pytest

from scripts.stack import Stack, environment
from scripts.stack.state import ROOT

# The server and the step of each line, in order.
_MONGODB = ["mongodb DNS", "mongodb TCP", "mongodb login", "mongodb primary", "mongodb privileges"]
_RABBITMQ = ["rabbitmq DNS", "rabbitmq TCP", "rabbitmq login", "rabbitmq publish"]
_AUTH = ["auth DNS", "auth TCP", "auth HTTP"]
EXPECTED = {
    "auth": ["mysql DNS", "mysql TCP", "mysql login", "mysql rights"],
    "gateway": [*_MONGODB, *_RABBITMQ, "rabbitmq video", "rabbitmq video.dead", "rabbitmq mp3.dead", *_AUTH],
    "converter": [*_MONGODB, *_RABBITMQ, "rabbitmq video", "rabbitmq video.dead", "ffmpeg version", "disk work"],
    "notification": [*_MONGODB, *_RABBITMQ, "rabbitmq mp3", "rabbitmq mail", "smtp DNS", "smtp TCP", "smtp login"],
    "summary": [*_MONGODB, *_RABBITMQ, "rabbitmq summary", *_AUTH],
}


def examined(stack: Stack, service: str, **changes: str) -> "subprocess.CompletedProcess[str]":
    variables = environment.service(stack.state, service, service) | changes
    return subprocess.run(
        [sys.executable, "-m", "common.doctor", service, "--timeout", "20"],
        env={"PATH": os.environ["PATH"], **variables, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("service", EXPECTED)
def test_every_dependency_of_a_service_is_checked_with_its_own_account(stack: Stack, service: str) -> None:
    done = examined(stack, service)

    lines = [line.split() for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line[0] for line in lines} == {"ok"}
    found = [" ".join(line[1:3]) for line in lines]
    assert [step for step in EXPECTED[service] if step not in found] == []
    secrets = [value for name, value in stack.state.secrets.items()]
    assert [value for value in secrets if value in done.stdout + done.stderr] == []


@pytest.mark.parametrize(
    ("service", "name", "failed"),
    [
        ("auth", "MYSQL_PASSWORD", "mysql login"),
        ("converter", "RABBITMQ_URI", "rabbitmq login"),
        ("converter", "MONGO_URI", "mongodb login"),
        ("notification", "SMTP_PORT", "smtp TCP"),
    ],
)
def test_a_wrong_password_or_address_fails_at_its_step(stack: Stack, service: str, name: str, failed: str) -> None:
    variables = environment.service(stack.state, service, service)
    wrong = "1" if name == "SMTP_PORT" else "a wrong password"
    if name.endswith("_URI"):
        secret = variables[name].split("@")[0].rpartition(":")[2]
        wrong = variables[name].replace(secret, "wrong")

    done = examined(stack, service, **{name: wrong})

    assert done.returncode == 1, done.stdout + done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [" ".join(line[1:3]) for line in lines if line[0] == "FAILED"] == [failed]
    assert "wrong password" not in done.stdout
