"""The stack's mail server as a program: its certificate, its command and whether it answers."""

import smtplib
import ssl
import subprocess
import sys
from pathlib import Path

from scripts.stack import environment
from scripts.stack.errors import StackError
from scripts.stack.program import Program, find
from scripts.stack.state import State

_SERVER = Path(__file__).with_name("mailserver.py")


def program(state: State) -> Program:
    """The server; its certificate must have been prepared."""
    port = state.ports["mailserver"]
    names = environment.own(state)
    return Program(
        name="mailserver",
        # -P: the folder of the script is not searched for modules.
        command=(sys.executable, "-P", str(_SERVER), "--folder", str(state.folder / "mailserver"), "--port", str(port)),
        environment={
            **environment.base(state),
            "PYTHONUNBUFFERED": "1",
            "SMTP_USER": names["SMTP_USER"],
            "SMTP_PASSWORD": names["SMTP_PASSWORD"],
        },
        check=lambda: check(state),
        port=port,
        url=f"smtp://127.0.0.1:{port}",
        is_server=True,
        stop_seconds=5,
    )


def prepare(state: State) -> None:
    """Makes the certificate at the first start; it names the loopback addresses and vouches for itself."""
    folder = state.folder / "mailserver"
    folder.mkdir(mode=0o700, exist_ok=True)
    certificate = folder / "certificate.pem"
    if certificate.exists():
        return
    draft = certificate.with_suffix(".new")
    command = [
        find("openssl", package="openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-days", "3650", "-subj", "/CN=localhost", "-keyout", str(folder / "key.pem"), "-out", str(draft),
        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
        # Strict verification, the default from Python 3.13 on, wants an authority's use of its key spelled out.
        "-addext", "keyUsage=critical,digitalSignature,keyCertSign",
    ]  # fmt: skip
    result = subprocess.run(
        command, env=environment.base(state), capture_output=True, text=True, timeout=60, check=False
    )
    if result.returncode != 0:
        raise StackError(f"openssl cannot make a certificate: {result.stderr}")
    draft.rename(certificate)


def check(state: State) -> None:
    """Starts TLS and logs in as the notification service does."""
    names = environment.own(state)
    with smtplib.SMTP(names["SMTP_HOST"], int(names["SMTP_PORT"]), timeout=5) as client:
        client.starttls(context=ssl.create_default_context(cafile=names["SMTP_CA_FILE"]))
        client.login(names["SMTP_USER"], names["SMTP_PASSWORD"])
