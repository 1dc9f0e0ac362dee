"""The module that each worker of gunicorn loads."""

from common.runtime import logs, startup
from summary.server import create_app
from summary.settings import SummarySettings

settings = startup.load(SummarySettings)
logs.configure(settings.log_level, settings.log_format)
app = create_app(settings)
