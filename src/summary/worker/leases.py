"""The lease of one worker on a summary (common.domain.leases). The provider is paid by the request."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from common.domain.leases import Lease, Leases
from common.domain.summaries import UNDER_WAY, Stage, Summaries, Summary, summary_from


@dataclass
class SummaryLease(Lease):
    """A summary that is ours while the lease is renewed."""

    summary: Summary
    attempts: int


class SummaryLeases:
    """Takes, renews and ends leases."""

    def __init__(self, summaries: Summaries, duration: float) -> None:
        self._leases = Leases(summaries.collection, duration, UNDER_WAY)

    def take(self, summary_id: ObjectId) -> SummaryLease | None:
        """Acquires the lease and counts the attempt; None when the summary ended or is gone, or it is held."""
        found = self._leases.acquire(summary_id)
        if found is None:
            return None
        token, document = found
        return SummaryLease(summary_id, token, summary_from(document), document.get("attempts", 1))

    def kept(self, lease: SummaryLease) -> contextlib.AbstractContextManager[None]:
        """Renews the lease while the block runs."""
        return self._leases.renewed(lease)

    def change(self, lease: SummaryLease, **fields: Any) -> None:
        """Writes fields of the summary; raises LeaseLost or TransientError when it is not surely ours any more."""
        lease.check()
        self._leases.change(lease, fields)

    def complete(self, lease: SummaryLease, summary: Mapping[str, Any]) -> None:
        """Ends the summary with its result; raises LeaseLost when it is not ours any more."""
        ended = {"status": Stage.COMPLETED.value, "progress": 100, "error": None, "error_code": None, "claim": None}
        self._leases.change(lease, {**summary, **ended}, drop=("text", "notes"))

    def release(self, lease: SummaryLease) -> None:
        """Gives an unfinished summary back; the attempt does not count, as the summary is not to blame."""
        self._leases.release(lease)
