"""How gunicorn serves the HTTP services: `gunicorn -c python:common.gunicorn_conf auth.wsgi:app`.

Read by gunicorn's master process; every lower-case name here that gunicorn knows is one of its settings.
"""

from pathlib import Path

from gunicorn.http import wsgi  # type: ignore[import-untyped]

from common import logs, startup
from common.serving.refusals import SERVER
from common.serving.settings import ServerSettings

_settings = startup.load(ServerSettings)

# IPv6 addresses need their brackets.
_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host
bind = f"{_host}:{_settings.port}"
workers = _settings.web_workers
worker_class = "common.serving.worker.Worker"
threads = _settings.web_threads
# s. A worker whose main loop stands still for this long is replaced; requests themselves may take longer.
timeout = 60
graceful_timeout = _settings.web_grace
# bytes. Upload-Metadata of tus: a name and three tags, in UTF-8 and base64.
limit_request_field_size = 16 * 1024
# It would write past the sockets that measure how fast a client reads.
sendfile = False
# s. Longer than any client of ours leaves a connection idle, so that it is not closed as a request is sent.
keepalive = 75
# The workers' heartbeat is a file: in memory, where a slow disk cannot make a worker look dead.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  gunicorn opens an unlinked file
# A socket for remote control in the home directory, which nobody uses and a read-only container does not have.
control_socket_disable = True
logconfig_dict = logs.configuration(_settings.log_level, _settings.log_format)

# There is no setting for it: https://github.com/benoitc/gunicorn/issues/825
wsgi.SERVER = SERVER
