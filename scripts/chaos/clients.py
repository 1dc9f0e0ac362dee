"""Users with this project's own client library: they retry, resume, and note what the server has accepted."""

import hashlib
import io
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from scripts.chaos import samples
from scripts.chaos.plan import Sending, Way
from tests.person import Person
from video2mp3.account import Account
from video2mp3.api import Api
from video2mp3.errors import CliError, Missing, Unreachable
from video2mp3.http_client import Retries
from video2mp3.uploads import Uploader

# Uploads at the same time, and files that are followed: more than there are, unless the system is down for long.
_UPLOADING, _FOLLOWING = 32, 16
# The client library repeats a request for two minutes; its user tries again so often.
_TRIES = 5


@dataclass
class Record:
    """What its client knows about an upload. Times are seconds since the epoch."""

    sending: Sending
    begun: float = 0.0
    accepted: float = 0.0
    fid: str | None = None
    """The id of the job, once the server has accepted the upload."""
    failure: str = ""
    """Why it was not accepted, or not followed to its end."""
    repeated: Counter[str] = field(default_factory=Counter)
    """Requests that failed and were repeated, by the code of the error."""
    mp3_fid: str = ""
    downloaded: str = ""
    """SHA-256 of the MP3 as it was downloaded."""
    summary: str = ""
    """The id of an accepted summary."""


class Clients:
    """Sends the uploads at their times; `records` has one record for each."""

    def __init__(self, url: str, maildir: Path, accounts: int) -> None:
        people = [Person(url, maildir).joins() for _ in range(accounts)]
        self.records: list[Record] = []
        self._accounts = [Account(url, person.email, person.token) for person in people]
        self._stop = threading.Event()
        self._following = ThreadPoolExecutor(_FOLLOWING, thread_name_prefix="follow")
        self._followed: list[Future[None]] = []

    def run(self, sendings: Sequence[Sending]) -> None:
        """Returns when all uploads are accepted or given up; files are followed until `finish`."""
        begin = time.monotonic()
        with ThreadPoolExecutor(_UPLOADING, thread_name_prefix="upload") as pool:
            try:
                for sending in sendings:
                    self._stop.wait(max(0.0, begin + sending.at - time.monotonic()))
                    record = Record(sending)
                    self.records.append(record)
                    pool.submit(self._upload, record)
            except BaseException:
                self.stop()
                raise

    def finish(self, limit: float) -> None:
        """Waits up to `limit` s for the files that are followed."""
        wait(self._followed, limit)
        self.stop()

    def stop(self) -> None:
        """Ends all requests that wait."""
        self._stop.set()
        self._following.shutdown()

    def _api(self, record: Record) -> Api:
        api = Api(self._accounts[record.sending.account])
        api.stop = self._stop
        return api

    def _upload(self, record: Record) -> None:
        api = self._api(record)
        record.begun = time.time()
        for _ in range(_TRIES):
            try:
                record.fid = self._sent(api, record)
            except (Unreachable, Missing) as error:
                record.failure = str(error)
            except Exception as error:  # noqa: BLE001  anything else is a finding: it belongs into the report
                record.failure = f"{type(error).__name__}: {error}"
                break
            else:
                record.accepted = time.time()
                record.failure = ""
                if record.sending.followed:
                    self._followed.append(self._following.submit(self._follow, api, record))
                return
        print(f"not accepted: upload {record.sending.number}: {record.failure}", file=sys.stderr)

    def _sent(self, api: Api, record: Record) -> str:
        path = samples.path(record.sending.kind)
        name = f"upload-{record.sending.number}{path.suffix}"
        if record.sending.way is Way.FORM:
            return self._sent_as_form(api, record, path, name)
        size = path.stat().st_size
        uploader = Uploader(api.request, self._stop, lambda _: None, _counting(record))
        fid = uploader.create(name, size, {})
        with path.open("rb") as file:
            uploader.finish(fid, file, size)
        return fid

    def _sent_as_form(self, api: Api, record: Record, path: Path, name: str) -> str:
        """Not idempotent: after a lost response the file is sent again, and the server may have accepted both."""

        def attempt() -> str:
            with path.open("rb") as file:
                return str(api.request("POST", "/upload", files={"file": (name, file)}).json()["video_fid"])

        return Retries(self._stop, _counting(record)).until_success(attempt)

    def _follow(self, api: Api, record: Record) -> None:
        """Waits for the MP3, downloads it, and requests a summary if planned."""
        try:
            job = api.wait(str(record.fid), lambda _: None, _counting(record))
            if job["status"] != "completed":
                return
            record.mp3_fid = job["mp3_fid"]
            content = io.BytesIO()
            api.download(record.mp3_fid, content, _counting(record))
            record.downloaded = hashlib.sha256(content.getvalue()).hexdigest()
            if record.sending.summarised:
                retries = Retries(self._stop, _counting(record))
                record.summary = retries.until_success(lambda: api.summarise(record.mp3_fid))
        except Exception as error:  # noqa: BLE001  as above
            record.failure = f"{type(error).__name__}: {error}"


def _counting(record: Record) -> Callable[[CliError], None]:
    def count(error: CliError) -> None:
        record.repeated[error.code] += 1

    return count


def all_repeated(records: Sequence[Record]) -> Mapping[str, int]:
    """Repeated requests of all clients, by the code of the error."""
    return dict(sum((record.repeated for record in records), Counter[str]()).most_common())
