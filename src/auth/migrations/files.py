"""The migrations of this release."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent

_NAME = re.compile(r"(?P<version>\d{4})_(?P<name>[a-z0-9_]+)\.sql")
_COMMENT = re.compile(r"(^|\s)--\s.*$", re.MULTILINE)
_END = re.compile(r";\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Migration:
    version: int
    name: str
    statements: tuple[str, ...]
    # SHA-256 of the file.
    checksum: str


def load(folder: Path = FOLDER) -> list[Migration]:
    """Returns the migrations in their order; raises ValueError unless the files are numbered from 1 without a gap."""
    found = [_read(path) for path in sorted(folder.glob("*.sql"))]
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"The files in {folder} are not numbered from 0001 without a gap")
    return found


def _read(path: Path) -> Migration:
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise ValueError(f"{path}: the name must be like 0001_accounts.sql")
    content = path.read_bytes()
    parts = _END.split(_COMMENT.sub("", content.decode()))
    statements = tuple(part.strip() for part in parts if part.strip())
    return Migration(int(match["version"]), match["name"], statements, hashlib.sha256(content).hexdigest())
