"""The quotas of an account, and the errors of acts that would exceed them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from common.errors import RejectedError, TooLarge, TooManyRequests

_DAY = 24 * 3600


@dataclass(frozen=True)
class Amounts:
    """What an act adds to an account's usage, or what the account has used."""

    stored: int = 0
    """Bytes of videos, MP3s and unfinished uploads."""
    unfinished: int = 0
    """Resumable uploads that have not ended."""
    uploaded: int = 0
    """Bytes of today's uploads."""
    conversions: int = 0
    """Today's uploads and retries."""
    seconds: float = 0
    """Of sound that was converted today."""
    emails: int = 0
    """About ended jobs, in this hour."""

    @classmethod
    def of_upload(cls, size: int) -> "Amounts":
        return cls(stored=size, uploaded=size, conversions=1)


@dataclass(frozen=True)
class Quotas:
    """The highest values of `Amounts`, and of jobs at the same time; None is no limit."""

    stored: int | None = None
    unfinished: int | None = None
    uploaded: int | None = None
    conversions: int | None = None
    seconds: float | None = None
    emails: int | None = None
    jobs: int | None = None
    """In the queue or in conversion: the others wait, and none is refused."""

    def overridden(self, values: Mapping[str, Any]) -> "Quotas":
        """With those of one account: `values` has some of the names; None is no limit."""
        return Quotas(**{**vars(self), **{name: values[name] for name in vars(self) if name in values}})


def refusal(used: Amounts, cost: Amounts, quotas: Quotas) -> RejectedError | None:
    """The error of the first quota that would be exceeded, with the limit and when it ends; None if there is none."""
    exceeded = (name for name in vars(cost) if _exceeds(name, used, cost, quotas))
    return next((_error(name, used, quotas) for name in exceeded), None)


def _exceeds(name: str, used: Amounts, cost: Amounts, quotas: Quotas) -> bool:
    limit, amount = getattr(quotas, name), getattr(cost, name)
    if limit is None:
        return False
    if name == "seconds":
        # How much sound a video has is known after its conversion only.
        return bool(cost.conversions and used.seconds >= limit)
    return bool(amount and getattr(used, name) + amount > limit)


def _error(name: str, used: Amounts, quotas: Quotas) -> RejectedError:
    if name == "stored":
        return TooLarge(
            f"The account may store {_size(quotas.stored)}, and stores {_size(used.stored)}. Delete some jobs first.",
            code="quota_stored",
        )
    if name == "unfinished":
        return TooManyRequests(
            f"The account may have {quotas.unfinished} unfinished uploads. Finish or delete some first; they expire by "
            "themselves (Upload-Expires).",
            code="quota_unfinished", headers={"Retry-After": "60"},
        )  # fmt: skip
    if name == "emails":
        return TooManyRequests(
            f"The account may get {quotas.emails} emails an hour.", code="quota_emails", headers=_until_next(3600)
        )
    what = {
        "uploaded": f"upload {_size(quotas.uploaded)}",
        "conversions": f"have {quotas.conversions} conversions",
        "seconds": f"convert {(quotas.seconds or 0) / 60:.0f} minutes of sound",
    }[name]
    code = {"seconds": "quota_minutes"}.get(name, f"quota_{name}")
    return TooManyRequests(
        f"The account may {what} a day. The day ends at 00:00 UTC.", code=code, headers=_until_next(_DAY)
    )


def _until_next(period: int) -> dict[str, str]:
    return {"Retry-After": str(period - int(datetime.now(UTC).timestamp()) % period)}


def _size(size: float | None) -> str:
    return f"{(size or 0) / 1024**2:.0f} MB"
