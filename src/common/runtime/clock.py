"""Points in time as they are stored and shown."""

from datetime import UTC, datetime


def now() -> datetime:
    """The time as MongoDB keeps it: UTC, to the millisecond."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def iso(moment: datetime) -> str:
    """As the API and the logs show it (RFC 3339): UTC, to the millisecond."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
