"""The saved state of a stack."""

import json
from pathlib import Path

import pytest

from scripts.stack import environment
from scripts.stack.program import StackError
from scripts.stack.state import State, Variant, socket_folder


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State.create(tmp_path / "mine" / "state.json")


def test_a_saved_state_is_the_same_when_it_is_read(state: State) -> None:
    state.overrides["MAX_UPLOAD_MB"] = "5"
    state.variants["converter-2"] = Variant(like="converter", env={"LOG_LEVEL": "DEBUG"})
    state.supervisor = (1234, 99.5)
    state.save(environment.complete(state))
    assert State.load(state.path) == state


def test_a_state_of_an_older_version_gets_the_ports_that_it_lacks(state: State) -> None:
    ports = dict(state.ports)
    del state.ports["gateway_health"]
    state.save({})
    loaded = State.load(state.path)
    assert loaded.ports.keys() == ports.keys()
    assert len(set(loaded.ports.values())) == len(ports)


def test_only_its_owner_can_read_the_state(state: State) -> None:
    state.save({})
    assert state.path.stat().st_mode & 0o777 == 0o600


def test_the_environment_is_in_the_file_for_other_readers(state: State) -> None:
    state.save(environment.complete(state))
    written = json.loads(state.path.read_text())["environment"]
    assert written["GATEWAY_URL"] == f"http://127.0.0.1:{state.ports['gateway']}"


def test_secrets_are_long_and_different(state: State) -> None:
    other = State.create(state.folder.parent / "other" / "state.json")
    secrets = [*state.secrets.values(), *other.secrets.values()]
    assert len(set(secrets)) == len(secrets)
    assert min(map(len, secrets)) >= 32


def test_a_missing_stack_is_an_error_that_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"local\.sh up"):
        State.load(tmp_path / "state.json")


def test_sockets_move_to_a_short_folder_when_the_checkout_is_deep(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    folder = socket_folder(deep)
    try:
        assert len(bytes(folder / "supervisor.sock.1234567")) < 107
        assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        folder.rmdir()
