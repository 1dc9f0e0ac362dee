"""How many of a replica's threads uploads, downloads and event streams can hold, which last as long as clients like."""

from dataclasses import dataclass

from common.errors import TooManyRequests, Unavailable
from common.runtime.concurrency_limiter import ConcurrencyLimiter
from gateway.settings import GatewaySettings

# s. Until the client should try again.
_RETRY_AFTER = 10


@dataclass(frozen=True)
class ConcurrencyLimits:
    """The limits of each account, by its name, within those of the replica."""

    transfers: ConcurrencyLimiter
    """Uploads and downloads, together."""
    streams: ConcurrencyLimiter

    @classmethod
    def of(cls, settings: GatewaySettings) -> "ConcurrencyLimits":
        """Limits that leave threads for short requests."""
        everything = _for_all(
            settings.long_requests,
            "Too many uploads, downloads and open pages are in progress. Try again in a few seconds.",
        )
        all_streams = _for_all(
            settings.followers,
            "Too many clients follow their jobs right now. Ask GET /jobs from time to time.",
            within=everything,
        )
        transfers = _for_account(
            settings.transfers,
            f"You have {settings.transfers} uploads and downloads in progress, as many as one account may have at a "
            "time. Wait until one of them has ended.",
            within=everything,
        )
        streams = _for_account(
            settings.streams_per_account,
            f"You follow your jobs {settings.streams_per_account} times already, as often as one account may at a "
            "time. Close some pages, or ask GET /jobs from time to time.",
            within=all_streams,
        )
        return cls(transfers, streams)


def _for_all(limit: int, sentence: str, within: ConcurrencyLimiter | None = None) -> ConcurrencyLimiter:
    return ConcurrencyLimiter(limit, lambda: Unavailable(sentence, retry_after=_RETRY_AFTER), within=within)


def _for_account(limit: int, sentence: str, within: ConcurrencyLimiter) -> ConcurrencyLimiter:
    headers = {"Retry-After": str(_RETRY_AFTER)}
    return ConcurrencyLimiter(limit, lambda: TooManyRequests(sentence, headers=headers), within=within)
