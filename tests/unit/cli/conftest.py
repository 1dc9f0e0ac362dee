"""A server, an account, and time that passes only while the command waits."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli import tus_server
from tests.unit.cli.tus_server import State
from video2mp3 import http_client
from video2mp3.account import Account
from video2mp3.api import Api
from video2mp3.conversion.converter import Converter
from video2mp3.conversion.progress import Stages
from video2mp3.records import Records


class Clock(threading.Event):
    """An event that is never set, and whose waits are recorded and take no time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        if timeout:
            self.now += timeout
            self.waits.append(timeout)
        return self.is_set()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(http_client.time, "monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def served() -> Iterator[tuple[str, State]]:
    """The address of a server, and its state."""
    server, state = tus_server.start()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def state(served: tuple[str, State]) -> State:
    return served[1]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of the person who runs the tests is read or changed."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "VIDEO2MP3_SERVER", "VIDEO2MP3_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def api(served: tuple[str, State], clock: Clock) -> Api:
    api = Api(Account(served[0], "you@example.com", "a-token"))
    api.stop = clock
    return api


@pytest.fixture
def converter(api: Api) -> Any:
    """Creates a converter, each as in a new process."""

    def create(**more: Any) -> Converter:
        return Converter(api, Records(api.account), more.pop("options", {}), Stages(), **more)

    return create


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A file of two parts."""
    path = tmp_path / "talk.mp4"
    path.write_bytes(bytes(range(256)) * 1024)
    return path
