"""A mail server of a test's own."""

import contextlib
import json
import mailbox
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.servers import mailserver
from tests.waiting import eventually


class MailServer:
    """A mail server that fails on request."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    def set_mode(self, mode: str, **more: object) -> None:
        """Sets the behaviour for the next clients."""
        draft = self.folder / "control.new"
        draft.write_text(json.dumps({"mode": mode, **more}))
        draft.rename(self.folder / "control.json")

    @property
    def inbox(self) -> list[mailbox.MaildirMessage]:
        """The accepted emails."""
        return list(mailbox.Maildir(self.folder / "Maildir", create=True))


@contextlib.contextmanager
def running(environment: Mapping[str, str], folder: Path, *options: str) -> Iterator[MailServer]:
    """A mail server with the stack's certificate, and the account "me" with the password "secret"."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    certificate = f"--certificate={environment['TLS_FOLDER']}/server.pem"
    command = [sys.executable, "-P", mailserver.__file__, "--folder", str(folder), "--port", str(port), certificate]
    variables = {**os.environ, "SMTP_USER": "me", "SMTP_PASSWORD": "secret"}
    with subprocess.Popen([*command, *options], env=variables, stderr=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: _listens(port), what="the mail server")
            yield MailServer(folder, port)
        finally:
            process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:  # a client that it lets hang keeps it
            process.kill()


def settings(environment: Mapping[str, str], server: MailServer, **changes: object) -> dict[str, object]:
    """The values of NotificationSettings that send through it."""
    return {
        "mongo_uri": environment["MONGO_URI"],
        "rabbitmq_uri": environment["RABBITMQ_URI"],
        "link_secret": "0123456789abcdef0123456789abcdef",
        "smtp_host": "127.0.0.1",
        "smtp_port": server.port,
        "smtp_user": "me",
        "smtp_password": "secret",
        "smtp_ca_file": environment["SMTP_CA_FILE"],
        "smtp_timeout": 3,
        "mail_from": "noreply@example.com",
        **changes,
    }


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0
