"""Jobs as Server-Sent Events (WHATWG HTML, section 9.2): one stream for a job, or one for all jobs of a caller.

Each open stream holds a thread of the server, which sleeps until there is an event: docs/decisions/0007.
"""

import json
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from itertools import chain
from queue import Empty

from flask import Response, request

from common.domain.job_repository import Jobs
from common.domain.jobs import Job, Status
from common.domain.owners import Owner
from common.runtime.concurrency_limiter import ConcurrencyLimiter
from gateway.jobs.feed import Changes, Feed
from gateway.settings import GatewaySettings

# s. A comment at least this often keeps proxies from ending an idle connection, and finds clients that are gone.
_KEEPALIVE = 15.0
# ms until a client reconnects after the stream has ended.
_RETRY = "retry: 3000\n\n"
_KEEPALIVE_COMMENT = ": keep-alive\n\n"


class Followers:
    """The open streams; their number is limited, as each holds a thread."""

    def __init__(self, settings: GatewaySettings, jobs: Jobs, feed: Feed, streams: ConcurrencyLimiter) -> None:
        self._longest = settings.events_longest
        self._jobs = jobs
        self._feed = feed
        self._streams = streams

    def follow(self, job: Job, owner: Owner) -> Response:
        """Streams `job` events until the job of this owner has ended.

        Raises Unavailable when there are too many streams of all accounts, TooManyRequests of this one.
        """
        return self._stream(owner, lambda: self._one(job, owner))

    def follow_all(self, owner: Owner) -> Response:
        """Streams the jobs in progress, `ready`, and then each change of any of the account's jobs.

        With `Last-Event-ID` also the changes since that event. Raises as `follow`.
        """
        since = _time_of_event(request.headers.get("Last-Event-ID", ""))
        return self._stream(owner, lambda: self._all(owner, since))

    def _stream(self, owner: Owner, events: Callable[[], Generator[str]]) -> Response:
        release = self._streams.acquire(owner.key)
        stream = events()
        try:
            # Before the status is sent, so that a failure of MongoDB becomes a 503.
            first = next(stream)
        except BaseException:
            release()
            raise
        response = Response(chain([first], stream), mimetype="text/event-stream")
        response.headers["X-Accel-Buffering"] = "no"
        response.call_on_close(stream.close)
        response.call_on_close(release)
        return response

    def _one(self, job: Job, owner: Owner) -> Generator[str]:
        with self._feed.following(owner) as changes:
            # Read after the subscription, so that no change is lost in between.
            current = self._jobs.owned(job.video_fid, owner)
            if current is None:
                yield _deleted(job.video_fid)
                return
            yield _event(current)
            if current.status.terminal:
                return
            for changed in self._until_end(changes):
                if changed is None:
                    yield _KEEPALIVE_COMMENT
                elif changed.video_fid == job.video_fid and _is_newer(changed, current):
                    yield _event(changed)
                    if changed.status.terminal:
                        return
                    current = changed

    def _all(self, owner: Owner, since: datetime | None) -> Generator[str]:
        with self._feed.following(owner) as changes:
            yield _RETRY
            for job in self._jobs.under_way(owner):
                yield _event(job)
            if since is not None:
                for job in self._jobs.changed([owner], since):
                    yield _event(job)
            yield "event: ready\ndata: {}\n\n"
            for change in self._until_end(changes):
                yield _KEEPALIVE_COMMENT if change is None else _event(change)

    def _until_end(self, changes: Changes) -> Generator[Job | None]:
        """The changes as they happen, None when a comment is due; ends after EVENTS_LONGEST, or at shutdown."""
        ends = time.monotonic() + self._longest
        while (left := ends - time.monotonic()) > 0:
            try:
                change = changes.get(timeout=min(_KEEPALIVE, left))
            except Empty:
                yield None
                continue
            if change is None:
                return
            yield change


def _is_newer(job: Job, sent: Job) -> bool:
    return job.updated_at >= sent.updated_at and job.public() != sent.public()


def _event(job: Job) -> str:
    if job.status is Status.DELETED:
        return _deleted(job.video_fid)
    data = json.dumps(job.public(), ensure_ascii=False)
    return f"id: {int(job.updated_at.timestamp() * 1000)}\nevent: job\ndata: {data}\n\n"


def _deleted(video_fid: object) -> str:
    return f'event: deleted\ndata: {{"video_fid": "{video_fid}"}}\n\n'


def _time_of_event(event_id: str) -> datetime | None:
    """The time in an event's id (ms since 1970); None when the id is invalid."""
    if event_id.isascii() and event_id.isdigit() and len(event_id) == 13:
        return datetime.fromtimestamp(int(event_id) / 1000, UTC)
    return None
