"""What all tiers share: the running stack, and people who use it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from scripts.stack import Stack
from tests.person import Person

# The machine may be busy with anything: how long an example takes says nothing. The same examples each time keep the
# gate from failing on a find that has nothing to do with the change at hand; HYPOTHESIS_PROFILE=explore looks for more.
settings.register_profile("gate", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The stack that `./scripts/test.sh` started."""
    path = os.environ.get("V2M_STACK")
    if not path:
        pytest.fail("Needs a stack: run ./scripts/test.sh with this tier's name, or set V2M_STACK to a state file.")
    return Stack.open(path)


@pytest.fixture(scope="session")
def environment(stack: Stack) -> dict[str, str]:
    """The variables that the stack's services and its tests need."""
    return stack.environment


@pytest.fixture(scope="session")
def maildir(environment: dict[str, str]) -> Path:
    """Where the stack's mail server puts what it accepts."""
    return Path(environment["MAILDIR"])


@pytest.fixture
def newcomer(stack: Stack, maildir: Path) -> Callable[[], Person]:
    """Makes people without an account."""
    return lambda: Person(stack.url("gateway"), maildir)


@pytest.fixture
def person(newcomer: Callable[[], Person]) -> Person:
    """Someone who has registered and logged in."""
    return newcomer().joins()
