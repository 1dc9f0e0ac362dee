"""A bound on the requests that may be slow, so that they never take all the threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from common.errors import Unavailable


class Capacity:
    """Lets a number of callers in at a time and sends the others away at once."""

    def __init__(self, places: int) -> None:
        self._places = threading.BoundedSemaphore(places)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Takes a place while the block runs; raises Unavailable when there is none."""
        if not self._places.acquire(blocking=False):
            raise Unavailable("Too many people are logging in. Try again in a few seconds.")
        try:
            yield
        finally:
            self._places.release()
