"""Databases and queues of a test's own, on the stack's servers."""

import secrets
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pika
import pytest

from common.jobs import Jobs
from common.messaging import topology
from common.messaging.connection import BrokerConnection
from common.messaging.publisher import Publisher
from common.settings import MongoSettings, RabbitSettings
from common.storage import mongo
from common.storage.bucket import Bucket
from gateway.store import Store
from tests.waiting import eventually

DELAYS = (0.2, 0.4)


@pytest.fixture(scope="session")
def client(environment: dict[str, str]) -> Iterator[mongo.Client]:
    """A client of the stack's MongoDB."""
    with mongo.connect(MongoSettings(mongo_uri=environment["MONGO_URI"])) as connected:
        yield connected


@pytest.fixture
def db(client: mongo.Client) -> Iterator[mongo.Db]:
    """An empty database, gone afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    yield client[name]
    client.drop_database(name)


@pytest.fixture
def other_db(client: mongo.Client) -> Iterator[mongo.Db]:
    """A second one: videos and MP3s live apart."""
    name = f"test_{secrets.token_hex(6)}"
    yield client[name]
    client.drop_database(name)


@pytest.fixture
def store(db: mongo.Db, other_db: mongo.Db) -> Store:
    """Jobs, videos and MP3s of the test's own."""
    made = Store(Jobs(db), Bucket(db), Bucket(other_db))
    made.ensure_indexes()
    return made


@pytest.fixture
def rabbit(environment: dict[str, str]) -> Iterator[RabbitSettings]:
    """Settings with queues of the test's own, which are deleted afterwards."""
    mark = secrets.token_hex(4)
    settings = RabbitSettings(
        rabbitmq_uri=environment["RABBITMQ_URI"],
        video_queue=f"video-{mark}",
        mp3_queue=f"mp3-{mark}",
        summary_queue=f"summary-{mark}",
        retry_delays=DELAYS,
    )
    yield settings
    connection = pika.BlockingConnection(pika.URLParameters(settings.rabbitmq_url))
    try:
        channel = connection.channel()
        for queue in topology.queues(settings):
            consumption = topology.Consumption(queue, DELAYS, settings.dead_letter_window)
            for declaration in consumption.declarations():
                channel.queue_delete(declaration.name)
    finally:
        connection.close()


@pytest.fixture
def broker(rabbit: RabbitSettings) -> Iterator[BrokerConnection]:
    """A running connection with the queues declared."""
    stop = threading.Event()
    connection = BrokerConnection(rabbit, "test")
    thread = connection.start(stop)
    eventually(lambda: _connected(connection), what="the connection to RabbitMQ")
    yield connection
    stop.set()
    thread.join(20)


def _connected(connection: BrokerConnection) -> bool:
    try:
        connection.check()
    except Exception as error:
        raise AssertionError(str(error)) from error
    return True


@pytest.fixture
def publisher(rabbit: RabbitSettings, broker: BrokerConnection) -> Publisher:
    """Publishes to the test's queues."""
    return Publisher(rabbit, broker)


@pytest.fixture
def taken(rabbit: RabbitSettings, broker: BrokerConnection) -> Callable[[str], tuple[bytes, dict[str, Any]] | None]:
    """Takes one message from a queue: body and headers, None when it is empty."""

    def take(queue: str) -> tuple[bytes, dict[str, Any]] | None:
        method, properties, body = broker.call(lambda channel: channel.basic_get(queue, auto_ack=True))
        return (body, dict(properties.headers or {})) if method else None

    return take
