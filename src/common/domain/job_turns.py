"""The queries of fair scheduling on the collection `jobs`: which jobs wait for their turn, and which have had it.

The rules are in `common.domain.scheduling`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from pymongo import ReturnDocument
from pymongo.collection import Collection

from common.domain.jobs import Job, Status, job_from, owner_of
from common.storage.mongo import Document, failures

_WAITING: Document = {"status": Status.QUEUED.value, "waiting": True}


def released(**of: object) -> Document:
    """Matches jobs that have not ended and do not wait for their turn: their messages are published, or soon will be.

    A replica of the previous release publishes each job at once, and knows no turns: its jobs lack the field, and jobs
    of this release that it publishes keep it while they are converted.
    """
    return {
        "$or": [
            {"status": Status.CONVERTING.value, **of},
            {"status": Status.QUEUED.value, "waiting": {"$in": [False, None]}, **of},
        ]
    }


class JobTurns:
    """Every method raises StorageUnavailable when MongoDB does not answer."""

    def __init__(self, jobs: Collection[Document]) -> None:
        self._jobs = jobs

    def is_released(self, owner: str) -> bool:
        """Whether a job of the account has had its turn and has not ended."""
        with failures():
            return self._jobs.find_one(released(owner=owner), {"_id": 1}) is not None

    def released_owners(self, limit: int) -> list[str]:
        """The account of each job that has had its turn and has not ended, of at most `limit` jobs."""
        with failures():
            rows = self._jobs.find(released(), {"owner": 1, "account": 1, "username": 1}).limit(limit)
            return [owner_of(row) for row in rows]

    def count_released(self, owners: Sequence[str]) -> Mapping[str, int]:
        """How many jobs of each of these accounts have had their turn and have not ended."""
        with failures():
            return Counter(row["owner"] for row in self._jobs.find(released(owner={"$in": owners}), {"owner": 1}))

    def owners_due(self) -> list[str]:
        """The accounts whose turn it is: with jobs that wait, and none that has had its turn and has not ended."""
        with failures():
            having = set(self._jobs.distinct("owner", released()))
            return [owner for owner in self._jobs.distinct("owner", _WAITING) if owner not in having]

    def count_converting(self, limit: int) -> int:
        """How many jobs are being converted, at most `limit`."""
        with failures():
            return self._jobs.count_documents({"status": Status.CONVERTING.value}, limit=limit)

    def count_waiting(self, limit: int) -> int:
        """How many jobs wait for their turn, at most `limit`."""
        with failures():
            return self._jobs.count_documents(_WAITING, limit=limit)

    def release(self, owner: str) -> Job | None:
        """Ends the wait of the account's oldest waiting job, which must be published then; None if it has none."""
        with failures():
            document = self._jobs.find_one_and_update(
                {**_WAITING, "owner": owner},
                {"$set": {"waiting": False}, "$currentDate": {"updated_at": True}},
                sort=[("_id", 1)],
                return_document=ReturnDocument.AFTER,
            )
        return job_from(document) if document else None
