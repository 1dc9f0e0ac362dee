"""Changes of jobs as they happen: one thread looks into MongoDB for all who follow their jobs through this process.

MongoDB's own change streams need a replica set, which an installation need not have. The load does not depend on the
number of followers: one query an interval, by an index, for what was changed lately; nobody follows, nothing is asked.
"""

import contextlib
import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import SimpleQueue

from bson import ObjectId

from common.domain.job_repository import Jobs
from common.domain.jobs import Job, Status
from common.errors import TransientError
from common.runtime.clock import now

log = logging.getLogger(__name__)

# s. How far each look reaches back: the clocks of the services that write `updated_at` may differ by so much.
_OVERLAP = 30.0
# Changes that wait for a follower who does not read them; then it has to come again.
_MOST_WAITING = 1000


@dataclass(frozen=True)
class Change:
    """A job as it is now; `text` is its JSON."""

    video_fid: ObjectId
    status: Status
    at: datetime
    text: str


@dataclass(eq=False)
class Follower:
    """Who wants the changes of a user's jobs; None in the queue says that there will be no more."""

    username: str
    changes: SimpleQueue[Change | None] = field(default_factory=SimpleQueue)


class Feed:
    """Hands the changes to the followers."""

    def __init__(self, jobs: Jobs, interval: float) -> None:
        self._jobs = jobs
        self._interval = interval
        self._followers: set[Follower] = set()
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None
        self.closed = False

    @contextlib.contextmanager
    def following(self, username: str) -> Iterator[Follower]:
        """Follows the user's jobs while the block runs; a change may come twice, and none is missed."""
        follower = Follower(username)
        with self._lock:
            self._followers.add(follower)
            if self._thread is None:
                # Made here and not at the start, which may be before a fork.
                self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
                self._thread.start()
        self._wanted.set()
        if self.closed:
            follower.changes.put(None)
        try:
            yield follower
        finally:
            with self._lock:
                self._followers.discard(follower)

    def close(self) -> None:
        """Ends all following, as the process is about to end. Safe in a signal handler: it takes no lock."""
        self.closed = True
        for follower in list(self._followers):
            follower.changes.put(None)

    def _run(self) -> None:
        known: dict[ObjectId, str] = {}
        looked = now()
        pause = threading.Event()
        while not self.closed:
            with self._lock:
                followers = list(self._followers)
                if not followers:
                    self._wanted.clear()
            if not followers:
                self._wanted.wait()
                known, looked = {}, now()
                continue
            moment = now()
            try:
                found = self._look({follower.username for follower in followers}, looked)
            except TransientError as error:
                log.warning("Followers wait: %s", error)
            except Exception:  # this thread is the only one that looks: it must not end
                log.exception("Followers wait")
            else:
                looked = moment
                fresh = {owner_and_change[1].video_fid: owner_and_change[1].text for owner_and_change in found}
                for username, change in found:
                    if known.get(change.video_fid) != change.text:
                        _tell([one for one in followers if one.username == username], change)
                known = fresh
            pause.wait(self._interval)

    def _look(self, usernames: set[str], looked: datetime) -> list[tuple[str, Change]]:
        since = looked - timedelta(seconds=_OVERLAP)
        return [(job.username, change_of(job)) for job in self._jobs.changed(usernames, since)]


def _tell(followers: list[Follower], change: Change) -> None:
    for follower in followers:
        waiting = follower.changes.qsize()
        if waiting < _MOST_WAITING:
            follower.changes.put(change)
        elif waiting == _MOST_WAITING:
            follower.changes.put(None)


def change_of(job: Job) -> Change:
    """The job's state as a change."""
    return Change(job.video_fid, job.status, job.updated_at, json.dumps(job.public(), ensure_ascii=False))
