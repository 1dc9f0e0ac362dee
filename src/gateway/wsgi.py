"""The module that gunicorn loads in each worker, after the fork."""

from common import logs, startup
from gateway.server import create_app
from gateway.settings import GatewaySettings

settings = startup.load(GatewaySettings)
logs.configure(settings.log_level, settings.log_format)
app = create_app(settings)
