"""The stack under measurement: its services' processes, a user, and its databases."""

import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from bson import ObjectId
from pymongo import MongoClient

from common.storage import mongo
from scripts.stack import Stack

# Seconds, for every wait of a benchmark: the longest conversion on a slow machine.
TIMEOUT = 3600
# Seconds between two looks at a job.
_EVERY = 0.02


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    pairs: int
    quick: bool

    def of(self, usual: int, quick: int) -> int:
        return quick if self.quick else usual


class System:
    def __init__(self, stack: Stack, client: mongo.Client) -> None:
        self.stack = stack
        self.client = client
        self.videos = client[mongo.VIDEOS]
        self.mp3s = client[mongo.MP3S]
        self.url = stack.url("gateway")
        self.email = f"bench-{secrets.token_hex(6)}@example.com"
        password = secrets.token_urlsafe(12)
        answer = requests.post(f"{self.url}/register", json={"email": self.email, "password": password}, timeout=60)
        answer.raise_for_status()
        answer = requests.post(f"{self.url}/login", auth=(self.email, password), timeout=60)
        answer.raise_for_status()
        self.token = answer.text
        self._retries = 0

    @property
    def temporary(self) -> Path:
        return self.stack.state.tmp

    def upload(self, path: Path) -> ObjectId:
        """Uploads with curl; returns the job's id."""
        answer = self.curl("--fail-with-body", "-F", f"file=@{path}", "-D", "-", f"{self.url}/upload")
        location = next(line for line in answer.splitlines() if line.lower().startswith("location:"))
        return ObjectId(location.rpartition("/")[2].strip())

    def curl(self, *arguments: str) -> str:
        """Runs curl with the user's token; returns its output."""
        command = ["curl", "-sS", "-H", f"Authorization: Bearer {self.token}", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT).stdout

    def convert_again(self, fid: ObjectId) -> float:
        """Converts an uploaded video once more; the seconds from the request to the stored MP3."""
        self._retries += 1
        begin = time.monotonic()
        # A retry with unchanged options is refused.
        answer = requests.post(
            f"{self.url}/jobs/{fid}/retry",
            json={"title": f"Retry {self._retries}"},
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
        )
        answer.raise_for_status()
        self.wait(fid)
        return time.monotonic() - begin

    def wait(self, fid: ObjectId, every: float = _EVERY) -> dict[str, Any]:
        """Polls every `every` seconds until the job is completed; raises RuntimeError when it failed."""
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            job = self.videos["jobs"].find_one({"_id": fid}) or {}
            if job.get("status") == "completed":
                return job
            if job.get("status") == "failed":
                raise RuntimeError(f"the job {fid} failed: {job['error']}")
            time.sleep(every)
        raise RuntimeError(f"the job {fid} did not end")

    def delete(self, fid: ObjectId) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        requests.delete(f"{self.url}/jobs/{fid}", headers=headers, timeout=60).raise_for_status()


@contextmanager
def opened(state: str) -> Iterator[System]:
    """The stack of a state file."""
    stack = Stack.open(state)
    client: mongo.Client = MongoClient(stack.environment["MONGO_URI"], tz_aware=True)
    with client:
        yield System(stack, client)
