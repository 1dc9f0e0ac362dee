"""The stack's own services, run from the checkout as the images run them."""

import sys
from pathlib import Path

import requests

from scripts.stack import environment
from scripts.stack.program import Program, StackError
from scripts.stack.state import ROOT, State

# Seconds between two runs of housekeeping.
_HOUSEKEEPING_EVERY = 30
# The settings of the gateway that its nginx reads too.
_SHARED = ("CLIENT_TIMEOUT", "LOG_FORMAT")


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

# Run once at each start of a stack, before the services.
MIGRATIONS = ("auth.migrations", "gateway.migrations")


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


def _nginx(state: State, gateway: str) -> Program:
    """The nginx of a gateway, as in the gateway's pod: the same configuration, started by the same script."""
    name = f"{gateway}-nginx"
    port, health, behind = (state.ports[each] for each in (gateway, name, f"{gateway}_gunicorn"))
    settings = environment.service(state, gateway, "gateway")
    return Program(
        name=name,
        command=(str(ROOT / "src" / "nginx" / "start.sh"),),
        environment={
            **environment.base(state),
            "TMPDIR": str(state.tmp / name),
            "LISTEN": f"127.0.0.1:{port}",
            "HEALTH_LISTEN": f"127.0.0.1:{health}",
            "GATEWAY_ADDRESS": f"127.0.0.1:{behind}",
            "WEB_ROOT": str(ROOT / "src" / "web" / "dist"),
            **{variable: settings[variable] for variable in _SHARED if variable in settings},
        },
        check=lambda: requests.get(f"http://127.0.0.1:{health}/healthz", timeout=5).raise_for_status(),
        port=port,
        url=f"http://127.0.0.1:{port}",
        stop_seconds=5,
    )


def _reloader(state: State) -> Program:
    return Program(
        name="reloader",
        command=(sys.executable, "-m", "scripts.stack.reload", str(state.path)),
        environment={**environment.base(state), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        check=lambda: None,
        stop_seconds=5,
    )


def group(state: State, name: str, like: str) -> list[Program]:
    """The programs that together are the service `name`."""
    return [*([_nginx(state, name)] if like == "gateway" else []), program(state, name, like)]


def names(state: State) -> dict[str, str]:
    """The names of all services of the stack, added ones included, and the service whose code each runs."""
    return {name: name for name in COMMANDS} | {name: variant.like for name, variant in state.variants.items()}


def programs(state: State) -> list[Program]:
    found = [program for name, like in names(state).items() for program in group(state, name, like)]
    return [*found, _reloader(state)] if state.reload else found
