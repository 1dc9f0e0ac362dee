"""Databases and queues of a test's own, on the stack's servers."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from common.messaging.connection import BrokerConnection
from common.messaging.publisher import Publisher
from common.runtime.settings import MongoSettings, RabbitSettings
from common.storage import mongo
from gateway.jobs.store import Store
from tests.integration import servers


@pytest.fixture(scope="session")
def client(environment: dict[str, str]) -> Iterator[mongo.Client]:
    """A client of the stack's MongoDB."""
    with mongo.connect(MongoSettings(mongo_uri=environment["MONGO_URI"])) as connected:
        yield connected


@pytest.fixture
def db(client: mongo.Client) -> Iterator[mongo.Db]:
    """An empty database, gone afterwards."""
    with servers.database(client) as made:
        yield made


@pytest.fixture
def other_db(client: mongo.Client) -> Iterator[mongo.Db]:
    """A second one: videos and MP3s live apart."""
    with servers.database(client) as made:
        yield made


@pytest.fixture
def store(db: mongo.Db, other_db: mongo.Db) -> Store:
    """Jobs, videos and MP3s of the test's own."""
    return servers.store(db, other_db)


@pytest.fixture
def rabbit(environment: dict[str, str]) -> Iterator[RabbitSettings]:
    """Settings with queues of the test's own, which are deleted afterwards."""
    with servers.queues(environment) as settings:
        yield settings


@pytest.fixture
def broker(rabbit: RabbitSettings) -> Iterator[BrokerConnection]:
    """A running connection with the queues declared."""
    with servers.connection(rabbit) as connected:
        yield connected


@pytest.fixture
def publisher(rabbit: RabbitSettings, broker: BrokerConnection) -> Publisher:
    """Publishes to the test's queues."""
    return Publisher(broker)


@pytest.fixture
def taken(broker: BrokerConnection) -> Callable[[str], tuple[bytes, dict[str, Any]] | None]:
    """Takes one message from a queue: body and headers, None when it is empty."""
    return servers.taking(broker)
