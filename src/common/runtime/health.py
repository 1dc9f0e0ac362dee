"""Health checks, metrics and status: the health port of each process, and the liveness of the HTTP services."""

import socket
import threading
import time
from collections.abc import Callable, Mapping

from flask import Blueprint, Flask, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from werkzeug.serving import WSGIRequestHandler, make_server

from common.runtime.dependencies import Check, Dependencies

# Where an application keeps its dependencies, for the health port.
DEPENDENCIES = "video2mp3.dependencies"


def install(app: Flask, checks: Mapping[str, Check]) -> None:
    """Adds `/healthz` to an HTTP service, for its clients. Readiness and metrics are on the health port only."""
    app.register_blueprint(_liveness(lambda: True))
    app.extensions[DEPENDENCIES] = Dependencies({name: _inside(app, check) for name, check in checks.items()})


def _inside(app: Flask, check: Check) -> Check:
    """The check, for another thread: flask-mysqldb's connections need the application's context."""

    def run() -> None:
        with app.app_context():
            check()

    return run


def application(dependencies: Dependencies, alive: Callable[[], bool]) -> Flask:
    """The routes of the health port: the probes, metrics with the dependencies' state, and `/status`."""
    app = Flask(__name__, static_folder=None)

    app.register_blueprint(_liveness(alive))
    app.add_url_rule("/readyz", endpoint="health.healthz")

    @app.get("/metrics")
    def metrics() -> Response:
        dependencies.report()
        return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)

    @app.get("/status")
    def status() -> Response:
        states = dependencies.report()
        return jsonify(
            status="ok" if all(states.values()) else "degraded",
            dependencies={name: "up" if up else "down" for name, up in states.items()},
        )

    return app


def _liveness(alive: Callable[[], bool]) -> Blueprint:
    """Whether the process itself works, which is what readiness reports too.

    A process stays ready while a dependency is down: otherwise Kubernetes would take all replicas out of service at
    once, with everything that works without the dependency.
    """
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def healthz() -> tuple[Response, int]:
        return (jsonify(status="ok"), 200) if alive() else (jsonify(status="stuck"), 503)

    return routes


class Heartbeat:
    """Detects a blocked loop: the loop calls `beat()`."""

    def __init__(self, stale_after: float) -> None:
        self._stale_after = stale_after
        self._last = time.monotonic()

    def beat(self) -> None:
        self._last = time.monotonic()

    def alive(self) -> bool:
        """Whether the last beat is at most `stale_after` seconds ago."""
        return time.monotonic() - self._last <= self._stale_after


class _QuietHandler(WSGIRequestHandler):
    # s. Each connection holds a thread.
    timeout = 20

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Does not log probes."""


def listen(host: str, port: int) -> socket.socket:
    """Opens the health port. Connections wait in its backlog until `serve` answers them."""
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=128)


def serve(listener: socket.socket, dependencies: Dependencies, alive: Callable[[], bool]) -> None:
    """Serves a process's health routes from a thread until the process ends."""
    host, port = listener.getsockname()[:2]
    app = application(dependencies, alive)
    server = make_server(host, port, app, threaded=True, request_handler=_QuietHandler, fd=listener.fileno())
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
