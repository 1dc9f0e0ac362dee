"""A connection that stalls during an upload: a proxy that passes some bytes on, and then no more until it is opened."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class StallingProxy:
    upstream: tuple[str, int]
    limit: int | None = None
    """bytes to the server of all connections together; None for no limit"""
    passed: int = 0
    stalled: threading.Event = field(default_factory=threading.Event)
    _kept: list[socket.socket] = field(default_factory=list)
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def serve(self) -> None:
        """Until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._kept.append(client)
                threading.Thread(target=self._relay, args=[client], daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self._kept:
            client.close()

    def _relay(self, client: socket.socket) -> None:
        with socket.create_connection(self.upstream) as server, contextlib.suppress(OSError):
            back = threading.Thread(target=self._copy, args=[server, client], daemon=True)
            back.start()
            while data := client.recv(65536):
                if self.limit is not None and self.passed + len(data) > self.limit:
                    # The server sees that the connection broke; the client only that nothing happens.
                    self.stalled.set()
                    server.shutdown(socket.SHUT_RDWR)
                    return
                self.passed += len(data)
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
            back.join()

    def _copy(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
            if not self.stalled.is_set():
                client.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def stalling_proxy(url: str) -> Iterator[StallingProxy]:
    address = urlsplit(url)
    proxy = StallingProxy((str(address.hostname), address.port or 80))
    thread = threading.Thread(target=proxy.serve)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()
