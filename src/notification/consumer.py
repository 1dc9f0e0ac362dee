"""The main function of the notification service."""

from collections.abc import Callable

from common.domain.download_links import DownloadLinks
from common.domain.job_repository import Jobs
from common.domain.summaries import Summaries
from common.messaging.publisher import Publisher
from common.runtime import worker
from common.runtime.settings import load_settings
from common.runtime.worker import Shutdown
from common.storage import mongo
from notification.delivery import Delivery
from notification.emails import Emails
from notification.mailer import Mailer
from notification.settings import NotificationSettings


def main() -> int:
    """Sends emails until SIGTERM; returns the exit code."""
    settings = load_settings(NotificationSettings)
    with mongo.connect(settings) as client:
        # The mail server is not checked: many limit the number of connections.
        checks = {"mongodb": mongo.ping(client)}
        handler = _handler(settings, client)
        return worker.run(settings, settings.mp3_queue, handler, checks, retries=settings.mail_retries)


def _handler(settings: NotificationSettings, client: mongo.Client) -> Callable[[Publisher, Shutdown], Delivery]:
    def build(_publisher: Publisher, _shutdown: Shutdown) -> Delivery:
        emails = Emails(settings.sender, DownloadLinks(settings), settings.public_url)
        db = client[mongo.VIDEOS]
        return Delivery(
            Jobs(db),
            Summaries(db),
            emails,
            Mailer(settings),
            lease=settings.send_lease,
            longest_delay=settings.mail_retry_delays[-1],
        )

    return build
