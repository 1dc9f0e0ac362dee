"""Secrets can come from files, and do not stay where other processes can read them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.runtime.settings import EXIT_CONFIGURATION, MongoSettings, RabbitSettings, load_settings
from converter.settings import ConverterSettings
from notification.settings import NotificationSettings

SECRET = "a secret with spaces "


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MONGO_URI", "MONGODB_HOST", "MONGODB_PASSWORD", "RABBITMQ_URI", "RABBITMQ_PASSWORD", "SECRETS_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_a_secret_is_read_from_the_file_that_its_variable_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text(f"{SECRET}\n")
    monkeypatch.setenv("RABBITMQ_HOST", "mq")
    monkeypatch.setenv("RABBITMQ_PASSWORD_FILE", str(tmp_path / "password"))

    password = RabbitSettings().rabbitmq_password
    assert password is not None
    assert password.get_secret_value() == SECRET


def test_a_mounted_secret_has_a_file_for_each_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Kubernetes mounts it: symbolic links to a folder that it replaces."""
    (tmp_path / "..data").mkdir()
    for name, value in {"MONGO_URI": "mongodb://x", "RABBITMQ_PASSWORD": SECRET, "RABBITMQ_USER": "me"}.items():
        (tmp_path / "..data" / name).write_text(value)
        (tmp_path / name).symlink_to(Path("..data") / name)
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("RABBITMQ_HOST", "mq")

    settings = ConverterSettings()
    assert settings.mongo_url == "mongodb://x"
    assert settings.rabbitmq_url == "amqp://me:a%20secret%20with%20spaces%20@mq:5672/%2F"


def test_a_variable_wins_over_a_mounted_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "MONGO_URI").write_text("mongodb://mounted")
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("MONGO_URI", "mongodb://variable")

    assert MongoSettings().mongo_url == "mongodb://variable"


def test_a_mounted_secret_may_have_a_deprecated_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"MONGO_URI": "mongodb://x", "RABBITMQ_URI": "amqp://x", "LINK_SECRET": 32 * "x", "TELLING_LEASE": "7"}
    for name, value in {**values, "SMTP_HOST": "mail", "MAIL_FROM": "me@example.com"}.items():
        (tmp_path / name).write_text(value)
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))

    assert NotificationSettings().send_lease == 7


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"MONGO_URI_FILE": "/no/such/file"}, "MONGO_URI_FILE: /no/such/file cannot be read: No such file"),
        ({"MONGO_URI_FILE": "/dev/null", "MONGO_URI": SECRET}, "MONGO_URI and MONGO_URI_FILE are both set"),
        ({"SECRETS_DIR": "/no/such/folder"}, "SECRETS_DIR: /no/such/folder is not a folder"),
    ],
)
def test_a_wrong_file_is_reported_by_its_variable(
    variables: dict[str, str], problem: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as caught:
        load_settings(ConverterSettings)
    assert caught.value.code == EXIT_CONFIGURATION
    written = capsys.readouterr().err
    assert problem in written
    assert SECRET not in written


def test_erased_secrets_are_not_in_the_environment_that_the_kernel_shows() -> None:
    program = (
        "import os; from pathlib import Path; from common.runtime.secret_files import erase_secrets;"
        "from converter.settings import ConverterSettings; settings = ConverterSettings(); erase_secrets(settings);"
        "print(settings.mongo_url, 'MONGO_URI' in os.environ, Path('/proc/self/environ').read_bytes())"
    )
    environment = {"PYTHONPATH": "src", "PATH": os.environ["PATH"], "LOG_LEVEL": "INFO"}
    environment |= {"MONGO_URI": "mongodb://me:hidden@db/", "RABBITMQ_URI": "amqp://me:hidden@mq/"}
    command = [sys.executable, "-c", program]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout

    assert shown.startswith("mongodb://me:hidden@db/ False ")
    assert shown.count("hidden") == 1
    assert "LOG_LEVEL=INFO" in shown
