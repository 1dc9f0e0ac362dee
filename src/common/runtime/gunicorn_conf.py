"""How gunicorn serves the HTTP services: `gunicorn -c python:common.runtime.gunicorn_conf auth.wsgi:app`.

Clients do not reach gunicorn directly: the gateway is behind nginx (src/nginx), and only the gateway calls the other
services. gunicorn's master process reads this module; each lower-case name that gunicorn knows is a setting.
"""

import functools
import socket
from pathlib import Path

from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from gunicorn.workers.base import Worker  # type: ignore[import-untyped]

from common.runtime import health, logs
from common.runtime.settings import ServerSettings, load_settings

_settings = load_settings(ServerSettings)

# IPv6 addresses need their brackets.
_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host
bind = f"{_host}:{_settings.port}"
workers = _settings.web_workers
worker_class = "gthread"
threads = _settings.web_threads
# s. A worker whose main loop is blocked for this long is replaced; requests themselves may take longer.
timeout = 60
graceful_timeout = _settings.web_grace
# nginx limits the request line and the headers, with an error in JSON: these limits must not be reached first.
limit_request_line = 0
limit_request_fields = 32768
limit_request_field_size = 16 * 1024
# s. Longer than nginx and the gateway leave a connection idle, so that it is not closed as a request is sent.
keepalive = 75
# The workers' heartbeat is a file: in memory, where a slow disk cannot make a worker look dead.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  gunicorn opens an unlinked file
# The socket for remote control is not used, and a read-only container has no home directory for it.
control_socket_disable = True
# The services log their requests. For `--access-logfile`: without the query and the Referer, which can contain a token.
access_log_format = "%(h)s %(m)s %(U)s %(s)s %(B)s %(L)s s"
logconfig_dict = logs.configuration(_settings.log_level, _settings.log_format)


@functools.cache
def _health_listener() -> socket.socket:
    return health.listen(_settings.health_host, _settings.health_port)


def on_starting(_arbiter: Arbiter) -> None:
    """Called by gunicorn's master before it forks: opens the health port, which all workers share.

    The port stays open while a worker is replaced: a probe then waits for the next worker instead of being refused.
    """
    _health_listener()


def post_worker_init(worker: Worker) -> None:
    """Called by gunicorn when a worker has loaded the application: serves the probes until the process ends.

    gunicorn itself replaces a worker whose main loop is blocked (`timeout`), so the liveness probe only checks that
    the process answers.
    """
    dependencies = worker.app.wsgi().extensions[health.DEPENDENCIES]
    health.serve(_health_listener(), dependencies, lambda: True)
