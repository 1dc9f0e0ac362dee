"""Databases, queues and a mail server that the tests of a module share: each test has its own owner."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from common.messaging.connection import BrokerConnection
from common.messaging.publisher import Publisher
from common.runtime.settings import RabbitSettings
from common.storage import mongo
from gateway.jobs.store import Store
from tests.integration import mail, servers
from tests.integration.interleavings import stopping


@pytest.fixture(scope="module")
def store(client: mongo.Client) -> Iterator[Store]:
    with servers.database(client) as db, servers.database(client) as other_db:
        yield servers.store(db, other_db)


@pytest.fixture(scope="module")
def rabbit(environment: dict[str, str]) -> Iterator[RabbitSettings]:
    with servers.queues(environment) as settings:
        yield settings


@pytest.fixture(scope="module")
def broker(rabbit: RabbitSettings) -> Iterator[BrokerConnection]:
    with servers.connection(rabbit) as connected:
        yield connected


@pytest.fixture(scope="module")
def publisher(rabbit: RabbitSettings, broker: BrokerConnection) -> Publisher:
    return Publisher(broker)


@pytest.fixture(scope="module")
def taken(broker: BrokerConnection) -> Callable[[str], tuple[bytes, dict[str, Any]] | None]:
    return servers.taking(broker)


@pytest.fixture(scope="module")
def mail_server(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[mail.MailServer]:
    with mail.running(environment, tmp_path_factory.mktemp("mail")) as server:
        yield server


@pytest.fixture(autouse=True)
def _workers_can_be_stopped() -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        stack.enter_context(stopping.installed())
        yield
