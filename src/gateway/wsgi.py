"""The module that gunicorn loads in each worker, after the fork."""

import signal
from types import FrameType

from common.runtime import logs
from common.runtime.settings import load_settings
from gateway.server import FEED, create_app
from gateway.settings import GatewaySettings

settings = load_settings(GatewaySettings)
logs.configure(settings.log_level, settings.log_format)
app = create_app(settings)

_gunicorn_handler = signal.getsignal(signal.SIGTERM)


def _end_streams(number: int, frame: FrameType | None) -> None:
    """gunicorn waits for requests in progress: without this, event streams would continue for up to an hour."""
    app.extensions[FEED].close()
    if callable(_gunicorn_handler):
        _gunicorn_handler(number, frame)


signal.signal(signal.SIGTERM, _end_streams)
