"""The provider of summaries for trying out, as a program of the stack: it is there when it was asked for."""

import sys
from pathlib import Path

import requests

from scripts.stack import environment
from scripts.stack.program import Program
from scripts.stack.state import State

_SERVER = Path(__file__).with_name("providerserver.py")


def program(state: State) -> Program:
    """The server."""
    port = state.ports["provider"]
    url = f"http://127.0.0.1:{port}"
    return Program(
        name="provider",
        # -P: the folder of the script is not searched for modules.
        command=(sys.executable, "-P", str(_SERVER), "--folder", str(state.folder / "provider"), "--port", str(port)),
        environment={
            **environment.base(state),
            "PYTHONUNBUFFERED": "1",
            "PROVIDER_KEY": state.secrets["provider"],
        },
        check=lambda: requests.get(f"{url}/healthz", timeout=5).raise_for_status(),
        port=port,
        url=url,
        is_server=True,
        stop_seconds=5,
    )


def prepare(state: State) -> None:
    """Makes its folder."""
    (state.folder / "provider").mkdir(mode=0o700, exist_ok=True)
