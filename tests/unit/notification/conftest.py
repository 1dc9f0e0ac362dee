"""A notification service whose MongoDB is in memory, and whose mail server keeps the emails."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from bson import ObjectId

from common.domain.accounts import Accounts
from common.domain.download_links import DownloadLinks
from common.domain.jobs import NOTIFIED, Job
from common.messaging.message import Message
from common.runtime.settings import LinkSettings
from notification.delivery import Delivery
from notification.emails import Emails
from notification.windows import EmailWindows
from tests.unit.gateway.memory import World as Stored

LINKS = LinkSettings(link_secret="0123456789abcdef0123456789abcdef", public_url="http://video2mp3.com")
DIGEST = 120.0


class Mailer:
    """Keeps the emails, or fails."""

    def __init__(self) -> None:
        self.sent: list[EmailMessage] = []
        self.error: BaseException | None = None
        self.connected: Callable[[], object] = lambda: None

    def send(self, email: EmailMessage, *, before: Callable[[], None]) -> None:
        self.connected()
        before()
        if self.error:
            raise self.error
        self.sent.append(email)


class NoSummaries:
    """Finds none, or cannot be asked."""

    error: Exception | None = None

    def of_mp3(self, _mp3_fid: ObjectId) -> None:
        if self.error:
            raise self.error


class World(Stored):
    """Jobs, and workers that notify their owners."""

    def __init__(self) -> None:
        super().__init__()
        self.mailer = Mailer()
        self.summaries = NoSummaries()
        self.accounts = Accounts(self.db)

    def delivery(self, digest: float = 0.0) -> Delivery:
        emails = Emails("noreply@example.com", DownloadLinks(LINKS), LINKS.public_url)
        summaries: Any = self.summaries
        mailer: Any = self.mailer
        windows = EmailWindows(self.db, digest) if digest else None
        return Delivery(
            self.store.jobs, self.accounts, summaries, emails, mailer, lease=30, longest_delay=3600, windows=windows
        )

    def ended(self, **changes: object) -> Job:
        """A completed job whose owner is not notified yet."""
        return self.completed(**{"round": 1, NOTIFIED: False, **changes})

    def failed(self, **changes: object) -> Job:
        return self.ended(status="failed", mp3_fid=None, error="The video has no audio track.", **changes)

    @property
    def windows(self) -> dict[Any, dict[str, Any]]:
        return self.db["email_windows"].documents  # type: ignore[no-any-return]

    def window_ends(self) -> None:
        for window in self.windows.values():
            window["until"] = datetime.now(UTC) - timedelta(seconds=1)

    def reserved(self, job: Job) -> datetime | None:
        found: datetime | None = self.jobs[job.video_fid].get("telling_until")
        return found

    def subjects(self) -> list[str]:
        return [str(email["Subject"]) for email in self.mailer.sent]


def notice(job: Job, **changes: Any) -> Message:
    values = {"video_fid": job.video_fid, "mp3_fid": job.mp3_fid, "username": job.username, "run": job.run}
    return Message(**{**values, **changes})


@pytest.fixture
def world() -> World:
    return World()
