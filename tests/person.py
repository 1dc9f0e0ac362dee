"""A user of the API: registers, uploads, waits, downloads, and reads email."""

import base64
import mailbox
import secrets
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default as email_policy
from pathlib import Path
from typing import Any

import requests

from tests.waiting import eventually

ENDED = {"completed", "failed"}


@dataclass
class Person:
    """Someone with an account."""

    url: str
    maildir: Path
    email: str = field(default_factory=lambda: f"person-{secrets.token_hex(6)}@example.com")
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    token: str = ""
    timeout: float = 60

    def request(self, method: str, path: str, **more: Any) -> requests.Response:
        """Any request with the person's token."""
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        more.setdefault("timeout", self.timeout)
        return requests.request(method, self.url + path, headers=headers, **more)

    def register(self) -> requests.Response:
        """Creates the account."""
        body = {"email": self.email, "password": self.password}
        return requests.post(f"{self.url}/register", json=body, timeout=self.timeout)

    def login(self) -> "Person":
        """Gets a token."""
        basic = base64.b64encode(f"{self.email}:{self.password}".encode()).decode()
        answer = requests.post(f"{self.url}/login", headers={"Authorization": f"Basic {basic}"}, timeout=self.timeout)
        assert answer.status_code == 200, answer.text
        self.token = answer.text
        return self

    def joins(self) -> "Person":
        """Registers and logs in."""
        answer = self.register()
        assert answer.status_code == 201, answer.text
        return self.login()

    def upload(self, path: Path, name: str | None = None, **fields: str) -> requests.Response:
        """Sends a file; returns any answer."""
        with path.open("rb") as file:
            return self.request(
                "POST",
                "/upload",
                files={"file": (name or path.name, file)},
                data=fields,
                headers={"Accept": "application/json"},
            )

    def uploads(self, path: Path, name: str | None = None, **fields: str) -> str:
        """Sends a video that is accepted; returns the job's id."""
        answer = self.upload(path, name, **fields)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["video_fid"])

    def job(self, fid: str) -> dict[str, Any]:
        """The job as it is now."""
        answer = self.request("GET", f"/jobs/{fid}")
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def waits_for(self, fid: str, seconds: float = 120) -> dict[str, Any]:
        """The job when it has ended."""

        def ended() -> dict[str, Any] | None:
            job = self.job(fid)
            return job if job["status"] in ENDED else None

        return eventually(ended, seconds=seconds, what=f"the end of job {fid}")

    def converts(self, path: Path, name: str | None = None, **fields: str) -> dict[str, Any]:
        """Uploads and waits for a completed job."""
        job = self.waits_for(self.uploads(path, name, **fields))
        assert job["status"] == "completed", job
        return job

    def orders(self, **body: Any) -> requests.Response:
        """Requests a summary of a file or a text; returns any answer."""
        return self.request("POST", "/summaries", json=body)

    def waits_for_summary(self, answer: requests.Response, seconds: float = 120) -> dict[str, Any]:
        """The summary that an answer leads to when it has ended."""
        location = answer.headers["Location"]

        def ended() -> dict[str, Any] | None:
            found = self.request("GET", location)
            assert found.status_code == 200, found.text
            return found.json() if found.json()["status"] in ENDED else None

        return eventually(ended, seconds=seconds, pause=0.3, what="the end of the summary")

    def summarises(self, **body: Any) -> dict[str, Any]:
        """Asks and waits for a completed summary."""
        summary = self.waits_for_summary(self.orders(**body))
        assert summary["status"] == "completed", summary
        return summary

    def download(self, mp3_fid: str, **more: Any) -> requests.Response:
        """The MP3."""
        return self.request("GET", f"/download?fid={mp3_fid}", **more)

    def emails(self) -> list[Message]:
        """The emails that this user has received, oldest first."""
        box = mailbox.Maildir(self.maildir, create=False)
        found = []
        for key in box.iterkeys():
            try:
                email = message_from_bytes(box.get_bytes(key), policy=email_policy)
            except KeyError:  # another reader's clean-up
                continue
            if self.email in str(email["To"]):
                found.append(email)
        return found

    def link_token(self, path: str, seconds: float = 30) -> str:
        """The token of the link to this path in the newest email."""

        def found() -> str | None:
            texts = [str(email.get_body(("plain",)).get_content()) for email in self.emails()]  # type: ignore[attr-defined]
            tokens = [text.partition(f"{path}?token=")[2].split()[0] for text in texts if f"{path}?token=" in text]
            return tokens[-1] if tokens else None

        return eventually(found, seconds=seconds, what=f"an email with a link to {path}")

    def confirms(self) -> requests.Response:
        """Uses the link in the email that confirms the address."""
        body = {"token": self.link_token("/verify"), "password": self.password}
        return requests.post(f"{self.url}/verify", json=body, timeout=self.timeout)

    def email_about(self, fid: str, seconds: float = 60) -> str:
        """The plain text of the one email whose Message-ID is about that job."""
        found = eventually(
            lambda: [email for email in self.emails() if fid in str(email["Message-ID"])],
            seconds=seconds,
            what=f"an email about {fid}",
        )
        body = found[0].get_body(("plain",))  # type: ignore[attr-defined]
        return str(body.get_content())
