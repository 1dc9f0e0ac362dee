"""TLS to the stack's servers: verified with the authority of their certificate, and refused with any other."""

import functools
from collections.abc import Callable, Iterator, Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import MySQLdb
import pytest
from flask import Flask
from pika.exceptions import AMQPError

from auth.database import Database
from auth.migrations import files, runner
from auth.settings import AuthSettings, MigrationSettings
from auth.users import Users
from backup.mysql import AccountsDatabase
from backup.programs import BackupError
from backup.settings import BackupSettings
from common.errors import TransientError
from common.messaging.connection import connect
from common.runtime.settings import MongoSettings, RabbitSettings
from common.storage import mongo
from notification.mailer import Mailer
from notification.settings import NotificationSettings
from scripts.stack import certificates
from tests.integration import mail

GOOD_HOST = "127.0.0.1"
# The same address, for which no certificate is valid.
WRONG_HOST = "127.1"
_PATH = {"PATH": "/usr/bin:/bin"}


@pytest.fixture(scope="module")
def ca(environment: dict[str, str]) -> Path:
    """The authority of the servers' certificate."""
    return Path(environment["TLS_FOLDER"]) / "ca.pem"


@pytest.fixture(scope="module")
def wrong_ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wrong") / "ca.pem"
    certificates.make_authority(path, _PATH)
    return path


@pytest.fixture(scope="module")
def client_certificate(ca: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("client") / "client.pem"
    certificates.sign(ca, path, "extendedKeyUsage=clientAuth", _PATH)
    return path


Use = Callable[[str, Path, Path | None], None]


@pytest.fixture(
    params=["mysql", "mysql migrations", "mysql backup", "mongodb", "rabbitmq", "starttls", "smtp over tls"]
)
def use(request: pytest.FixtureRequest, environment: dict[str, str], tmp_path: Path) -> Iterator[Use]:
    """Uses a server as its clients do; raises if it cannot be reached. The last argument is a client's certificate."""
    name: str = request.param
    if name in _CLIENTS:
        yield functools.partial(_CLIENTS[name], environment)
        return
    security = {"starttls": "starttls", "smtp over tls": "tls"}[name]
    with mail.running(environment, tmp_path, *(["--implicit-tls"] if security == "tls" else [])) as server:

        def send(host: str, ca: Path, _certificate: Path | None) -> None:
            values = mail.settings(environment, server, smtp_host=host, smtp_ca_file=ca, smtp_security=security)
            email = EmailMessage()
            email["From"], email["To"] = "noreply@example.com", "someone@example.com"
            Mailer(NotificationSettings(**values)).send(email)

        yield send


def _mysql(environment: Mapping[str, str], host: str, ca: Path, certificate: Path | None) -> dict[str, Any]:
    names = ("MYSQL_PORT", "MYSQL_USER", "MYSQL_PASSWORD", "MYSQL_DB", "MYSQL_MIGRATIONS_PASSWORD")
    values: dict[str, Any] = {name.lower(): environment[name] for name in names}
    return {**values, "mysql_host": host, "mysql_ca_file": ca, "mysql_cert_file": certificate}


def _use_mysql(environment: Mapping[str, str], host: str, ca: Path, certificate: Path | None) -> None:
    app = Flask("test")
    secrets = {"jwt_secret": "x" * 32, "link_secret": "x" * 32}
    users = Users(Database(app, AuthSettings(**_mysql(environment, host, ca, certificate), **secrets)))
    with app.app_context():
        users.check()


def _use_migrations(environment: Mapping[str, str], host: str, ca: Path, certificate: Path | None) -> None:
    runner.run(MigrationSettings(**_mysql(environment, host, ca, certificate)), files.load())


def _use_backup(environment: Mapping[str, str], host: str, ca: Path, certificate: Path | None) -> None:
    more = {"mongo_uri": environment["MONGO_URI"], "restic_repository": "/nowhere", "restic_password": "x" * 16}
    AccountsDatabase(BackupSettings(**_mysql(environment, host, ca, certificate), **more)).rows()


def _use_mongodb(environment: Mapping[str, str], host: str, ca: Path, certificate: Path | None) -> None:
    settings = MongoSettings(
        mongo_uri=environment["MONGO_URI"].replace(GOOD_HOST, host) + "&directConnection=true",
        mongodb_ca_file=ca, mongodb_cert_file=certificate, mongodb_timeout=2,
    )  # fmt: skip
    with mongo.connect(settings) as client:
        mongo.ping(client)()


def _use_rabbitmq(environment: Mapping[str, str], host: str, ca: Path, certificate: Path | None) -> None:
    connect(_rabbitmq(environment, host, ca, certificate), "test").close()


def _rabbitmq(environment: Mapping[str, str], host: str, ca: Path, certificate: Path | None) -> RabbitSettings:
    return RabbitSettings(
        rabbitmq_host=host, rabbitmq_port=environment["RABBITMQ_TLS_PORT"], rabbitmq_user=environment["RABBITMQ_USER"],
        rabbitmq_password=environment["RABBITMQ_PASSWORD"], rabbitmq_ca_file=ca, rabbitmq_cert_file=certificate,
    )  # fmt: skip


_CLIENTS = {
    "mysql": _use_mysql,
    "mysql migrations": _use_migrations,
    "mysql backup": _use_backup,
    "mongodb": _use_mongodb,
    "rabbitmq": _use_rabbitmq,
}


@pytest.fixture
def refused() -> Callable[..., str]:
    """The error of a use that must fail."""

    def fails(use: Use, host: str, ca: Path) -> str:
        with pytest.raises((TransientError, BackupError, OSError)) as caught:
            use(host, ca, None)
        return str(caught.value)

    return fails


def test_a_server_is_reached_with_the_authority_of_its_certificate(use: Use, ca: Path) -> None:
    use(GOOD_HOST, ca, None)


def test_a_server_of_another_authority_is_refused(use: Use, wrong_ca: Path, refused: Callable[..., str]) -> None:
    error = refused(use, GOOD_HOST, wrong_ca)
    assert "self-signed certificate in certificate chain" in error or "unable to get local issuer certificate" in error


def test_a_certificate_for_another_host_is_refused(use: Use, ca: Path, refused: Callable[..., str]) -> None:
    error = refused(use, WRONG_HOST, ca)
    assert "not valid for '127.1'" in error or "Validation of SSL server certificate failed" in error


@pytest.fixture
def account_with_a_certificate(environment: dict[str, str]) -> Iterator[str]:
    """An account of MySQL that has to show a certificate that the server's authority has signed."""
    login = {"user": environment["MYSQL_ROOT_USER"], "password": environment["MYSQL_ROOT_PASSWORD"]}
    with MySQLdb.connect(host=GOOD_HOST, port=int(environment["MYSQL_PORT"]), **login) as root:
        root.cursor().execute("CREATE USER certified@'%' IDENTIFIED BY 'secret' REQUIRE X509")
        root.cursor().execute("GRANT SELECT ON auth.* TO certified@'%'")
        yield "certified"
        root.cursor().execute("DROP USER certified@'%'")


def test_mysql_gets_the_certificate_of_its_client(
    environment: dict[str, str], account_with_a_certificate: str, ca: Path, client_certificate: Path
) -> None:
    own = {**environment, "MYSQL_USER": account_with_a_certificate, "MYSQL_PASSWORD": "secret"}
    for use in (_use_mysql, _use_backup):
        use(own, GOOD_HOST, ca, client_certificate)
        with pytest.raises((TransientError, BackupError), match="Access denied"):
            use(own, GOOD_HOST, ca, None)


@pytest.mark.parametrize("use", [_use_mongodb, _use_rabbitmq])
def test_mongodb_and_rabbitmq_verify_the_certificate_of_their_client(
    environment: dict[str, str],
    use: Callable[..., None],
    ca: Path,
    client_certificate: Path,
    wrong_ca: Path,
    tmp_path: Path,
) -> None:
    use(environment, GOOD_HOST, ca, client_certificate)
    certificates.sign(wrong_ca, tmp_path / "other.pem", "extendedKeyUsage=clientAuth", _PATH)
    with pytest.raises((TransientError, OSError, AMQPError)):
        use(environment, GOOD_HOST, ca, tmp_path / "other.pem")
