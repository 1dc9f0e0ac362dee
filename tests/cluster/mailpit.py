"""A person of the cluster, whose mail is in Mailpit and whose way in is a port-forward that breaks with its pod."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, TypeVar

import requests

from tests.cluster.operations import Operator
from tests.person import Person
from tests.waiting import eventually

Result = TypeVar("Result")


def _retrying(ask: Callable[[], Result], what: str) -> Result:
    """The first answer that is neither a broken connection nor a 5xx."""

    def answered() -> tuple[Result] | None:
        try:
            answer = ask()
        except requests.RequestException:
            return None
        return None if isinstance(answer, requests.Response) and answer.status_code >= 500 else (answer,)

    found = eventually(answered, seconds=180, pause=0.5, what=f"an answer to {what}")
    assert found is not None
    return found[0]


@dataclass
class ClusterPerson(Person):
    """Tries again what a replaced pod broke off, as a person would."""

    mailpit: str = ""

    def request(self, method: str, path: str, **more: Any) -> requests.Response:
        """Only what may be done twice is tried again."""
        if method != "GET":
            return super().request(method, path, **more)
        return _retrying(lambda: super(ClusterPerson, self).request(method, path, **more), f"GET {path}")

    def register(self) -> requests.Response:
        """The second try may say that the account is there."""
        return _retrying(super().register, "POST /register")

    def login(self) -> Person:
        """Any number of times."""
        return _retrying(super().login, "POST /login")

    def upload(self, path: Path, name: str | None = None, **fields: str) -> requests.Response:
        """A connection that broke has left no job that matters to the caller."""
        return _retrying(lambda: super(ClusterPerson, self).upload(path, name, **fields), "POST /upload")

    def emails(self) -> list[Message]:
        """Not from a folder here."""
        raise NotImplementedError

    def texts(self) -> list[str]:
        """The plain texts of all that has arrived for this person; none while Mailpit is away."""
        try:
            listed = requests.get(f"{self.mailpit}/api/v1/messages?limit=200", timeout=30).json()["messages"]
            mine = [item for item in listed if any(to["Address"] == self.email for to in item["To"])]
            return [
                requests.get(f"{self.mailpit}/api/v1/message/{item['ID']}", timeout=30).json()["Text"] for item in mine
            ]
        except requests.RequestException:
            return []

    def confirm(self) -> None:
        """Uses the link in the email that confirms the address."""
        found = eventually(
            lambda: re.search(r"/verify\?token=(\S+)", "\n".join(self.texts())), seconds=180, what="the link"
        )
        body = {"token": found[1], "password": self.password}
        answer = requests.post(f"{self.url}/verify", json=body, timeout=self.timeout)
        assert answer.status_code == 200, answer.text

    def is_notified(self, mp3_fid: str) -> bool:
        """Whether an email names the MP3."""
        return any(mp3_fid in text for text in self.texts())


def person(operator: Operator) -> ClusterPerson:
    """Someone new, logged in."""
    made = ClusterPerson(operator.urls["gateway"], Path(), mailpit=operator.urls["mailpit"])
    assert made.register().status_code == 201
    made.confirm()
    made.login()
    return made
