"""What a service does with the messages of its queue, and the two ways to return one that are not failures."""

from typing import Protocol, TypeVar

from common.errors import TransientError
from common.messaging.message import Envelope

Handled_contra = TypeVar("Handled_contra", bound=Envelope, contravariant=True)


class Busy(TransientError):
    """Raised when another worker holds the job, or this one got on with it and has to pause.

    The message comes back later, and it counts as no attempt.
    """


class HandedBack(TransientError):
    """Raised when the worker is asked to stop: the message goes back to its queue at once."""


class Handler(Protocol[Handled_contra]):
    """Handles the messages of a queue."""

    def handle(self, message: Handled_contra) -> None:
        """Does the work, or finds that it is done.

        Raises `TransientError` to be called again later, `PermanentError` to make the message a dead letter at once;
        any other exception is a fault of the code, and retried a few times. Whatever it did before must be harmless
        to repeat: a message is delivered at least once.
        """

    def give_up(self, message: Handled_contra, reason: str) -> None:
        """Called before the message becomes a dead letter."""
