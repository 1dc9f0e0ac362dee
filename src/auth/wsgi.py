"""The module that gunicorn loads in each worker, after the fork."""

from auth.server import create_app
from auth.settings import AuthSettings
from common.runtime import logs
from common.runtime.settings import load_settings

settings = load_settings(AuthSettings)
logs.configure(settings.log_level, settings.log_format)
app = create_app(settings)
