"""Fixtures of all tiers: the running stack, and its users."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import MySQLdb
import pytest
from hypothesis import HealthCheck, settings

from scripts.stack import Stack
from tests.person import Person
from tests.waiting import eventually

# No deadline, because the machine may be busy. The same examples each time, so that a run does not fail for a reason
# unrelated to the change; HYPOTHESIS_PROFILE=explore tries more.
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
    """Where the stack's mail server stores emails."""
    return Path(environment["MAILDIR"])


@pytest.fixture
def newcomer(stack: Stack, maildir: Path) -> Callable[[], Person]:
    """Creates users without an account."""
    return lambda: Person(stack.url("gateway"), maildir)


@pytest.fixture
def person(newcomer: Callable[[], Person]) -> Person:
    """A user who has registered and logged in."""
    return newcomer().joins()


@pytest.fixture
def operator(environment: dict[str, str]) -> Iterator[Any]:
    """A cursor of the administrator of the accounts' database."""
    with MySQLdb.connect(
        host=environment["MYSQL_HOST"],
        port=int(environment["MYSQL_PORT"]),
        user="root",
        password=environment["MYSQL_ROOT_PASSWORD"],
        database=environment["MYSQL_DB"],
        connect_timeout=10,
        autocommit=True,
    ) as connection:
        yield connection.cursor()


@pytest.fixture
def administrator(newcomer: Callable[[], Person], operator: Any) -> Person:
    """The user of ADMIN_EMAILS (tests/settings.env), who is signed in; an operator has inserted the row."""
    someone = newcomer()
    someone.email, someone.password = "administrator@example.com", "the password of the administrator"
    operator.execute("INSERT IGNORE INTO user (email, password) VALUES (%s, %s)", [someone.email, someone.password])
    return someone.login()


@pytest.fixture
def unconfirmed(person: Person, operator: Any) -> Person:
    """A user whose address is not confirmed, which the tests' stack does not require."""
    operator.execute("UPDATE user SET verified = FALSE WHERE email = %s", [person.email])
    eventually(lambda: person.request("GET", "/jobs").status_code == 403, what="the new state of the account")
    return person
