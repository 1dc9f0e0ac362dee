"""A job's progress as Server-Sent Events (WHATWG HTML, section 9.2)."""

import json
import threading
import time
from collections.abc import Callable, Iterator

from flask import Response

from common.errors import TransientError, Unavailable
from common.jobs import Job
from gateway.settings import GatewaySettings

# s. A comment at least this often keeps proxies from ending a silent connection, and finds clients that are gone.
_KEEPALIVE = 15.0
# s. Followers come back by themselves; nobody holds a thread for ever.
_LONGEST = 3600.0


class Followers:
    """Those who follow a job now; their number is limited, as each holds a thread."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._interval = settings.events_interval
        self._places = threading.BoundedSemaphore(settings.events_max_followers)

    def follow(self, job: Job, reload: Callable[[Job], Job | None]) -> Response:
        """Streams `job` events until the job has ended; raises Unavailable when there are too many followers."""
        if not self._places.acquire(blocking=False):
            raise Unavailable("Too many clients follow their jobs right now. Ask GET /jobs/<id> from time to time.")
        response = Response(self._events(job, reload), mimetype="text/event-stream")
        response.headers["X-Accel-Buffering"] = "no"
        response.call_on_close(self._places.release)
        return response

    def _events(self, job: Job, reload: Callable[[Job], Job | None]) -> Iterator[str]:
        ends = time.monotonic() + _LONGEST
        yield _event(job)
        spoken = time.monotonic()
        while not job.status.terminal and time.monotonic() < ends:
            time.sleep(self._interval)
            try:
                current = reload(job)
            except TransientError:
                yield "retry: 3000\n\n"
                return
            if current is None:
                yield "event: deleted\ndata: {}\n\n"
                return
            if current.public() != job.public():
                yield _event(current)
                spoken = time.monotonic()
            elif time.monotonic() - spoken >= _KEEPALIVE:
                yield ": still here\n\n"
                spoken = time.monotonic()
            job = current


def _event(job: Job) -> str:
    return f"event: job\ndata: {json.dumps(job.public(), ensure_ascii=False)}\n\n"
