"""gunicorn's threaded worker, where a thread is held by nobody but who has sent a request and takes its answer.

gunicorn gives a thread to each connection that has sent a byte, and lets it wait in `recv` and `send` for as long as
the client likes. Here the main loop collects headers and small bodies and reads on after refusals, for any number of
clients, and the sockets measure how fast bodies come and answers are taken.
"""

import contextlib
import errno
import functools
import logging
import selectors
import socket
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from gunicorn.workers import gthread  # type: ignore[import-untyped]

from common import health, startup
from common.errors import RequestTimeout
from common.serving.connections import Connection
from common.serving.refusals import refusal
from common.serving.settings import ServerSettings
from common.serving.sockets import ClientSocket, Pace

log = logging.getLogger(__name__)

# s. How long a connection is read on after its last answer: a client that sends first and reads later gets it, instead
# of a broken connection (nginx's lingering_close).
_LINGER = 5.0
_PIECE = 256 * 1024  # bytes of what nobody wants, to a read
# s without a turn of the main loop after which the liveness probe fails; gunicorn replaces the process after 60.
_STALE = 30.0


class Worker(gthread.ThreadWorker):  # type: ignore[misc]
    """The connections without a thread are in one of three queues, each in the order of their deadlines."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._settings = startup.load(ServerSettings)
        self._pace = Pace(self._settings.client_min_rate, self._settings.client_patience)
        self._heartbeat = health.Heartbeat(_STALE)
        # Two queues are gunicorn's: keepalived_conns for those without a request, pending_conns for half of one.
        self._ending: deque[Connection] = deque()

    def run(self) -> None:
        """Serves until the process is asked to end."""
        dependencies = self.wsgi.extensions[health.DEPENDENCIES]
        settings = self._settings
        with health.HealthServer(
            settings.health_host, settings.health_port, dependencies, self._heartbeat.alive, shared=True
        ):
            super().run()

    def notify(self) -> None:
        """Called in each turn of the main loop."""
        super().notify()
        self._heartbeat.beat()

    def accept(self, listener: socket.socket) -> None:
        """Takes a new connection."""
        try:
            accepted, address = listener.accept()
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                self._make_room()
            elif error.errno not in {errno.EAGAIN, errno.ECONNABORTED}:
                raise
            return
        self.nr_conns += 1
        if self.nr_conns >= self.worker_connections:
            self._make_room()
        conn = Connection(self.cfg, ClientSocket(accepted, self._pace), address, listener.getsockname())
        self._await(conn, self.keepalived_conns, self.cfg.keepalive)
        self._read(conn)

    def finish_request(self, conn: Connection, future: "Future[bool]") -> None:
        """Takes a connection back from its thread."""
        if future.cancelled() or future.exception() is not None or not future.result():
            self._end(conn)
            return
        conn.take_back()
        if conn.has_request:
            self.enqueue_req(conn)
        elif conn.began:
            self._await(conn, self.pending_conns, self._settings.request_patience)
        else:
            linger = self.cfg.keepalive if self.alive else gthread.STOP_KEEPALIVE_LINGER
            self._await(conn, self.keepalived_conns, min(self.cfg.keepalive, linger))

    def handle_error(self, req: object, client: ClientSocket, addr: object, exc: Exception) -> None:
        """Answers what never became a request of the application."""
        del req, addr
        with contextlib.suppress(OSError):
            client.sendall(refusal(exc))

    def murder_keepalived(self, force: bool = False) -> None:  # noqa: FBT001, FBT002  as gunicorn calls it
        """Closes those that have not used their connection for long."""
        for conn in self._overdue(self.keepalived_conns, force=force):
            self._drop(conn)

    def murder_pending(self) -> None:
        """Refuses requests that do not come to an end, and closes what has lingered."""
        for conn in self._overdue(self.pending_conns):
            conn.sock.reply(refusal(RequestTimeout("The request came too slowly and was ended.")))
            self._end(conn)
        for conn in self._overdue(self._ending):
            self._drop(conn)

    def _await(self, conn: Connection, queue: deque[Connection], seconds: float) -> None:
        if conn.queue is None:
            self.poller.register(conn.sock, selectors.EVENT_READ, functools.partial(self._readable, conn))
        else:
            conn.queue.remove(conn)
        conn.timeout = time.monotonic() + seconds
        conn.queue = queue
        queue.append(conn)

    def _leave(self, conn: Connection) -> None:
        if conn.queue is not None:
            self.poller.unregister(conn.sock)
            conn.queue.remove(conn)
            conn.queue = None

    def _readable(self, conn: Connection, _sock: socket.socket) -> None:
        if conn.queue is self._ending:
            self._read_rest(conn)
        elif conn.queue is not None:  # it may have been closed in this turn of the loop
            self._read(conn)

    def _read(self, conn: Connection) -> None:
        try:
            more = conn.read()
        except BlockingIOError:
            return
        except OSError:
            more = False
        # A body that ends early is told so by who reads it.
        if conn.has_request or (conn.has_headers and not more):
            self._leave(conn)
            self.enqueue_req(conn)
            return
        if not more:
            self._drop(conn)
            return
        if conn.queue is not self.pending_conns:
            self._await(conn, self.pending_conns, self._settings.request_patience)
        conn.go_on()

    def _read_rest(self, conn: Connection) -> None:
        try:
            more = conn.sock.arrived(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        if not more:
            self._drop(conn)

    def _end(self, conn: Connection) -> None:
        """Closes our side, reads on for a while what the client still sends, and closes."""
        if conn.sock.stuck:
            log.info("Ended the connection of a client that does not read its answer")
            self._drop(conn)
            return
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
        else:
            self._await(conn, self._ending, _LINGER)
            self._read_rest(conn)

    def _drop(self, conn: Connection) -> None:
        self._leave(conn)
        self.nr_conns -= 1
        conn.sock.close()

    def _make_room(self) -> None:
        """Closes the connection that has waited longest: strangers who hold them all must not keep others out."""
        for queue in (self._ending, self.pending_conns, self.keepalived_conns):
            if queue:
                self._drop(queue[0])
                return

    @staticmethod
    def _overdue(queue: deque[Connection], *, force: bool = False) -> Iterator[Connection]:
        """Those at the front whose time is over; each must be taken out of the queue."""
        now = time.monotonic()
        while queue and (force or queue[0].timeout <= now):
            yield queue[0]
