"""The routes of the API that the commands use."""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO
from urllib.parse import quote

import requests

from video2mp3.account import Account
from video2mp3.errors import CliError, Refused, Unreachable
from video2mp3.http_client import Retries, checked, error_in, pause, send

Job = dict[str, Any]
Summary = dict[str, Any]
Key = dict[str, Any]
OnWait = Callable[[CliError], None]

# s between two requests for a job or a summary.
_POLL = 1.0
_ENDED = {"completed", "failed"}


def login(server: str, email: str, password: str) -> str:
    """Returns a token; raises Refused if the email or the password is wrong."""
    answer = send("POST", server + "/login", auth=(email.encode(), password.encode()))
    if answer.status_code == 401:
        raise error_in(answer)
    return checked(answer).text


def register(server: str, email: str, password: str) -> None:
    """Creates an account; raises Refused if the email is taken or the password too short."""
    checked(send("POST", server + "/register", json={"email": email, "password": password}))


class Api:
    """The requests of an account. Setting `stop` ends what waits, with Stopped."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.stop = threading.Event()
        self._headers = {"Authorization": f"Bearer {account.token}", "Accept": "application/json"}

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> requests.Response:
        """The successful response to one request; raises CliError for any other."""
        return checked(send(method, self.account.server + path, headers={**self._headers, **(headers or {})}, **more))

    def email(self) -> str:
        """The address of the account."""
        return str(self._json("GET", "/account")["email"])

    def keys(self) -> list[Key]:
        """The API keys of the account, oldest first."""
        return list(self._json("GET", "/account/keys")["keys"])

    def create_key(self, name: str, scope: str, expires_in_days: int | None) -> Key:
        """Returns the new API key, with the secret as `key`."""
        new = {"name": name, "scope": scope, "expires_in_days": expires_in_days}
        return self._json("POST", "/account/keys", json=new)

    def revoke_key(self, key_id: str) -> None:
        """Raises Missing if the account has no such API key."""
        self.request("DELETE", f"/account/keys/{quote(key_id, safe='')}")

    def jobs(self, most: int) -> Iterator[Job]:
        """Yields at most `most` jobs, newest first."""
        path: str | None = f"/jobs?limit={min(most, 200)}"
        while path and most > 0:
            page = self._json("GET", path)
            yield from page["jobs"][:most]
            most -= len(page["jobs"])
            path = page["next"]

    def job(self, fid: str) -> Job:
        return self._json("GET", f"/jobs/{fid}")

    def cancel(self, fid: str) -> Job:
        """Ends a job that has not ended; raises Refused for others."""
        return self._json("POST", f"/jobs/{fid}/cancel")

    def retry(self, fid: str, options: Mapping[str, str]) -> Job:
        """Converts the video again, with other options if some are given; raises Refused if that is not possible."""
        return self._json("POST", f"/jobs/{fid}/retry", json=dict(options) or None)

    def keep(self, fid: str, *, kept: bool) -> Job:
        """Keeps the MP3 for longer than the server keeps others, or no longer; raises Refused without an MP3."""
        return self._json("PATCH", f"/jobs/{fid}", json={"keep": kept})

    def delete(self, fid: str) -> None:
        """Deletes a job with its video and MP3."""
        self.request("DELETE", f"/jobs/{fid}")

    def wait(self, fid: str, on_progress: Callable[[Job], None], on_wait: OnWait = lambda _: None) -> Job:
        """Returns the job when it has ended; tolerates an unreachable server for two minutes."""
        return self._ended(lambda: self.job(fid), on_progress, on_wait)

    def check_summaries(self) -> None:
        """Raises Refused if the server cannot make summaries."""
        if not self._json("GET", "/summaries?limit=1")["available"]:
            raise Refused("This server does not support summaries.", "summaries_unavailable")

    def summarise(self, mp3_fid: str) -> str:
        """Returns the id of the summary of the MP3, which is created if there is none."""
        return str(self._json("POST", "/summaries", json={"file_id": mp3_fid})["_id"])

    def wait_for_summary(self, summary_id: str, on_progress: Callable[[Summary], None]) -> Summary:
        """Returns the summary when it has ended; otherwise as `wait`."""
        return self._ended(lambda: self._json("GET", f"/summaries/{summary_id}"), on_progress, lambda _: None)

    def transcript(self, mp3_fid: str, form: str) -> str:
        """The transcript of an MP3; `form` is text, srt or vtt."""
        return self.request("GET", f"/transcripts/{mp3_fid}?format={form}").content.decode()

    def download(self, mp3_fid: str, file: BinaryIO, on_wait: OnWait = lambda _: None) -> None:
        """Writes the MP3; begins again when the connection is lost."""
        Retries(self.stop, on_wait).until_success(lambda: self._download(f"/download?fid={mp3_fid}", file))

    def export(self, file: BinaryIO) -> None:
        """Writes the archive of all data; raises Unreachable if the connection is lost before its end."""
        self._download("/account/export", file)

    def _json(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = self.request(method, path, **more)
        try:
            found: dict[str, Any] = answer.json()
        except ValueError as error:
            # The sign-in page of a network, for example.
            text = f"{self.account.server} is not a Video2MP3 server, or it cannot be reached. Check --server."
            raise Unreachable(text, "unreachable") from error
        return found

    def _download(self, path: str, file: BinaryIO) -> None:
        file.seek(0)
        file.truncate()
        try:
            with self.request("GET", path, stream=True) as answer:
                for data in answer.iter_content(256 * 1024):
                    pause(self.stop, 0)
                    file.write(data)
        except requests.RequestException as error:
            raise Unreachable("The download was interrupted. Try again.", "unreachable") from error

    def _ended(
        self, look: Callable[[], dict[str, Any]], on_progress: Callable[[dict[str, Any]], None], on_wait: OnWait
    ) -> dict[str, Any]:
        while True:
            found = Retries(self.stop, on_wait).until_success(look)
            on_progress(found)
            if found["status"] in _ENDED:
                return found
            pause(self.stop, _POLL)
