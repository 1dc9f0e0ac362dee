"""A person of the cluster, whose mail is in Mailpit and whose way in is a port-forward that breaks with its pod."""

from dataclasses import dataclass
from email.message import Message
from typing import Any

import requests

from tests.person import Person
from tests.waiting import eventually


@dataclass
class ClusterPerson(Person):
    """Tries again what a replaced pod broke off, as a person would."""

    mailpit: str = ""

    def request(self, method: str, path: str, **more: Any) -> requests.Response:
        """Only for what may be done twice."""

        def answered() -> requests.Response | None:
            try:
                answer = super(ClusterPerson, self).request(method, path, **more)
            except requests.RequestException:
                return None
            return answer if answer.status_code < 500 else None

        if method != "GET":
            return super().request(method, path, **more)
        answer = eventually(answered, seconds=180, pause=0.5, what=f"an answer to GET {path}")
        assert answer is not None
        return answer

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

    def is_told(self, mp3_fid: str) -> bool:
        """Whether an email names the MP3."""
        return any(mp3_fid in text for text in self.texts())
