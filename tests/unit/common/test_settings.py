"""Settings come from the environment, and all problems are reported at once."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from common.runtime.settings import (
    EXIT_CONFIGURATION,
    LinkSettings,
    MongoSettings,
    RabbitSettings,
    configuration_errors,
)
from gateway.settings import GatewaySettings

SECRET = "0123456789abcdef0123456789abcdef"


def test_a_password_with_special_characters_survives_in_the_connection_strings():
    mongo = MongoSettings(mongodb_host="db", mongodb_user="me@home", mongodb_password="p:/@%?#")
    rabbit = RabbitSettings(rabbitmq_host="mq", rabbitmq_password="p:/@%?#")
    assert mongo.mongo_url == "mongodb://me%40home:p%3A%2F%40%25%3F%23@db:27017/?authSource=admin"
    assert rabbit.rabbitmq_url == "amqp://guest:p%3A%2F%40%25%3F%23@mq:5672/%2F"


def test_the_delays_are_read_from_a_variable(monkeypatch):
    monkeypatch.setenv("RABBITMQ_URI", "amqp://x")
    monkeypatch.setenv("RETRY_DELAYS", "0.5, 2,10")
    assert RabbitSettings().retry_delays == (0.5, 2, 10)


@pytest.mark.parametrize("name", ["link_secret", "link_secret_previous"])
def test_a_short_link_secret_is_refused_and_not_shown(name):
    with pytest.raises(ValidationError) as caught:
        LinkSettings(**{"link_secret": SECRET, name: "too short"})
    assert "too short" not in str(caught.value)


def test_all_problems_are_reported_at_once(monkeypatch):
    monkeypatch.setenv("MAX_UPLOAD_MB", "-5")
    with pytest.raises(ValidationError) as caught:
        GatewaySettings()
    lines = configuration_errors(caught.value)
    assert any(line.startswith("MAX_UPLOAD_MB:") for line in lines)
    assert "AUTH_SVC_ADDRESS: is missing" in lines
    assert "LINK_SECRET: is missing" in lines


@pytest.mark.parametrize("module", ["converter", "notification", "gateway.housekeeping", "gateway.wsgi"])
def test_a_process_without_configuration_names_the_missing_variables_and_exits(module):
    done = subprocess.run(
        [sys.executable, "-m", module],
        env={"PYTHONPATH": "src", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == EXIT_CONFIGURATION
    assert "MONGO_URI or MONGODB_HOST must be set" in done.stderr
    assert "RABBITMQ_URI, or RABBITMQ_HOST and RABBITMQ_PASSWORD, must be set" in done.stderr
    assert "Traceback" not in done.stderr


def test_files_of_certificates_that_cannot_be_used_are_named_at_the_start(tmp_path):
    (tmp_path / "text.pem").write_text("not a certificate")
    files = {
        "MONGODB_CA_FILE": tmp_path / "missing.pem", "MONGODB_CERT_FILE": tmp_path / "text.pem",
        "RABBITMQ_CA_FILE": tmp_path / "text.pem",
    }  # fmt: skip
    environment = {
        "PYTHONPATH": "src", "PATH": "/usr/bin:/bin", "MONGO_URI": "mongodb://x", "RABBITMQ_URI": "amqp://x",
        "AUTH_SVC_ADDRESS": "auth:5000",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "gateway.housekeeping"],
        env=environment | {name: str(path) for name, path in files.items()},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == EXIT_CONFIGURATION
    assert f"MONGODB_CA_FILE: {tmp_path}/missing.pem cannot be read: No such file or directory" in done.stderr
    assert f"MONGODB_CERT_FILE: {tmp_path}/text.pem does not contain a certificate and its private key" in done.stderr
    assert f"RABBITMQ_CA_FILE: {tmp_path}/text.pem does not contain certificates in PEM format" in done.stderr
