"""The module that each worker of gunicorn loads."""

from common.runtime import logs
from common.runtime.settings import load_settings
from summary.server import create_app
from summary.settings import SummarySettings

settings = load_settings(SummarySettings)
logs.configure(settings.log_level, settings.log_format)
app = create_app(settings)
