"""After each fault: everything is up again, other processes were not affected, and the invariant holds."""

from collections.abc import Iterator

import pytest

from scripts.stack import Stack
from tests import invariant
from tests.faults.breaking import RECOVERY, Faults, recovered
from tests.waiting import eventually


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="also the faults that take minutes each")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes minutes; only with --all")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "faults" in item.path.parts and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(600))
    if not config.getoption("--all"):
        chosen = [item for item in items if not item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


@pytest.fixture(scope="module", autouse=True)
def _no_message_is_left(environment: dict[str, str]) -> Iterator[None]:
    yield
    eventually(lambda: invariant.unsettled(environment) == {}, seconds=90, pause=1, what="queues without messages")


@pytest.fixture
def faults(stack: Stack, environment: dict[str, str]) -> Iterator[Faults]:
    """Causes faults; afterwards everything must have recovered."""
    made = Faults(stack)
    yield made
    made.thaw()
    made.mail("ok")
    for name in stack.programs:
        stack.wait_ready(name, RECOVERY)
    recovered(stack, environment)
    assert made.affected() == set()
