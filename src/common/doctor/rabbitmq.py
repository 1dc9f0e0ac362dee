"""Checks of RabbitMQ: the login, the queues that the service reads, and the right to publish."""

import contextlib
import secrets
from collections.abc import Iterator, Sequence

import pika
from pika.exceptions import (
    AMQPConnectionError,
    ChannelClosedByBroker,
    ConnectionClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
    UnroutableError,
)

from common.doctor.checks import Check
from common.doctor.network import reach
from common.messaging.connection import connect
from common.messaging.topology import NOT_FOUND
from common.runtime import tls
from common.runtime.settings import RabbitSettings


def checks(settings: RabbitSettings, reads: Sequence[str]) -> Iterator[Check]:
    """`reads` are the queues whose messages the service may count."""
    parameters = pika.URLParameters(settings.rabbitmq_url)
    context = tls.context(settings.rabbitmq_ca_file, settings.rabbitmq_cert_file) if settings.rabbitmq_ca_file else None
    yield from reach("rabbitmq", parameters.host, parameters.port, context)
    yield Check("rabbitmq", "login", lambda timeout: _login(settings, timeout))
    yield Check("rabbitmq", "publish", lambda timeout: _publish(settings, timeout))
    for queue in reads:
        yield Check("rabbitmq", f"{queue}", lambda timeout, queue=queue: _count(settings, queue, timeout))  # type: ignore[misc]


@contextlib.contextmanager
def _channel(settings: RabbitSettings, timeout: float) -> Iterator[pika.adapters.blocking_connection.BlockingChannel]:
    try:
        connection = connect(settings.model_copy(update={"rabbitmq_timeout": timeout}), "doctor")
    except (ProbableAuthenticationError, ProbableAccessDeniedError, ConnectionClosedByBroker) as error:
        # Their texts contain the user and the virtual host, and no password.
        raise PermissionError(f"RabbitMQ refused the user: {error}") from None
    except AMQPConnectionError as error:
        raise ConnectionError(f"RabbitMQ: {type(error).__name__}: {error}") from None
    with contextlib.closing(connection):
        yield connection.channel()


def _login(settings: RabbitSettings, timeout: float) -> str:
    with _channel(settings, timeout):
        parameters = pika.URLParameters(settings.rabbitmq_url)
        return f"user {parameters.credentials.username}, virtual host {parameters.virtual_host}"


def _publish(settings: RabbitSettings, timeout: float) -> str:
    """To a queue that does not exist: RabbitMQ returns the message if the user may publish, and closes the channel if
    not."""
    with _channel(settings, timeout) as channel:
        channel.confirm_delivery()
        try:
            channel.basic_publish("", f"doctor.{secrets.token_hex(8)}", b"", mandatory=True)
        except UnroutableError:
            return "may publish to the default exchange"
        except ChannelClosedByBroker as error:
            raise PermissionError(f"may not publish: {error.reply_text}") from None
    raise RuntimeError("RabbitMQ accepted a message for a queue that does not exist")


def _count(settings: RabbitSettings, queue: str, timeout: float) -> str:
    with _channel(settings, timeout) as channel:
        try:
            state = channel.queue_declare(queue, passive=True).method
        except ChannelClosedByBroker as error:
            if error.reply_code == NOT_FOUND:
                raise LookupError("the queue does not exist: the service that reads it has not started yet") from None
            raise PermissionError(f"the queue cannot be read: {error.reply_text}") from None
    return f"{state.message_count} messages ready, {state.consumer_count} consumers"
