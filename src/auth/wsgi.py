"""The module that gunicorn loads in each worker, after the fork."""

from auth.server import create_app
from auth.settings import AuthSettings
from common.runtime import logs, startup

settings = startup.load(AuthSettings)
logs.configure(settings.log_level, settings.log_format)
app = create_app(settings)
