"""The queries of housekeeping: on jobs and summaries, and its report."""

from datetime import datetime

from common.domain import summaries
from common.domain.job_turns import released
from common.domain.jobs import ENDED, NOTIFIED, UNDER_WAY, Job, Status, job_from
from common.domain.summaries import Stage, Summary, summary_from
from common.runtime.clock import now
from common.storage.mongo import Db, Document, failures

# Jobs or summaries that one query returns at most, so that a pass ends; the next pass continues.
_LIMIT = 10_000


class HousekeepingRepository:
    """Every method raises StorageUnavailable when MongoDB does not answer."""

    def __init__(self, db: Db) -> None:
        self._jobs = db["jobs"]
        self._summaries = db["summaries"]
        self._reports = db["housekeeping"]

    def jobs_to_publish(self, unconfirmed_before: datetime, stalled_before: datetime) -> list[Job]:
        """Queued jobs whose message was never confirmed, and jobs in progress that have not changed for too long.

        The message of the latter was purged or its queue deleted: nothing else would ever continue them. Not jobs that
        wait for their turn.
        """
        return self._find_jobs({"$and": [released(), _unpublished(UNDER_WAY, unconfirmed_before, stalled_before)]})

    def jobs_to_notify(self, unconfirmed_before: datetime, stalled_before: datetime) -> list[Job]:
        """Ended jobs whose owner was not notified, as the notice was never confirmed or was lost.

        A notice that waits for its next attempt, because the mail server is down, is not lost.
        """
        return self._find_jobs(
            {
                "status": {"$in": ENDED},
                NOTIFIED: False,
                "$or": [
                    {"notice_sent": False, "updated_at": {"$lt": unconfirmed_before}},
                    {
                        "updated_at": {"$lt": stalled_before},
                        "undeliverable": {"$ne": True},
                        "notice_expected_until": {"$not": {"$gt": now()}},
                    },
                ],
            }
        )

    def summaries_to_publish(self, unconfirmed_before: datetime, stalled_before: datetime) -> list[Summary]:
        """As `jobs_to_publish`."""
        query = _unpublished(summaries.UNDER_WAY, unconfirmed_before, stalled_before)
        with failures():
            return [summary_from(row) for row in self._summaries.find(query).limit(_LIMIT)]

    def delete_summaries_of_texts(self, before: datetime) -> int:
        """Deletes summaries that have no job and ended before that time; returns their number."""
        ended = [Stage.COMPLETED.value, Stage.FAILED.value]
        query = {"mp3_fid": {"$exists": False}, "status": {"$in": ended}, "updated_at": {"$lt": before}}
        with failures():
            return self._summaries.delete_many(query).deleted_count

    def save_report(self, held: int, lost: int) -> None:
        with failures():
            self._reports.replace_one({"_id": "last"}, {"at": now(), "held": held, "lost": lost}, upsert=True)

    def report(self) -> Document | None:
        """What the last pass left to an operator: `held` and `lost` of its `Cleanup`, and its time `at`."""
        with failures():
            return self._reports.find_one({"_id": "last"})

    def _find_jobs(self, query: Document) -> list[Job]:
        with failures():
            return [job_from(row) for row in self._jobs.find(query).limit(_LIMIT)]


def _unpublished(in_progress: list[str], unconfirmed_before: datetime, stalled_before: datetime) -> Document:
    return {
        "$or": [
            {"status": Status.QUEUED.value, "published": False, "updated_at": {"$lt": unconfirmed_before}},
            {"status": {"$in": in_progress}, "updated_at": {"$lt": stalled_before}},
        ]
    }
