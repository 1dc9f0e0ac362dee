"""Liveness, readiness and metrics: routes for the HTTP services, and a small server beside each process's own work."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from flask import Blueprint, Flask, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from common.errors import RejectedError, TransientError

log = logging.getLogger(__name__)

# Raises TransientError (or a RejectedError) when its dependency does not answer.
Check = Callable[[], None]

# Where an application keeps its checks, for the server beside it.
CHECKS = "video2mp3.checks"


def install(app: Flask, checks: Mapping[str, Check]) -> None:
    """Adds the routes to an HTTP service."""
    app.register_blueprint(blueprint(checks))
    app.extensions[CHECKS] = {name: _inside(app, check) for name, check in checks.items()}


def _inside(app: Flask, check: Check) -> Check:
    """The check, when the server beside the application makes it: flask-mysqldb's connections are the application's."""

    def run() -> None:
        with app.app_context():
            check()

    return run


def blueprint(checks: Mapping[str, Check], alive: Callable[[], bool] = lambda: True) -> Blueprint:
    """Routes `/healthz` (asks no dependency), `/readyz` (asks each) and `/metrics`."""
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def healthz() -> tuple[Response, int]:
        return (jsonify(status="ok"), 200) if alive() else (jsonify(status="stuck"), 503)

    @routes.get("/readyz")
    def readyz() -> tuple[Response, int]:
        states = {name: _state(name, check) for name, check in checks.items()}
        ready = all(state == "ok" for state in states.values())
        return jsonify(status="ok" if ready else "unavailable", checks=states), 200 if ready else 503

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)

    return routes


def _state(name: str, check: Check) -> str:
    try:
        check()
    except (TransientError, RejectedError) as error:
        log.warning("Not ready: %s: %s", name, error)
        return "unavailable"
    return "ok"


class Heartbeat:
    """The pulse of a loop: `beat()` inside it, `alive()` says whether it turned lately."""

    def __init__(self, stale_after: float) -> None:
        self._stale_after = stale_after
        self._last = time.monotonic()

    def beat(self) -> None:
        """Notes that the loop turned."""
        self._last = time.monotonic()

    def alive(self) -> bool:
        """Whether the last beat is at most `stale_after` seconds ago."""
        return time.monotonic() - self._last <= self._stale_after


class _QuietHandler(WSGIRequestHandler):
    # s. Each connection has a thread.
    timeout = 20

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Probes are no events."""


class HealthServer:
    """Serves a process's health routes from a thread of its own while the `with` block runs."""

    def __init__(
        self, host: str, port: int, checks: Mapping[str, Check], alive: Callable[[], bool], *, shared: bool = False
    ) -> None:
        """`shared` with other processes that do the same: one that is being replaced, and its successor."""
        app = Flask(__name__, static_folder=None)
        app.register_blueprint(blueprint(checks, alive))
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family, backlog=128, reuse_port=shared) as listener:
            self._server: BaseWSGIServer = make_server(
                host, port, app, threaded=True, request_handler=_QuietHandler, fd=listener.fileno()
            )
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)
