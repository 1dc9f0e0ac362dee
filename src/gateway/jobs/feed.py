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

from bson import ObjectId

from common.domain.job_repository import Jobs
from common.domain.jobs import Job
from common.errors import TransientError
from common.runtime.clock import now

log = logging.getLogger(__name__)

# s. How far each poll reaches back: the clocks of the services that write `updated_at` may differ by as much.
_OVERLAP = 30.0
# Changes that a follower may leave unread; then its stream ends, and the client must reconnect.
_MAX_UNREAD = 1000


# The changes of a user's jobs; None marks the end of the subscription.
Changes = SimpleQueue[Job | None]


class Feed:
    def __init__(self, jobs: Jobs, interval: float) -> None:
        self._jobs = jobs
        self._interval = interval
        # The user of each subscription.
        self._followers: dict[Changes, str] = {}
        self._lock = threading.Lock()
        self._has_followers = threading.Event()
        self._thread: threading.Thread | None = None
        self.closed = False

    @contextlib.contextmanager
    def following(self, username: str) -> Iterator[Changes]:
        """Subscribes to the user's jobs while the block runs; a change may be delivered twice, and none is missed."""
        changes = Changes()
        with self._lock:
            self._followers[changes] = username
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
        # A hash of each recent job as it was delivered.
        known: dict[ObjectId, int] = {}
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
            found: dict[ObjectId, int] = {}
            try:
                since = polled_at - timedelta(seconds=_OVERLAP)
                for job in self._jobs.changed(set(followers.values()), since):
                    found[job.video_fid] = hash(repr(job.public()))
                    if known.get(job.video_fid) != found[job.video_fid]:
                        _deliver([changes for changes, username in followers.items() if username == job.username], job)
            except TransientError as error:
                log.warning("Change poll failed: %s", error)
                known |= found
            except Exception:  # the only thread that polls must not end
                log.exception("Change poll failed")
            else:
                polled_at, known = started_at, found
            pause.wait(self._interval)


def _deliver(followers: list[Changes], job: Job) -> None:
    for changes in followers:
        unread = changes.qsize()
        if unread < _MAX_UNREAD:
            changes.put(job)
        elif unread == _MAX_UNREAD:
            changes.put(None)
