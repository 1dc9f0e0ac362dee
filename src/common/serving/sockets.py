"""A client's connection that is waited for with patience, and not for ever.

Only the time that we spend waiting counts: a client does not become slow because our database is. A time-out of the
socket would not do: it never fires for a client that sends a byte a second.
"""

import contextlib
import errno
import fcntl
import select
import socket
import struct
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Pace:
    """The least that a client has to move while we wait: `rate` bytes/s, averaged over `patience` seconds."""

    rate: int
    patience: float


class Patience:
    """Waits for one direction of a connection; `moved` tells the bytes that went through it so far."""

    def __init__(self, pace: Pace, fd: int, event: int, moved: Callable[[], int]) -> None:
        self._pace = pace
        self._poll = select.poll()
        self._poll.register(fd, event)
        self._moved = moved
        self._waited = 0.0
        self._mark = moved()

    def wait(self) -> bool:
        """Returns when it may go on; False when the client was too slow while we waited."""
        begun = time.monotonic()
        self._poll.poll(max(0.0, self._pace.patience - self._waited) * 1000)
        self._waited += time.monotonic() - begun
        if self._waited < self._pace.patience:
            return True
        moved = self._moved()
        enough = moved - self._mark >= self._pace.rate * self._waited
        self._waited, self._mark = 0.0, moved
        return enough


class ClientSocket(socket.socket):
    """Takes the place of an accepted socket, whichever blocking mode that has."""

    def __init__(self, accepted: socket.socket, pace: Pace) -> None:
        family, kind, proto = accepted.family, accepted.type, accepted.proto
        super().__init__(family, kind, proto, fileno=accepted.detach())
        self._pace = pace
        self._received = 0
        self._sent = 0
        self._reading: Patience | None = None
        self._writing: Patience | None = None
        # Whether what it sent came too slowly; then it reads like the end of what was sent.
        self.slow = False
        # Whether it does not take what we send.
        self.stuck = False

    def begin(self) -> None:
        """Begins to count anew, for the next request of the same client."""
        self._reading = self._writing = None

    def arrived(self, size: int) -> bytes:
        """What is here already, b"" at the end; raises BlockingIOError when nothing is."""
        return super().recv(size, socket.MSG_DONTWAIT)

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """The next bytes; b"" at the end, and when they come too slowly."""
        while not self.slow:
            try:
                data = super().recv(size, flags | socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._await_more()
            else:
                self._received += len(data)
                return data
        return b""

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0, /) -> int:
        """Puts the next bytes into the buffer; 0 at the end, and when they come too slowly."""
        while not self.slow:
            try:
                count = super().recv_into(buffer, nbytes, flags | socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._await_more()
            else:
                self._received += count
                return count
        return 0

    def _await_more(self) -> None:
        if self._reading is None:
            self._reading = Patience(self._pace, self.fileno(), select.POLLIN, lambda: self._received)
        self.slow = not self._reading.wait()

    def reply(self, data: bytes) -> None:
        """Sends a few bytes without waiting, or not at all."""
        with contextlib.suppress(OSError):
            super().send(data, socket.MSG_DONTWAIT)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Sends everything; raises BrokenPipeError when the client takes it too slowly."""
        with memoryview(data) as whole, whole.cast("B") as view:
            start = 0
            while start < len(view):
                try:
                    sent = super().send(view[start:], flags | socket.MSG_DONTWAIT)
                except BlockingIOError:
                    if self._writing is None:
                        self._writing = Patience(self._pace, self.fileno(), select.POLLOUT, self._taken)
                    if not self._writing.wait():
                        self.stuck = True
                        raise BrokenPipeError(errno.EPIPE, "The client does not read its answer") from None
                else:
                    start += sent
                    self._sent += sent

    def close(self) -> None:
        """Closes; what a stuck client did not take is not kept for it."""
        if self.stuck and self.fileno() >= 0:
            # With a linger time of 0 the kernel drops its buffer and resets the connection (socket(7)).
            self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        super().close()

    def _taken(self) -> int:
        """Bytes that have arrived at the client: those sent, but for those in the kernel's buffer (tcp(7), SIOCOUTQ).

        Not the bytes that the kernel took from us: it takes a megabyte at once, and then nothing while that lasts.
        """
        waiting = bytearray(4)
        fcntl.ioctl(self.fileno(), termios.TIOCOUTQ, waiting)
        return self._sent - int(struct.unpack("i", waiting)[0])
