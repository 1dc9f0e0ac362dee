"""Jobs as Server-Sent Events (WHATWG HTML, section 9.2): one stream for a job, or one for all jobs of a caller.

Each open stream holds a thread of the server, which sleeps until there is something to say: docs/decisions/0007.
"""

import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from queue import Empty

from flask import Response, request

from common.domain.job_repository import Jobs
from common.domain.jobs import Job, Status
from common.runtime.concurrency import ConcurrencyLimiter
from gateway.jobs.feed import Change, Feed, change_of
from gateway.settings import GatewaySettings

# s. A comment at least this often keeps proxies from ending a silent connection, and finds clients that are gone.
_KEEPALIVE = 15.0
# ms until a client comes back after the stream ended.
_RETRY = "retry: 3000\n\n"


class Followers:
    """Those who follow jobs now; their number is limited, as each holds a thread."""

    def __init__(self, settings: GatewaySettings, jobs: Jobs, feed: Feed, streams: ConcurrencyLimiter) -> None:
        self._longest = settings.events_longest
        self._jobs = jobs
        self._feed = feed
        self._streams = streams

    def follow(self, job: Job) -> Response:
        """Streams `job` events until the job has ended; raises Unavailable or TooManyRequests when there
        are too many followers, of all accounts or of this one.
        """
        return self._stream(job.username, lambda: self._one(job))

    def follow_all(self, username: str) -> Response:
        """Streams the jobs that are under way, `ready`, and then each change of any of the user's jobs.

        With `Last-Event-ID` also what has changed since that event. Raises as `follow`.
        """
        since = _moment(request.headers.get("Last-Event-ID", ""))
        return self._stream(username, lambda: self._all(username, since))

    def _stream(self, username: str, events: Callable[[], Iterator[str]]) -> Response:
        release = self._streams.acquire(username)
        response = Response(events(), mimetype="text/event-stream")
        response.headers["X-Accel-Buffering"] = "no"
        response.call_on_close(release)
        return response

    def _one(self, job: Job) -> Iterator[str]:
        with self._feed.following(job.username) as follower:
            # As it is after we began to follow, so that no change is lost in between.
            current = self._jobs.owned(job.video_fid, job.username)
            if current is None:
                yield _deleted(job.video_fid)
                return
            said = change_of(current)
            yield _event(said)
            changes = iter(()) if said.status.terminal else self._changes(follower.changes.get)
            for change in changes:
                if change is None:
                    yield ": still here\n\n"
                elif change.video_fid == job.video_fid and change.at >= said.at and change.text != said.text:
                    yield _event(change)
                    if change.status.terminal:
                        return
                    said = change

    def _all(self, username: str, since: datetime | None) -> Iterator[str]:
        with self._feed.following(username) as follower:
            yield _RETRY
            for job in self._jobs.under_way(username):
                yield _event(change_of(job))
            if since is not None:
                for job in self._jobs.changed({username}, since):
                    yield _event(change_of(job))
            yield "event: ready\ndata: {}\n\n"
            for change in self._changes(follower.changes.get):
                yield ": still here\n\n" if change is None else _event(change)

    def _changes(self, get: Callable[..., Change | None]) -> Generator[Change | None]:
        """The changes as they come, None when a sign of life is due; ends when the stream has to."""
        ends = time.monotonic() + self._longest
        while (left := ends - time.monotonic()) > 0:
            try:
                change = get(timeout=min(_KEEPALIVE, left))
            except Empty:
                yield None
                continue
            if change is None:
                return
            yield change


def _event(change: Change) -> str:
    if change.status is Status.DELETED:
        return _deleted(change.video_fid)
    return f"id: {int(change.at.timestamp() * 1000)}\nevent: job\ndata: {change.text}\n\n"


def _deleted(video_fid: object) -> str:
    return f'event: deleted\ndata: {{"video_fid": "{video_fid}"}}\n\n'


def _moment(last: str) -> datetime | None:
    """The time in an event's id, which is one of ours or is ignored."""
    if last.isascii() and last.isdigit() and len(last) == 13:
        return datetime.fromtimestamp(int(last) / 1000, UTC)
    return None
