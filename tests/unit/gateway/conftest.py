import pytest

from tests.unit.gateway.memory import World


@pytest.fixture
def world() -> World:
    return World()
