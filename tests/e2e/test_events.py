"""Event streams: one for all jobs of an account, for many pages at the same time, without slowing uploads."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

import requests

from tests import media
from tests.person import Person
from tests.waiting import eventually

PAGES = 200
# The limit of one account (STREAMS_PER_ACCOUNT).
PAGES_OF_ONE = 8


class Stream:
    """The events of `/jobs/events`, read by a thread."""

    def __init__(self, person: Person, **headers: str) -> None:
        url = urlsplit(person.url)
        self._connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
        self._connection.request("GET", "/jobs/events", headers={"Authorization": f"Bearer {person.token}", **headers})
        self._sock = self._connection.sock
        self.answer = self._connection.getresponse()
        self.events: list[tuple[str, dict]] = []
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "Stream":
        assert self.answer.status == 200, self.answer.read()
        assert self.answer.headers["Content-Type"].startswith("text/event-stream")
        return self

    def __exit__(self, *error: object) -> None:
        # Not `close`, which would wait for the reader.
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        if self._thread.ident:
            self._thread.join(30)
        self.answer.close()
        self._connection.close()

    def reads(self) -> "Stream":
        """Starts to read, and waits for `ready`."""
        self._thread.start()
        eventually(lambda: "ready" in self.names(), what="ready")
        return self

    def _read(self) -> None:
        name = ""
        with suppress(OSError, http.client.HTTPException):
            for line in iter(self.answer.readline, b""):
                if line.startswith(b"event: "):
                    name = line[7:].decode().strip()
                elif line.startswith(b"data: "):
                    self.events.append((name, json.loads(line[6:])))

    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    def of(self, fid: str) -> list[dict]:
        return [data for name, data in self.events if name == "job" and data["video_fid"] == fid]


@contextmanager
def following(person: Person, **headers: str) -> Iterator[Stream]:
    with Stream(person, **headers) as stream:
        yield stream.reads()


def test_every_change_of_every_job_is_sent_in_one_stream(person: Person, newcomer):
    stranger = newcomer().joins()
    with following(person) as stream, following(stranger) as other:
        first, second = person.uploads(media.long(300)), person.uploads(media.make("mp4"))
        for fid in (first, second):
            eventually(lambda fid=fid: stream.of(fid) and stream.of(fid)[-1]["status"] == "completed", what="the end")
        assert stream.of(first)[-1] == person.job(first)
        progress = [job["progress"] for job in stream.of(first)]
        assert progress == sorted(progress)
        person.request("DELETE", f"/jobs/{first}")
        eventually(lambda: ("deleted", {"video_fid": first}) in stream.events, what="the deletion")
        assert other.names() == ["ready"]


def test_jobs_in_progress_are_sent_before_ready(person: Person):
    fid = person.uploads(media.long(1500))
    with following(person) as stream:
        assert stream.names()[0] == "job"
        assert stream.names().index("ready") >= len(stream.of(fid)[:1])
        person.request("POST", f"/jobs/{fid}/cancel")
        eventually(lambda: stream.of(fid)[-1]["error"] == "Cancelled by you.", what="the cancellation")


def test_a_client_that_reconnects_gets_the_missed_changes(person: Person):
    before = int(time.time() * 1000)
    job = person.converts(media.make("mp4"))
    with following(person, **{"Last-Event-ID": str(before)}) as stream:
        assert stream.of(job["video_fid"])[-1]["status"] == "completed"


def test_two_hundred_open_pages_do_not_delay_an_upload(person: Person, newcomer):
    others = [newcomer().joins() for _ in range(PAGES // PAGES_OF_ONE)]
    with ExitStack() as pages:
        for other in others * PAGES_OF_ONE:
            pages.enter_context(Stream(other))
        with following(person) as stream:
            job = person.converts(media.make("mp4"))
            eventually(lambda: stream.of(job["video_fid"])[-1:] == [job], what="the last event")
        assert requests.get(f"{person.url}/healthz", timeout=30).status_code == 200
