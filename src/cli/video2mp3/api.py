"""The server's API, as far as the command line needs it."""

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

# s. To connect, and to wait for the next bytes of an answer.
_TIMEOUT = (10.0, 60.0)
# tuspy sets no time limits: the system has to notice that the other side is gone, within a minute (tcp(7)).
_NOTICING = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 60_000}
_KNOWN = {getattr(socket, name): value for name, value in _NOTICING.items() if hasattr(socket, name)}
HTTPConnection.default_socket_options.append((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1))
HTTPConnection.default_socket_options.extend((socket.IPPROTO_TCP, name, value) for name, value in _KNOWN.items())
# bytes to a request of an upload: what is sent again at most costs seconds, and few requests are needed.
_PART = 16 * 1024 * 1024
# An upload goes on through about two minutes without a server.
_RETRIES = 40
_RETRY_DELAY = 3
# s between two looks at a job or a summary.
_PAUSE = 1.0
_ENDED = {"completed", "failed"}


def login(server: str, email: str, password: str) -> str:
    """A token; raises Refused for a wrong password."""
    answer = _send("POST", server + "/login", auth=(email.encode(), password.encode()))
    if answer.status_code == 401:
        raise Refused(_reason(answer))
    return _checked(answer).text


def register(server: str, email: str, password: str) -> None:
    """Creates an account; raises Refused when the address is taken or the password too short."""
    _checked(_send("POST", server + "/register", json={"email": email, "password": password}))


class Api:
    """The routes for somebody who is signed in."""

    def __init__(self, account: Account) -> None:
        self._server = account.server
        self._headers = {"Authorization": f"Bearer {account.token}", "Accept": "application/json"}

    def jobs(self, most: int) -> Iterator[Job]:
        """The jobs, newest first."""
        path: str | None = f"/jobs?limit={min(most, 200)}"
        while path and most > 0:
            page = self._request("GET", path).json()
            yield from page["jobs"][:most]
            most -= len(page["jobs"])
            path = page["next"]

    def job(self, fid: str) -> Job:
        """One job."""
        found: Job = self._request("GET", f"/jobs/{fid}").json()
        return found

    def delete(self, fid: str) -> None:
        """Deletes a job with its files."""
        self._request("DELETE", f"/jobs/{fid}")

    def upload(self, video: Path, options: Mapping[str, str], on_bytes: Callable[[int], None]) -> str:
        """Sends a video, whatever happens to the connection; returns the job's id."""
        client = TusClient(f"{self._server}/files", headers=self._headers)
        with video.open("rb") as stream:
            try:
                return self._upload(client, stream, {"filename": video.name, **options}, on_bytes)
            except (TusCommunicationError, TusUploadFailed) as error:
                raise self._refusal(error) from error
            except requests.RequestException as error:
                raise Unreachable(f"The server {self._server} does not answer.") from error

    def wait(self, fid: str, on_progress: Callable[[Job], None]) -> Job:
        """The job when it has ended; looks again after failures of the connection for two minutes."""
        return _ended(lambda: self.job(fid), on_progress)

    def check_summaries(self) -> None:
        """Raises Refused where no summary can be made."""
        if not self._request("GET", "/summaries?limit=1").json()["available"]:
            raise Refused("Summaries are not set up on this server.")

    def summarise(self, mp3_fid: str) -> str:
        """The id of the MP3's summary, which is begun if there is none; raises Unreachable where none can be made."""
        return str(self._request("POST", "/summaries", json={"file_id": mp3_fid}).json()["_id"])

    def wait_for_summary(self, summary_id: str, on_progress: Callable[[Summary], None]) -> Summary:
        """The summary when it has ended, as for a job."""
        return _ended(lambda: self._request("GET", f"/summaries/{summary_id}").json(), on_progress)

    def transcript(self, mp3_fid: str, form: str) -> str:
        """What is said in an MP3: `form` is text, srt or vtt."""
        return self._request("GET", f"/transcripts/{mp3_fid}?format={form}").content.decode()

    def download(self, mp3_fid: str, target: Path) -> None:
        """Writes the MP3; the file appears when it is whole."""
        draft = target.with_name(f".{target.name}.part")
        try:
            with self._request("GET", f"/download?fid={mp3_fid}", stream=True) as answer, draft.open("wb") as file:
                for data in answer.iter_content(1024 * 1024):
                    file.write(data)
            draft.replace(target)
        except requests.RequestException as error:
            raise Unreachable("The download broke off. Try again: video2mp3 download") from error
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
            return NotSignedIn("The token has expired. Run: video2mp3 login")
        if error.status_code is None or error.status_code >= 500:
            return Unreachable(f"The server {self._server} does not answer.")
        content = error.response_content
        text = content.decode(errors="replace") if isinstance(content, bytes) else str(content or error)
        return Refused(_sentence(text))

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
        time.sleep(_PAUSE)


def _send(method: str, url: str, **more: Any) -> requests.Response:
    try:
        return requests.request(method, url, timeout=_TIMEOUT, **more)
    except requests.RequestException as error:
        host = urlsplit(url).netloc
        raise Unreachable(f"The server {host} does not answer. Is its address right (--server)?") from error


def _checked(answer: requests.Response) -> requests.Response:
    if answer.status_code == 401:
        raise NotSignedIn("The token has expired. Run: video2mp3 login")
    if answer.status_code >= 500:
        raise Unreachable(_reason(answer))
    if answer.status_code >= 400:
        raise Refused(_reason(answer))
    return answer


def _reason(answer: requests.Response) -> str:
    return _sentence(answer.text) or f"The server answered {answer.status_code}."


def _sentence(text: str) -> str:
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text[:200]
