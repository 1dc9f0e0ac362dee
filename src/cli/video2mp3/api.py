"""The routes of the API that the commands use."""

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import requests
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed
from urllib3.connection import HTTPConnection

from video2mp3.account import Account
from video2mp3.errors import CliError, NotSignedIn, Refused, Unreachable

Job = dict[str, Any]
Summary = dict[str, Any]

# s to connect, and s between two pieces of a response.
_TIMEOUT = (10.0, 60.0)
# tuspy has no timeouts, so TCP has to detect a lost connection, within a minute (tcp(7)).
_KEEPALIVE = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 60_000}
_SUPPORTED = {getattr(socket, name): value for name, value in _KEEPALIVE.items() if hasattr(socket, name)}
HTTPConnection.default_socket_options.append((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1))
HTTPConnection.default_socket_options.extend((socket.IPPROTO_TCP, name, value) for name, value in _SUPPORTED.items())
# bytes per request of an upload: few requests, and little to repeat after an interruption.
_PART = 16 * 1024 * 1024
# The server may be unreachable for about two minutes.
_RETRIES = 40
_RETRY_DELAY = 3
# s between two requests for a job or a summary.
_POLL = 1.0
_ENDED = {"completed", "failed"}
_EXPIRED = "Your session has expired. Run: video2mp3 login"


def login(server: str, email: str, password: str) -> str:
    """Returns a token; raises Refused if the email or the password is wrong."""
    answer = _send("POST", server + "/login", auth=(email.encode(), password.encode()))
    if answer.status_code == 401:
        raise _error(Refused, answer.text, answer.status_code)
    return _checked(answer).text


def register(server: str, email: str, password: str) -> None:
    """Creates an account; raises Refused if the email is taken or the password too short."""
    _checked(_send("POST", server + "/register", json={"email": email, "password": password}))


class Api:
    def __init__(self, account: Account) -> None:
        self._server = account.server
        self._headers = {"Authorization": f"Bearer {account.token}", "Accept": "application/json"}

    def jobs(self, most: int) -> Iterator[Job]:
        """Yields at most `most` jobs, newest first."""
        path: str | None = f"/jobs?limit={min(most, 200)}"
        while path and most > 0:
            page = self._request("GET", path).json()
            yield from page["jobs"][:most]
            most -= len(page["jobs"])
            path = page["next"]

    def job(self, fid: str) -> Job:
        found: Job = self._request("GET", f"/jobs/{fid}").json()
        return found

    def delete(self, fid: str) -> None:
        """Deletes a job with its video and MP3."""
        self._request("DELETE", f"/jobs/{fid}")

    def upload(self, video: Path, options: Mapping[str, str], on_bytes: Callable[[int], None]) -> str:
        """Uploads a video, resuming it after interruptions; returns the id of the job."""
        client = TusClient(f"{self._server}/files", headers=self._headers)
        with video.open("rb") as stream:
            try:
                return self._upload(client, stream, {"filename": video.name, **options}, on_bytes)
            except (TusCommunicationError, TusUploadFailed) as error:
                raise self._refusal(error) from error
            except requests.RequestException as error:
                raise _unreachable(self._server) from error

    def wait(self, fid: str, on_progress: Callable[[Job], None]) -> Job:
        """Returns the job when it has ended; tolerates an unreachable server for two minutes."""
        return _ended(lambda: self.job(fid), on_progress)

    def check_summaries(self) -> None:
        """Raises Refused if the server cannot make summaries."""
        if not self._request("GET", "/summaries?limit=1").json()["available"]:
            raise Refused("This server does not support summaries.", "summaries_unavailable")

    def summarise(self, mp3_fid: str) -> str:
        """Returns the id of the summary of the MP3, which is created if there is none."""
        return str(self._request("POST", "/summaries", json={"file_id": mp3_fid}).json()["_id"])

    def wait_for_summary(self, summary_id: str, on_progress: Callable[[Summary], None]) -> Summary:
        """Returns the summary when it has ended; otherwise as `wait`."""
        return _ended(lambda: self._request("GET", f"/summaries/{summary_id}").json(), on_progress)

    def transcript(self, mp3_fid: str, form: str) -> str:
        """The transcript of an MP3; `form` is text, srt or vtt."""
        return self._request("GET", f"/transcripts/{mp3_fid}?format={form}").content.decode()

    def download(self, mp3_fid: str, target: Path) -> None:
        """Writes the MP3. The file is complete when it appears."""
        draft = target.with_name(f".{target.name}.part")
        try:
            with self._request("GET", f"/download?fid={mp3_fid}", stream=True) as answer, draft.open("wb") as file:
                for data in answer.iter_content(1024 * 1024):
                    file.write(data)
            draft.replace(target)
        except requests.RequestException as error:
            raise Unreachable("Download interrupted. Try again: video2mp3 download JOB", "unreachable") from error
        finally:
            draft.unlink(missing_ok=True)

    def _upload(
        self, client: TusClient, stream: BinaryIO, metadata: dict[str, str], on_bytes: Callable[[int], None]
    ) -> str:
        uploader = client.uploader(
            file_stream=stream, chunk_size=_PART, metadata=metadata, retries=_RETRIES, retry_delay=_RETRY_DELAY
        )
        while uploader.offset < uploader.get_file_size():
            uploader.upload_chunk()
            on_bytes(uploader.offset)
        return str(urlsplit(str(uploader.url)).path.rpartition("/")[2])

    def _refusal(self, error: TusCommunicationError) -> CliError:
        if error.status_code == 401:
            return NotSignedIn(_EXPIRED, "invalid_token")
        if error.status_code is None or error.status_code >= 500:
            return _unreachable(self._server)
        content = error.response_content
        text = content.decode(errors="replace") if isinstance(content, bytes) else str(content or error)
        return _error(Refused, text, error.status_code)

    def _request(self, method: str, path: str, **more: Any) -> requests.Response:
        return _checked(_send(method, self._server + path, headers=self._headers, **more))


def _ended(look: Callable[[], dict[str, Any]], on_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    failing_since: float | None = None
    while True:
        try:
            found = look()
        except Unreachable:
            failing_since = failing_since or time.monotonic()
            if time.monotonic() - failing_since > _RETRIES * _RETRY_DELAY:
                raise
        else:
            failing_since = None
            on_progress(found)
            if found["status"] in _ENDED:
                return found
        time.sleep(_POLL)


def _send(method: str, url: str, **more: Any) -> requests.Response:
    try:
        return requests.request(method, url, timeout=_TIMEOUT, **more)
    except requests.RequestException as error:
        raise _unreachable(url) from error


def _checked(answer: requests.Response) -> requests.Response:
    status = answer.status_code
    if status == 401:
        raise NotSignedIn(_EXPIRED, "invalid_token")
    if status >= 400:
        raise _error(Unreachable if status >= 500 else Refused, answer.text, status)
    return answer


def _unreachable(url: str) -> Unreachable:
    return Unreachable(
        f"The server {urlsplit(url).netloc} does not answer. Check its address (--server) and your connection.",
        "unreachable",
    )


def _error(kind: type[CliError], body: str, status: int) -> CliError:
    """The error in the body of a response: the gateway's, or a proxy's, which is not JSON."""
    try:
        parsed = json.loads(body)
        return kind(str(parsed["error"]), str(parsed.get("code", "failed")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return kind(f"The server returned the status {status}: {body[:200]}".rstrip(": "))
