"""The mail server and the provider of summaries that the stack has for development, as programs of it."""

import smtplib
import ssl
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import requests

from scripts.stack import environment
from scripts.stack.program import Program, StackError, find
from scripts.stack.state import State


def mailserver(state: State) -> Program:
    """The mail server; its certificate must have been prepared."""
    names = environment.own(state)
    accounts = {name: names[name] for name in ("SMTP_USER", "SMTP_PASSWORD")}
    return _program(state, "mailserver", "smtp", accounts, lambda: check_mail(state))


def provider(state: State) -> Program:
    """The provider of summaries, which is part of a stack on request."""
    url = f"http://127.0.0.1:{state.ports['provider']}/healthz"
    key = {"PROVIDER_KEY": state.secrets["provider"]}
    return _program(state, "provider", "http", key, lambda: requests.get(url, timeout=5).raise_for_status())


def _program(state: State, name: str, scheme: str, variables: Mapping[str, str], check: Callable[[], None]) -> Program:
    port, server = state.ports[name], Path(__file__).with_name(f"{name.removesuffix('server')}server.py")
    return Program(
        name=name,
        # -P: the folder of the script is not searched for modules.
        command=(sys.executable, "-P", str(server), "--folder", str(state.folder / name), "--port", str(port)),
        environment={**environment.base(state), "PYTHONUNBUFFERED": "1", **variables},
        check=check,
        port=port,
        url=f"{scheme}://127.0.0.1:{port}",
        is_server=True,
        stop_seconds=5,
    )


def prepare_provider(state: State) -> None:
    (state.folder / "provider").mkdir(mode=0o700, exist_ok=True)


def prepare_mail(state: State) -> None:
    """Makes the certificate at the first start; it names the loopback addresses and is self-signed."""
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


def check_mail(state: State) -> None:
    """Starts TLS and logs in as the notification service does."""
    names = environment.own(state)
    with smtplib.SMTP(names["SMTP_HOST"], int(names["SMTP_PORT"]), timeout=5) as client:
        client.starttls(context=ssl.create_default_context(cafile=names["SMTP_CA_FILE"]))
        client.login(names["SMTP_USER"], names["SMTP_PASSWORD"])
