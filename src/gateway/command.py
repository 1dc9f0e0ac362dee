"""What the gateway's commands share: a connection of their own to MongoDB and RabbitMQ."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from common.domain.job_repository import Jobs
from common.messaging.connection import BrokerConnection, BrokerUnavailable
from common.messaging.publisher import Publisher
from common.storage import mongo
from common.storage.bucket import Bucket
from gateway.jobs.outbox import Outbox
from gateway.jobs.store import Store
from gateway.settings import StoreSettings


@dataclass(frozen=True)
class Tools:
    """What a command works with."""

    settings: StoreSettings
    store: Store
    outbox: Outbox
    publisher: Publisher
    connection: BrokerConnection


@contextlib.contextmanager
def tools(settings: StoreSettings, name: str) -> Iterator[Tools]:
    """Connects for the time of a command; does not wait for RabbitMQ: see `wait_for_broker`."""
    stop = threading.Event()
    with mongo.connect(settings) as client:
        connection = BrokerConnection(settings, name=name)
        thread = connection.start(stop)
        publisher = Publisher(connection)
        store = Store(Jobs(client[mongo.VIDEOS]), Bucket(client[mongo.VIDEOS]), Bucket(client[mongo.MP3S]))
        try:
            yield Tools(settings, store, Outbox(settings, store.jobs, publisher), publisher, connection)
        finally:
            stop.set()
            thread.join(timeout=settings.rabbitmq_timeout)


def wait_for_broker(connection: BrokerConnection, seconds: float) -> None:
    """Returns when RabbitMQ is connected; raises BrokerUnavailable when it is not in time."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            connection.check()
        except BrokerUnavailable:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.1)
        else:
            return
