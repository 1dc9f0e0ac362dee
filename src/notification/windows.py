"""The collection `email_windows` of the database `videos`: which accounts have just received an email.

While a window is open, the emails of its account wait; then one email is about everything that has ended. A window has
no other meaning: whether an owner was notified is in the jobs, so that a lost window causes at most one more email.
"""

from datetime import datetime, timedelta

from pymongo.errors import DuplicateKeyError

from common.domain.jobs import Job
from common.runtime.clock import now
from common.storage.mongo import Db, failures


class EmailWindows:
    """Every method raises StorageUnavailable when MongoDB does not answer."""

    def __init__(self, db: Db, duration: float) -> None:
        """`duration` is in seconds."""
        self.collection = db["email_windows"]
        self._duration = timedelta(seconds=duration)

    def ensure_indexes(self) -> None:
        """Creates the index that deletes windows that have ended."""
        with failures():
            self.collection.create_index([("until", 1)], expireAfterSeconds=0)

    def open(self, job: Job) -> datetime | None:
        """Opens a window of the job's owner for an email that is caused by this run of the job.

        Returns None if the email may be sent now: the window was opened, or an earlier attempt of the same run of the
        job opened it. Otherwise returns the end of the window that is open.
        """
        by = f"{job.video_fid}.{job.run}"
        moment = now()
        window = {"$set": {"until": moment + self._duration, "by": by}}
        with failures():
            try:
                self.collection.update_one({"_id": job.username, "until": {"$lte": moment}}, window, upsert=True)
            except DuplicateKeyError:
                current = self.collection.find_one({"_id": job.username})
            else:
                return None
        if current is None:
            # It ended in this moment.
            return moment
        until: datetime = current["until"]
        return None if current["by"] == by else until
