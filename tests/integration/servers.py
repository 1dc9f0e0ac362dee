"""Databases and queues of a test's own, on the stack's servers."""

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pika

from common.messaging import topology
from common.messaging.connection import BrokerConnection
from common.runtime.settings import RabbitSettings
from common.storage import mongo
from gateway.jobs.store import Store
from tests.waiting import eventually

DELAYS = (0.2, 0.4)


@contextlib.contextmanager
def database(client: mongo.Client) -> Iterator[mongo.Db]:
    """An empty database, gone afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    yield client[name]
    client.drop_database(name)


def store(db: mongo.Db, other_db: mongo.Db) -> Store:
    """Jobs and videos in one database, MP3s in the other."""
    made = Store.in_databases(db, other_db)
    made.ensure_indexes()
    return made


@contextlib.contextmanager
def queues(environment: Mapping[str, str]) -> Iterator[RabbitSettings]:
    """Settings with queues of their own, which are deleted afterwards."""
    mark = secrets.token_hex(4)
    settings = RabbitSettings(
        rabbitmq_uri=environment["RABBITMQ_URI"],
        video_queue=f"video-{mark}",
        mp3_queue=f"mp3-{mark}",
        summary_queue=f"summary-{mark}",
        retry_delays=DELAYS,
    )
    yield settings
    with contextlib.closing(pika.BlockingConnection(pika.URLParameters(settings.rabbitmq_url))) as opened:
        channel = opened.channel()
        for declaration in declarations(settings):
            channel.queue_delete(declaration.name)


def declarations(settings: RabbitSettings) -> Iterator[topology.Declaration]:
    """All queues, which their consumers would declare."""
    for queue in topology.queues(settings):
        yield from topology.Consumption(queue, DELAYS, settings.dead_letter_window).declarations()


@contextlib.contextmanager
def connection(rabbit: RabbitSettings) -> Iterator[BrokerConnection]:
    """A running connection with the queues declared."""
    stop = threading.Event()
    made = BrokerConnection(rabbit, "test")
    thread = made.start(stop)
    eventually(lambda: _connected(made), what="the connection to RabbitMQ")
    made.call(lambda channel: topology.declare(channel.connection, declarations(rabbit)))
    yield made
    stop.set()
    thread.join(20)


def taking(broker: BrokerConnection) -> Callable[[str], tuple[bytes, dict[str, Any]] | None]:
    """Takes one message from a queue: body and headers, None when it is empty."""

    def take(queue: str) -> tuple[bytes, dict[str, Any]] | None:
        method, properties, body = broker.call(lambda channel: channel.basic_get(queue, auto_ack=True))
        return (body, dict(properties.headers or {})) if method else None

    return take


def _connected(made: BrokerConnection) -> bool:
    try:
        made.check()
    except Exception as error:
        raise AssertionError(str(error)) from error
    return True
