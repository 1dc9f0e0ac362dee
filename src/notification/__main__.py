"""`python -m notification`: connects MongoDB, the mail server and the handlers of the queues `mp3` and `mail`."""

from common.domain.account_links import AccountLinks
from common.domain.accounts import Accounts
from common.domain.download_links import DownloadLinks
from common.domain.job_repository import Jobs
from common.domain.quotas import Quotas
from common.domain.summaries import Summaries
from common.domain.usage import UsageRepository
from common.messaging.message import decode_account
from common.runtime.settings import load_settings
from common.runtime.worker import Worker
from common.storage import mongo
from notification.account_emails import AccountDelivery
from notification.delivery import Delivery
from notification.emails import Emails
from notification.mailer import Mailer
from notification.settings import NotificationSettings
from notification.windows import EmailWindows


def main() -> int:
    settings = load_settings(NotificationSettings)
    worker = Worker(settings, settings.mp3_queue, settings.mail_retries)
    with mongo.connect(settings) as client:
        db = client[mongo.VIDEOS]
        windows = EmailWindows(db, settings.email_digest_seconds)
        mongo.create_indexes(windows.ensure_indexes)
        emails, mailer = Emails(settings.sender, DownloadLinks(settings), settings.public_url), Mailer(settings)
        if settings.mail_queue is not None:
            accounts = AccountDelivery(emails, mailer, AccountLinks(settings), settings.public_url)
            worker.also(settings.mail_queue, accounts, decode_account)
        delivery = Delivery(
            Jobs(db),
            Accounts(db),
            Summaries(db),
            emails,
            mailer,
            lease=settings.send_lease,
            longest_delay=settings.mail_retry_delays[-1],
            windows=windows if settings.email_digest_seconds else None,
            usage=UsageRepository(db),
            quotas=Quotas(emails=settings.quota_emails_per_hour or None),
        )
        # The mail server is not checked: many limit the number of connections.
        return worker.run(delivery, {"mongodb": mongo.ping(client)})


if __name__ == "__main__":
    raise SystemExit(main())
