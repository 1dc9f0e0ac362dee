"""The lease of one worker on a summary (common.domain.leases). The provider is paid by the request."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from common.domain.leases import Claim, Claims
from common.domain.summaries import UNDER_WAY, Stage, Summaries, Summary, summary_from


@dataclass
class SummaryClaim(Claim):
    """A summary that is ours while the claim is renewed."""

    summary: Summary
    attempts: int


class SummaryClaims:
    """Takes, renews and ends claims."""

    def __init__(self, summaries: Summaries, lease: float) -> None:
        self._claims = Claims(summaries.collection, lease, UNDER_WAY)

    def take(self, summary_id: ObjectId) -> SummaryClaim | None:
        """Claims the summary and counts the attempt; None when it has ended, is gone or another worker holds it."""
        found = self._claims.claim(summary_id)
        if found is None:
            return None
        token, document = found
        return SummaryClaim(summary_id, token, summary_from(document), document.get("attempts", 1))

    def kept(self, claim: SummaryClaim) -> contextlib.AbstractContextManager[None]:
        """Renews the claim while the block runs."""
        return self._claims.renewed(claim)

    def change(self, claim: SummaryClaim, **fields: Any) -> None:
        """Writes fields of the summary; raises ClaimLost or TransientError when it is not surely ours any more."""
        claim.check()
        self._claims.change(claim, fields)

    def complete(self, claim: SummaryClaim, summary: Mapping[str, Any]) -> None:
        """Ends the summary with its result; raises ClaimLost when it is not ours any more."""
        ended = {"status": Stage.COMPLETED.value, "progress": 100, "error": None, "claim": None}
        self._claims.change(claim, {**summary, **ended}, drop=("text", "notes"))

    def release(self, claim: SummaryClaim) -> None:
        """Gives an unfinished summary back; the attempt does not count, as the summary is not to blame."""
        self._claims.release(claim)
