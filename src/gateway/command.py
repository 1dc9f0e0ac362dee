"""The connections of the gateway's commands to MongoDB and RabbitMQ."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from common.domain.outbox import Outbox
from common.messaging.connection import BrokerConnection, BrokerUnavailable
from common.messaging.publisher import Publisher
from common.storage import mongo
from gateway.administration.audit import AuditLog
from gateway.jobs.store import Store
from gateway.settings import StoreSettings


@dataclass(frozen=True)
class Tools:
    settings: StoreSettings
    # Of the videos and of everything that is not a file.
    db: mongo.Db
    store: Store
    outbox: Outbox
    publisher: Publisher
    connection: BrokerConnection
    audit: AuditLog


@contextlib.contextmanager
def tools(settings: StoreSettings, name: str) -> Iterator[Tools]:
    """Connects while the block runs; does not wait for RabbitMQ: see `wait_for_broker`."""
    stop = threading.Event()
    with mongo.connect(settings) as client:
        connection = BrokerConnection(settings, name=name)
        thread = connection.start(stop)
        publisher = Publisher(connection)
        db = client[mongo.VIDEOS]
        store = Store.in_databases(db, client[mongo.MP3S])
        outbox = Outbox(settings, store.jobs, store.summaries, publisher, store.usage)
        try:
            yield Tools(settings, db, store, outbox, publisher, connection, AuditLog(db))
        finally:
            stop.set()
            thread.join(timeout=settings.rabbitmq_timeout)


def wait_for_broker(connection: BrokerConnection, seconds: float) -> None:
    """Returns when RabbitMQ is connected; raises BrokerUnavailable after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return connection.check()
        except BrokerUnavailable:
            if time.monotonic() >= deadline:
                raise
        time.sleep(0.1)
