"""The handler that a service provides for the messages of its queue, and its two exceptions that are not failures."""

from typing import Protocol, TypeVar

from common.errors import TransientError
from common.messaging.message import Envelope

Handled_contra = TypeVar("Handled_contra", bound=Envelope, contravariant=True)


class Busy(TransientError):
    """Another worker holds the lease, or this one made progress and yields to other messages.

    The message is redelivered later; this does not count as an attempt.
    """


class NotDue(Busy):
    """The message is to be handled in `retry_after` s: it waits in several steps if no delay is exactly that long."""


class HandedBack(TransientError):
    """The worker is stopping: the message returns to its queue at once."""


class Handler(Protocol[Handled_contra]):
    def handle(self, message: Handled_contra) -> None:
        """Must be idempotent: a message is delivered at least once.

        Raises `TransientError` to be called again later, and `PermanentError` to dead-letter the message at once; any
        other exception is a bug, and is retried a few times.
        """

    def give_up(self, message: Handled_contra, reason: str) -> None:
        """Called before the message is dead-lettered."""
