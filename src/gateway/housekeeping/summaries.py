"""The passes over summaries and transcripts, which go with their jobs; those of texts have no job and end by age."""

import logging
from datetime import timedelta

from common.domain.summaries import UNDER_WAY, Stage, summary_from
from common.domain.summary_outbox import SummaryOutbox
from common.messaging.publisher import Publisher
from common.runtime.clock import now
from common.storage.mongo import batches, failures
from gateway.jobs.store import Store
from gateway.settings import HousekeepingSettings

log = logging.getLogger(__name__)

# Summaries that one pass handles at most, so that it ends; the next goes on.
_BATCH = 10_000


class SummaryUpkeep:
    """All passes; each may run at any time, beside the services and beside itself."""

    def __init__(self, settings: HousekeepingSettings, store: Store, publisher: Publisher) -> None:
        self._settings = settings
        self._store = store
        self._publisher = publisher

    def run(self) -> dict[str, int]:
        """Runs every pass once; returns how much each had to do. Raises StorageUnavailable."""
        return {
            "summaries expired": self.delete_expired(),
            "summaries published": self.publish_forgotten(),
            "summaries of deleted jobs": self.delete_of_deleted_jobs(),
        }

    def delete_expired(self) -> int:
        """Deletes summaries of texts that are older than RETENTION_DAYS."""
        days = self._settings.retention_days
        if days == 0:
            return 0
        old = {
            "mp3_fid": {"$exists": False},
            "status": {"$in": [Stage.COMPLETED.value, Stage.FAILED.value]},
            "updated_at": {"$lt": now() - timedelta(days=days)},
        }
        with failures():
            return self._store.summaries.collection.delete_many(old).deleted_count

    def publish_forgotten(self) -> int:
        """Publishes summaries whose message was never confirmed, or got lost."""
        queue = self._settings.summary_queue
        if queue is None:
            return 0
        summaries = self._store.summaries
        outbox = SummaryOutbox(queue, summaries, self._publisher)
        grace = now() - timedelta(seconds=self._settings.publish_grace)
        stalled = now() - timedelta(seconds=self._settings.stalled_after)
        waiting = {
            "$or": [
                {"status": Stage.QUEUED.value, "published": False, "updated_at": {"$lt": grace}},
                {"status": {"$in": UNDER_WAY}, "updated_at": {"$lt": stalled}},
            ]
        }
        with failures():
            found = [summary_from(row) for row in summaries.collection.find(waiting).limit(_BATCH)]
        return sum(outbox.announce(summary) for summary in found)

    def delete_of_deleted_jobs(self) -> int:
        """Deletes what a deletion that was interrupted, or overtaken by a worker, has left.

        A job that is simply not there proves nothing: the jobs may have been lost, and summaries are paid for.
        """
        count = 0
        for video_fids in batches(self._store.jobs.deleted()):
            count += self._store.summaries.delete_of_video(*video_fids)
            count += self._store.transcripts.delete_of_video(*video_fids)
        if count:
            log.warning("Deleted %d summaries and transcripts of deleted jobs", count)
        return count
