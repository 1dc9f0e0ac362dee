"""What was uploaded for which file, so that the same command continues after an interruption."""

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from platformdirs import user_state_path

from video2mp3 import private_files
from video2mp3.account import Account
from video2mp3.uploads import JOB_ID, WHOLE

# s after which a record is deleted: the server has deleted an incomplete upload long before.
_KEPT_FOR = 30 * 24 * 3600


@dataclass(frozen=True)
class Record:
    """The upload of a file, which becomes a job with the same id, and the MP3 that was written for it."""

    job: str
    mp3: str | None = None
    size: int | None = None
    """bytes of the MP3"""
    content: str = WHOLE
    """What is uploaded of the file: see `conversion.content`."""

    def has_written(self, target: Path) -> bool:
        """Whether the MP3 is complete and still at its place."""
        if self.mp3 != str(target.absolute()):
            return False
        return target.is_file() and target.stat().st_size == self.size


class Records:
    """A file for each upload of an account, in the platform's folder for the state of programs."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._folder = user_state_path("video2mp3") / "uploads"

    def key(self, video: Path, options: Mapping[str, str]) -> str:
        """Changes with the file's content (as far as its size and time show), the options and the account."""
        found = video.stat()
        what = [
            self._account.server, self._account.email, str(video.resolve()), found.st_size, found.st_mtime_ns,
            sorted(options.items()),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()

    def find(self, key: str) -> Record | None:
        try:
            record = Record(**(private_files.read(self._file(key)) or {}))
        except TypeError:
            return None
        return record if JOB_ID.fullmatch(str(record.job)) else None

    def save(self, key: str, record: Record) -> None:
        private_files.write(self._file(key), asdict(record))

    def delete(self, key: str) -> None:
        self._file(key).unlink(missing_ok=True)

    def delete_without_mp3(self, key: str) -> None:
        """Deletes a record that no interrupted `convert` needs."""
        record = self.find(key)
        if record and record.mp3 is None:
            self.delete(key)

    def delete_old(self) -> None:
        """Deletes the records of commands that were never repeated."""
        for file in self._folder.glob("*.json"):
            # Another command may delete its own at the same time.
            with suppress(FileNotFoundError):
                if time.time() - file.stat().st_mtime > _KEPT_FOR:
                    file.unlink()

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.json"
