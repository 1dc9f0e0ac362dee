"""How many of a replica's threads uploads, downloads and event streams can hold, which last as long as clients like."""

from common.errors import TooManyRequests, Unavailable
from common.runtime.concurrency_limiter import ConcurrencyLimiter
from gateway.settings import GatewaySettings

# s. Until the client should try again.
_RETRY_AFTER = 10
# Of the free places, that one account may hold: a quarter of all if it is alone, and never the last ones.
_SHARE = 1 / 3


def limiters(settings: GatewaySettings) -> tuple[ConcurrencyLimiter, ConcurrencyLimiter]:
    """The limits of each account, by its name, within those of the replica, which leave threads for short requests.

    The first is for uploads and downloads together, the second for event streams.
    """
    everything = _for_all(
        settings.long_requests,
        f"The server has too many concurrent transfers and event streams. Try again in {_RETRY_AFTER} seconds.",
    )
    all_streams = _for_all(
        settings.followers,
        f"The server has too many open event streams. Poll GET /jobs, or try again in {_RETRY_AFTER} seconds.",
        within=everything,
    )
    transfers = _for_account(
        settings.transfers,
        f"Too many concurrent transfers: an account may have at most {settings.transfers} uploads and downloads, "
        "and fewer while the server is busy. Wait until one finishes.",
        within=everything,
        share=_SHARE,
    )
    streams = _for_account(
        settings.streams_per_account,
        f"Too many open event streams: an account may have at most {settings.streams_per_account}. "
        "Close some pages, or poll GET /jobs.",
        within=all_streams,
    )
    return transfers, streams


def _for_all(limit: int, sentence: str, within: ConcurrencyLimiter | None = None) -> ConcurrencyLimiter:
    return ConcurrencyLimiter(limit, lambda: Unavailable(sentence, retry_after=_RETRY_AFTER), within=within)


def _for_account(
    limit: int, sentence: str, within: ConcurrencyLimiter, share: float | None = None
) -> ConcurrencyLimiter:
    headers = {"Retry-After": str(_RETRY_AFTER)}
    return ConcurrencyLimiter(limit, lambda: TooManyRequests(sentence, headers=headers), within=within, share=share)
