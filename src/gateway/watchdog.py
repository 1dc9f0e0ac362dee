"""Ends uploads that come too slowly to be real: each holds a thread of the server.

A thread that waits in `recv` cannot look at the clock, and a time-out of the socket never fires for a client that
sends a byte a second. So another thread looks at all uploads and shuts down the reading side of slow ones; the
upload then sees its stream end and answers on the side that is still open.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(eq=False)
class Watch:
    """One request body that is being read."""

    sock: socket.socket | None
    deadline: float
    received: int = 0
    slow: bool = False
    _marked_at: float = field(default_factory=time.monotonic)
    _marked: int = 0

    def too_slow(self, now: float, rate: float, patience: float) -> bool:
        """Whether less than rate x patience bytes came in the last `patience` seconds, or the deadline passed."""
        if now >= self.deadline:
            return True
        if now - self._marked_at < patience:
            return False
        slow = self.received - self._marked < rate * (now - self._marked_at)
        self._marked_at, self._marked = now, self.received
        return slow


class Watchdog:
    """Watches over all bodies that a process reads."""

    def __init__(self, min_rate: int, patience: float) -> None:
        self._min_rate = min_rate
        self._patience = patience
        self._watched: set[Watch] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    @contextlib.contextmanager
    def watching(self, sock: socket.socket | None, *, at_most: float = float("inf")) -> Iterator[Watch]:
        """Watches one body while the block runs; keep `received` up to date. `at_most` is in seconds."""
        watch = Watch(sock, time.monotonic() + at_most)
        with self._lock:
            self._watched.add(watch)
        try:
            yield watch
        finally:
            with self._lock:
                self._watched.discard(watch)

    def _run(self) -> None:
        pause = min(1.0, self._patience / 4)
        while True:
            time.sleep(pause)
            now = time.monotonic()
            with self._lock:
                for watch in self._watched:
                    if not watch.slow and watch.too_slow(now, self._min_rate, self._patience):
                        watch.slow = True
                        if watch.sock is not None:
                            with contextlib.suppress(OSError):  # the client is gone already
                                watch.sock.shutdown(socket.SHUT_RD)
