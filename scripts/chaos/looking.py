"""What the databases, the mailbox and the logs show at the end of a run."""

import hashlib
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as email_policy
from pathlib import Path
from typing import Any

from bson import ObjectId
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from common.runtime.settings import MongoSettings
from common.storage import mongo
from common.storage.bucket import Bucket
from scripts.stack import Stack
from tests.integration.converter import sounds

_ID = re.compile(r"\b[0-9a-f]{24}\b")
_RECEIVED = re.compile(r'Received message: .*"video_fid": ?"([0-9a-f]{24})"')
# Decoders that run at the same time.
_DECODERS = 2


@dataclass(frozen=True)
class Mp3:
    sha256: str
    stored_at: datetime
    seconds: float | None
    """None: it cannot be decoded."""


@dataclass(frozen=True)
class Outcome:
    """A job as it is in the database."""

    fid: str
    username: str
    status: str
    error: str | None
    error_code: str | None
    attempts: int
    """How often a converter has begun to work on it."""
    mp3_fid: str | None
    mp3: Mp3 | None
    """None: no MP3, or it is not stored."""

    @property
    def named(self) -> str:
        """The id by which an email names the result."""
        return self.mp3_fid if self.status == "completed" and self.mp3_fid else self.fid


@dataclass(frozen=True)
class Emails:
    total: int
    naming: Mapping[str, int]
    """In how many emails each id is named."""
    repeated: int
    """Emails beyond the first one with the same Message-ID and recipient."""


def outcomes(stack: Stack) -> dict[str, Outcome]:
    """All jobs by their ids, with their MP3s, which are decoded."""
    with mongo.connect(MongoSettings(mongo_uri=stack.environment["MONGO_URI"])) as client:
        bucket = Bucket(client[mongo.MP3S])
        rows = list(client[mongo.VIDEOS]["jobs"].find())
        with ThreadPoolExecutor(_DECODERS) as pool:
            found = pool.map(lambda row: _outcome(row, bucket), rows)
            return {outcome.fid: outcome for outcome in found}


def _outcome(row: Mapping[str, Any], bucket: Bucket) -> Outcome:
    mp3_fid = row.get("mp3_fid")
    return Outcome(
        fid=str(row["_id"]), username=row["username"], status=row["status"], error=row.get("error"),
        error_code=row.get("error_code"), attempts=row.get("attempts", 0), mp3_fid=str(mp3_fid) if mp3_fid else None,
        mp3=_mp3(bucket, mp3_fid) if mp3_fid else None,
    )  # fmt: skip


def _mp3(bucket: Bucket, mp3_fid: ObjectId) -> Mp3 | None:
    stored = bucket.find(mp3_fid)
    if stored is None:
        return None
    with tempfile.NamedTemporaryFile(suffix=".mp3") as file:
        digest = hashlib.sha256()
        with closing(bucket.read(stored)) as chunks:
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
        file.flush()
        try:
            seconds = len(sounds.decode(Path(file.name))) / sounds.RATE
        except subprocess.CalledProcessError:
            seconds = None
    return Mp3(digest.hexdigest(), stored.uploaded_at, seconds)


def summaries(environment: Mapping[str, str]) -> dict[str, str]:
    """The states of all summaries by their ids."""
    client: MongoClient[dict[str, Any]] = MongoClient(environment["MONGO_URI"], serverSelectionTimeoutMS=10_000)
    with client:
        return {str(row["_id"]): row["status"] for row in client["videos"]["summaries"].find({}, {"status": 1})}


def emails(maildir: Path) -> Emails:
    total, naming, messages = 0, Counter[str](), Counter[tuple[str, str]]()
    for path in sorted((maildir / "new").iterdir()):
        message = message_from_bytes(path.read_bytes(), policy=email_policy)
        total += 1
        messages[str(message["Message-ID"]), str(message["To"])] += 1
        naming.update(set(_ID.findall(_text(message))))
    return Emails(total, naming, sum(count - 1 for count in messages.values()))


def _text(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    return str(body.get_content()) if body else ""


def deliveries(stack: Stack, *programs: str) -> Counter[str]:
    """How often the programs have received a message about each job, by their logs, rotated ones included."""
    names = [name for name in stack.programs if re.fullmatch("|".join(programs), name)]
    lines = (line for name in names for line in _lines(stack.log_path(name)))
    return Counter(found[1] for line in lines if (found := _RECEIVED.search(line)))


def tracebacks(stack: Stack) -> Counter[str]:
    """The number of unexpected errors in the logs of the services, by program."""
    services = [name for name, program in stack.programs.items() if not program.is_server]
    return +Counter({name: sum("Traceback" in line for line in _lines(stack.log_path(name))) for name in services})


def _lines(log: Path) -> Iterator[str]:
    for path in sorted(log.parent.glob(f"{log.name}*")):
        with path.open(errors="replace") as file:
            yield from file


def election_term(environment: Mapping[str, str]) -> int | None:
    """The number of the replica set's elections so far (its term), or None if there is no replica set."""
    client: MongoClient[dict[str, Any]] = MongoClient(environment["MONGO_URI"], serverSelectionTimeoutMS=30_000)
    with client:
        try:
            return int(client.admin.command("replSetGetStatus")["term"])
        except OperationFailure:
            return None


def percentiles(values: Sequence[float], *shares: float) -> list[float]:
    """The values below which these shares of all values are (nearest rank); empty without values."""
    ordered = sorted(values)
    return [ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in shares] if ordered else []
