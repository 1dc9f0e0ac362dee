"""Changes of jobs as they happen: one thread follows them for all followers of this process (docs/decisions/0007).

With a standalone server, which has no change streams, the thread polls: one query per interval, by an index.
"""

import contextlib
import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from queue import SimpleQueue

from bson import ObjectId

from common.domain.job_changes import ChangesLost, JobChanges, NoChangeStreams
from common.domain.job_repository import Jobs
from common.domain.jobs import Job
from common.domain.owners import Owner
from common.errors import TransientError
from common.runtime.clock import now
from common.runtime.logs import Sparse
from common.storage.mongo import StorageUnavailable

log = logging.getLogger(__name__)

# s. How far each poll reaches back: the clocks of the services that write `updated_at` may differ by as much.
_OVERLAP = 30.0
# Changes that a follower may leave unread; then its stream ends, and the client must reconnect.
_MAX_UNREAD = 1000


# The changes of an account's jobs; None marks the end of the subscription.
Changes = SimpleQueue[Job | None]


class Feed:
    def __init__(self, jobs: Jobs, interval: float, timeout: float) -> None:
        """`interval` is the time between polls, and between attempts after a failure; `timeout` is for `following`."""
        self._jobs = jobs
        self._stream = JobChanges(jobs)
        self._interval = interval
        self._timeout = timeout
        # The account of each subscription.
        self._followers: dict[Changes, Owner] = {}
        self._lock = threading.Lock()
        self._has_followers = threading.Event()
        # Whether every change from now on will be delivered.
        self._listening = threading.Event()
        self._pause = threading.Event()
        self._thread: threading.Thread | None = None
        self._repeated = Sparse(log)
        self.closed = False

    @contextlib.contextmanager
    def following(self, owner: Owner) -> Iterator[Changes]:
        """Subscribes to the account's jobs while the block runs; a change may come twice, and none is missed.

        Raises StorageUnavailable if MongoDB does not answer within the timeout.
        """
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
            if not self.closed and not self._listening.wait(self._timeout):
                raise StorageUnavailable("The changes of jobs cannot be followed yet")
            yield changes
        finally:
            with self._lock:
                del self._followers[changes]

    def close(self) -> None:
        """Ends all subscriptions, at shutdown. Safe in a signal handler: it takes no lock."""
        self.closed = True
        self._end_all()

    def _end_all(self) -> None:
        for changes in list(self._followers):
            changes.put(None)

    def _run(self) -> None:
        while not self.closed:
            self._has_followers.wait()
            try:
                self._follow()
            except NoChangeStreams:
                log.warning(
                    "MongoDB is a standalone server, which has no change streams: polling for changes of jobs every"
                    " %g s. A replica set, also of one member, avoids this.",
                    self._interval,
                )
                self._poll()
            except ChangesLost as error:
                # The clients reconnect, and read what they have missed.
                log.warning("All event streams end: %s", error)
                self._listening.clear()
                self._end_all()
                self._pause.wait(self._interval)
            except TransientError as error:
                self._repeated.warning("The change stream failed and will be resumed: %s", error)
                self._pause.wait(self._interval)
            except Exception:  # the only thread that follows the changes must not end
                log.exception("The change stream failed")
                self._pause.wait(self._interval)

    def _follow(self) -> None:
        with contextlib.closing(self._stream.follow(self._listening.set)) as jobs:
            for job in jobs:
                followers = self._current()
                if not followers:
                    return
                if job is not None:
                    _deliver(followers, job)

    def _current(self) -> dict[Changes, Owner]:
        """The followers. Without any, the next one waits until the changes are followed again."""
        with self._lock:
            if not self._followers:
                self._has_followers.clear()
                self._listening.clear()
                self._stream.forget()
            return dict(self._followers)

    def _poll(self) -> None:
        # A hash of each recent job as it was delivered.
        known: dict[ObjectId, int] = {}
        polled_at = now()
        self._listening.set()
        while not self.closed and (followers := self._current()):
            started_at = now()
            found: dict[ObjectId, int] = {}
            try:
                since = polled_at - timedelta(seconds=_OVERLAP)
                for job in self._jobs.changed(set(followers.values()), since):
                    found[job.video_fid] = hash(repr(job.public()))
                    if known.get(job.video_fid) != found[job.video_fid]:
                        _deliver(followers, job)
            except TransientError as error:
                self._repeated.warning("Change poll failed: %s", error)
                known |= found
            else:
                polled_at, known = started_at, found
            self._pause.wait(self._interval)


def _deliver(followers: dict[Changes, Owner], job: Job) -> None:
    for changes, owner in followers.items():
        if owner.owns(job.video_fid, job.account, job.username):
            unread = changes.qsize()
            if unread < _MAX_UNREAD:
                changes.put(job)
            elif unread == _MAX_UNREAD:
                changes.put(None)
