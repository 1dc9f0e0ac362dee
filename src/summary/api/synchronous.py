"""A short text is summarised while its sender waits: a few attempts within AI_SUMMARY_TIMEOUT."""

import time

from common.errors import PermanentError, Unavailable
from summary.provider.answers import Digest
from summary.provider.client import Provider, ProviderUnavailable

# s before the second, third, … attempt, unless the provider says more.
_PAUSES = (0.5, 1.0, 2.0)


def summarise(provider: Provider, text: str, seconds: float) -> Digest:
    """The summary; raises Unavailable with what to do when there is none after `seconds`."""
    ends = time.monotonic() + seconds
    failure = ProviderUnavailable("the provider was too slow")
    for pause in (*_PAUSES, None):
        left = ends - time.monotonic()
        if left <= 0:
            break
        try:
            return provider.summarise(text, left)
        except ProviderUnavailable as error:
            failure = error
        except PermanentError as error:
            raise Unavailable(str(error), retry_after=60) from error
        wait = max(pause or 0, failure.retry_after or 0)
        if pause is None or time.monotonic() + wait >= ends:
            break
        time.sleep(wait)
    raise Unavailable(
        f"There is no summary right now: {failure}. Try again later.", retry_after=round(failure.retry_after or 30)
    ) from failure
