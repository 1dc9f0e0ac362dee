"""A fake provider and a worker for each test, with the databases of the stack."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from bson import ObjectId

from common.domain.job_repository import Jobs
from common.domain.summaries import Recording, Summaries, Summary
from common.domain.transcripts import Transcripts
from common.messaging.message import SummaryMessage
from common.storage import mongo
from common.storage.bucket import Bucket
from summary.provider.client import Provider
from summary.settings import SummarySettings
from summary.worker.summarising import Summarising
from tests.servers import providerserver
from tests.waiting import eventually

OWNER = "owner@example.com"
KEY = "the-key-of-the-test"


class TestProvider:
    """A fake provider that fails on request."""

    __test__ = False

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}/v1"

    def set_mode(self, mode: str, **more: Any) -> None:
        """How it treats the next requests."""
        draft = self.folder / "control.new"
        draft.write_text(json.dumps({"mode": mode, **more}))
        draft.rename(self.folder / "control.json")

    def requests(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The requests that it has received."""
        path = self.folder / "requests.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [row for row in rows if kind in {None, row["kind"]}]


@contextlib.contextmanager
def running_provider(folder: Path) -> Iterator[TestProvider]:
    """A fake provider while the block runs."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    command = [sys.executable, "-P", providerserver.__file__, "--folder", str(folder), "--port", str(port)]
    with subprocess.Popen(command, env={**os.environ, "PROVIDER_KEY": KEY}, stderr=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: _answers(f"http://127.0.0.1:{port}/healthz"), seconds=120, what="the provider")
            yield TestProvider(folder, port)
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[TestProvider]:
    with running_provider(tmp_path) as made:
        yield made


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


@pytest.fixture
def settings(environment, rabbit, provider) -> Callable[..., SummarySettings]:
    def make(**changes: object) -> SummarySettings:
        values: dict[str, object] = {
            "mongo_uri": environment["MONGO_URI"],
            "rabbitmq_uri": environment["RABBITMQ_URI"],
            "auth_svc_address": environment["AUTH_SVC_ADDRESS"],
            "ai_summary_url": provider.url,
            "ai_summary_api_key": KEY,
            "ai_summary_model": "a-model",
            "ai_summary_timeout": 30,
            "summary_turn": 600,
            **changes,
        }
        return SummarySettings(**values)

    return make


@pytest.fixture
def summaries(db: mongo.Db) -> Summaries:
    made = Summaries(db)
    made.ensure_indexes()
    return made


@pytest.fixture
def transcripts(db: mongo.Db) -> Transcripts:
    made = Transcripts(db)
    made.ensure_indexes()
    return made


@pytest.fixture
def worker(settings, summaries, transcripts, other_db) -> Callable[..., Summarising]:
    def make(must_stop: Callable[[], bool] = lambda: False, **changes: object) -> Summarising:
        chosen = settings(**changes)
        return Summarising(
            chosen,
            summaries=summaries,
            transcripts=transcripts,
            mp3s=Bucket(other_db),
            provider=Provider(chosen),
            must_stop=must_stop,
        )

    return make


def silence(seconds: float) -> bytes:
    """A valid MP3 of that length with repeated frames of silence: 32 kbit/s, 24 kHz, mono."""
    frame = bytes([0xFF, 0xF3, 0x44, 0xC0]) + b"\x00" * 92
    return frame * round(seconds / 0.024)


@pytest.fixture
def recording(db: mongo.Db, other_db: mongo.Db, summaries: Summaries) -> Callable[..., Summary]:
    """Stores a completed job with an MP3 and a queued summary."""

    def make(data: bytes = b"", seconds: float = 25) -> Summary:
        jobs, mp3s, video_fid = Jobs(db), Bucket(other_db), ObjectId()
        jobs.create(video_fid, OWNER, "talk.mp4", {})
        with mp3s.create("talk.mp3", "audio/mpeg", {"username": OWNER, "video_fid": video_fid}) as writer:
            writer.write(data or silence(seconds))
            mp3_fid = writer.finish()
        jobs.update(video_fid, {}, {"status": "completed", "mp3_fid": mp3_fid})
        made = summaries.create(OWNER, "talk.mp4", Recording(mp3_fid, mp3_fid, video_fid))
        assert made is not None
        return made

    return make


def message(summary: Summary) -> SummaryMessage:
    """The message for the worker."""
    return SummaryMessage(summary.id, summary.username)


def moment() -> float:
    """The time, to compare with the requests to the provider."""
    return time.time()
