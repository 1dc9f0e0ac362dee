"""Checks of names, ports, certificates and HTTP servers."""

import http.client
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from common.doctor.checks import Check


def address(text: str, default: int) -> tuple[str, int]:
    """Host and port of `host:port`, `[::1]:port` or a URL."""
    parts = urlsplit(text if "://" in text else f"//{text}")
    return parts.hostname or "", parts.port or default


def reach(server: str, host: str, port: int, tls: ssl.SSLContext | None = None) -> Iterator[Check]:
    """Name, port and, with a context, certificate."""
    yield Check(server, "DNS", lambda _: _resolve(host))
    yield Check(server, "TCP", lambda timeout: _connect(host, port, timeout))
    if tls is not None:
        yield Check(server, "TLS", lambda timeout: _handshake(host, port, tls, timeout))


def http_service(server: str, where: str) -> Iterator[Check]:
    """A service of this system at `host:port`."""
    host, port = address(where, 80)
    yield from reach(server, host, port)
    yield Check(server, "HTTP", lambda timeout: _healthz(host, port, timeout))


def _resolve(host: str) -> str:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise LookupError(f"the name {host} is unknown: {error.strerror}") from None
    return f"{host} is {', '.join(sorted({str(each[4][0]) for each in found}))}"


def _connect(host: str, port: int, timeout: float) -> str:
    try:
        socket.create_connection((host, port), timeout=timeout).close()
    except TimeoutError:
        raise TimeoutError from None
    except OSError as error:
        raise ConnectionError(f"{host}:{port}: {error.strerror or error}") from None
    return f"{host}:{port} accepts connections"


def _handshake(host: str, port: int, tls: ssl.SSLContext, timeout: float) -> str:
    with (
        socket.create_connection((host, port), timeout=timeout) as plain,
        tls.wrap_socket(plain, server_hostname=host) as secured,
    ):
        until = (secured.getpeercert() or {}).get("notAfter", "an unknown date")
        return f"{secured.version()}, certificate valid until {until}"


def _healthz(host: str, port: int, timeout: float) -> str:
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise ConnectionError(f"GET /healthz: {answer.status}")
    return "GET /healthz: 200"
