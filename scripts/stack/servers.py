"""The servers of a stack, with the two small ones: the mail server and the provider of summaries for development."""

import smtplib
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence

import requests

from scripts.stack import certificates, environment
from scripts.stack.program import Program
from scripts.stack.state import ROOT, State


def server(
    state: State,
    name: str,
    command: Sequence[str],
    check: Callable[[], None],
    prepare: Callable[[], None],
    *,
    url: str | None = None,
    variables: Mapping[str, str] | None = None,
    stop_seconds: int = 30,
) -> Program:
    """A program that other programs use. Its folder exists when `prepare` is called."""

    def prepare_folder() -> None:
        (state.folder / name).mkdir(mode=0o700, exist_ok=True)
        prepare()

    port = state.ports[name]
    return Program(
        name=name, command=tuple(command), environment={**environment.base(state), **(variables or {})}, check=check,
        prepare=prepare_folder, port=port, url=url or f"{name}://127.0.0.1:{port}", is_server=True,
        stop_seconds=stop_seconds,
    )  # fmt: skip


def mailserver(state: State) -> Program:
    names = environment.own(state)
    return server(
        state, "mailserver",
        [*_script(state, "mailserver", "mailserver.py"), f"--certificate={certificates.server(state)}"],
        lambda: _check_mail(state), lambda: None,
        url=f"smtp://127.0.0.1:{state.ports['mailserver']}",
        variables={name: names[name] for name in ("SMTP_USER", "SMTP_PASSWORD")}, stop_seconds=5,
    )  # fmt: skip


def provider(state: State) -> Program:
    """The provider of summaries, which is part of a stack on request."""
    url = f"http://127.0.0.1:{state.ports['provider']}"
    return server(
        state, "provider", _script(state, "provider", "providerserver.py"),
        lambda: requests.get(f"{url}/healthz", timeout=5).raise_for_status(), lambda: None,
        url=url, variables={"PROVIDER_KEY": state.secrets["provider"]}, stop_seconds=5,
    )  # fmt: skip


def _script(state: State, name: str, file: str) -> list[str]:
    # -P: the folder of the script is not searched for modules.
    path, folder = ROOT / "tests" / "servers" / file, state.folder / name
    return [sys.executable, "-uP", str(path), "--folder", str(folder), "--port", str(state.ports[name])]


def _check_mail(state: State) -> None:
    """Starts TLS and logs in as the notification service does."""
    names = environment.own(state)
    with smtplib.SMTP(names["SMTP_HOST"], int(names["SMTP_PORT"]), timeout=5) as client:
        client.starttls(context=ssl.create_default_context(cafile=names["SMTP_CA_FILE"]))
        client.login(names["SMTP_USER"], names["SMTP_PASSWORD"])
