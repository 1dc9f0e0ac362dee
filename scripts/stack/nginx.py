"""The nginx before a gateway, as in the gateway's pod: the same configuration, started by the same script."""

from pathlib import Path

import requests

from scripts.stack import environment
from scripts.stack.paths import ROOT
from scripts.stack.program import Program
from scripts.stack.state import State

_START = ROOT / "src" / "nginx" / "start.sh"
# The settings of the gateway that its nginx reads too.
_SHARED = ("CLIENT_TIMEOUT", "LOG_FORMAT")


def name_of(gateway: str) -> str:
    """The name of the nginx before the gateway `gateway`."""
    return f"{gateway}-nginx"


def folder(state: State, gateway: str) -> Path:
    """Where its configuration and its temporary files are."""
    return state.tmp / name_of(gateway)


def program(state: State, gateway: str) -> Program:
    """The nginx of a gateway."""
    name = name_of(gateway)
    port, health, behind = (state.ports[one] for one in (gateway, name, f"{gateway}_gunicorn"))
    settings = environment.service(state, gateway, "gateway")
    return Program(
        name=name,
        command=(str(_START),),
        environment={
            **environment.base(state),
            "TMPDIR": str(folder(state, gateway)),
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
