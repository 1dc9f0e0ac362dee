"""The stack's own services, run from the checkout as the images run them."""

import sys
from pathlib import Path

import requests

from scripts.stack import environment, nginx
from scripts.stack.errors import StackError
from scripts.stack.program import Program
from scripts.stack.state import State

# How often the housekeeping looks for jobs that were forgotten or are too old. s.
_HOUSEKEEPING_EVERY = 30


def _gunicorn(service: str) -> tuple[str, ...]:
    gunicorn = str(Path(sys.executable).with_name("gunicorn"))
    return (gunicorn, "-c", "python:common.runtime.gunicorn_conf", f"{service}.wsgi:app")


COMMANDS = {
    "auth": _gunicorn("auth"),
    "gateway": _gunicorn("gateway"),
    "converter": (sys.executable, "-m", "converter"),
    "notification": (sys.executable, "-m", "notification"),
    "summary": _gunicorn("summary"),
    "summary-worker": (sys.executable, "-m", "summary"),
    "housekeeping": (sys.executable, "-m", "gateway.housekeeping", "--every", str(_HOUSEKEEPING_EVERY)),
}


def program(state: State, name: str, like: str) -> Program:
    """The service `name`, which runs the code of `like`; a gateway is reached through its nginx."""
    port = state.ports.get(name)
    url = f"http://127.0.0.1:{port}" if port else None

    probed = state.ports.get(environment.listening(name, like).get("HEALTH_PORT", ""))

    def check() -> None:
        if probed is None:
            return
        answer = requests.get(f"http://127.0.0.1:{probed}/status", timeout=10)
        answer.raise_for_status()
        if answer.json()["status"] != "ok":
            raise StackError(f"dependencies: {answer.json()['dependencies']}")

    return Program(
        name=name,
        command=COMMANDS[like],
        environment=environment.service(state, name, like),
        check=check,
        port=port,
        url=url,
    )


def group(state: State, name: str, like: str) -> list[Program]:
    """The programs that together are the service `name`."""
    return [*([nginx.program(state, name)] if like == "gateway" else []), program(state, name, like)]


def programs(state: State) -> list[Program]:
    """All services of the stack, the ones added to it included."""
    names = {name: name for name in COMMANDS} | {name: variant.like for name, variant in state.variants.items()}
    return [one for name, like in names.items() for one in group(state, name, like)]
