"""Changes of jobs as they happen: one thread polls MongoDB for all followers of this process.

MongoDB's change streams need a replica set, which not every installation has. The load does not depend on the number
of followers: there is one query per interval, by an index, for recent changes, and none without followers.
"""

import contextlib
import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from queue import SimpleQueue
from typing import Any

from bson import ObjectId

from common.domain.job_repository import Jobs
from common.domain.jobs import Job
from common.domain.owners import Owner
from common.errors import TransientError
from common.runtime.clock import now

log = logging.getLogger(__name__)

# s. How far each poll reaches back: the clocks of the services that write `updated_at` may differ by as much.
_OVERLAP = 30.0
# Changes that a follower may leave unread; then its stream ends, and the client must reconnect.
_MAX_UNREAD = 1000


# The changes of an account's jobs; None marks the end of the subscription.
Changes = SimpleQueue[Job | None]


class Feed:
    def __init__(self, jobs: Jobs, interval: float) -> None:
        self._jobs = jobs
        self._interval = interval
        # The account of each subscription.
        self._followers: dict[Changes, Owner] = {}
        self._lock = threading.Lock()
        self._has_followers = threading.Event()
        self._thread: threading.Thread | None = None
        self.closed = False

    @contextlib.contextmanager
    def following(self, owner: Owner) -> Iterator[Changes]:
        """Subscribes to the account's jobs while the block runs; a change may come twice, and none is missed."""
        changes = Changes()
        with self._lock:
            self._followers[changes] = owner
            if self._thread is None:
                # Not in `__init__`, which may run before a fork.
                self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
                self._thread.start()
        self._has_followers.set()
        if self.closed:
            changes.put(None)
        try:
            yield changes
        finally:
            with self._lock:
                del self._followers[changes]

    def close(self) -> None:
        """Ends all subscriptions, at shutdown. Safe in a signal handler: it takes no lock."""
        self.closed = True
        for changes in list(self._followers):
            changes.put(None)

    def _run(self) -> None:
        known: dict[ObjectId, dict[str, Any]] = {}
        polled_at = now()
        pause = threading.Event()
        while not self.closed:
            with self._lock:
                followers = dict(self._followers)
                if not followers:
                    self._has_followers.clear()
            if not followers:
                self._has_followers.wait()
                known, polled_at = {}, now()
                continue
            started_at = now()
            try:
                since = polled_at - timedelta(seconds=_OVERLAP)
                found = self._jobs.changed(set(followers.values()), since)
            except TransientError as error:
                log.warning("Change poll failed: %s", error)
            except Exception:  # the only thread that polls must not end
                log.exception("Change poll failed")
            else:
                polled_at = started_at
                for job in found:
                    if known.get(job.video_fid) != job.public():
                        _deliver([changes for changes, owner in followers.items() if _owns(owner, job)], job)
                known = {job.video_fid: job.public() for job in found}
            pause.wait(self._interval)


def _owns(owner: Owner, job: Job) -> bool:
    return owner.owns(job.video_fid, job.account, job.username)


def _deliver(followers: list[Changes], job: Job) -> None:
    for changes in followers:
        unread = changes.qsize()
        if unread < _MAX_UNREAD:
            changes.put(job)
        elif unread == _MAX_UNREAD:
            changes.put(None)
