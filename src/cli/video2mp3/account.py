"""Where the server's address and the token are kept: a file that only its owner can read."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from platformdirs import user_config_path

from video2mp3.errors import NotSignedIn

# For other programs and tests: the folder instead of the platform's own.
FOLDER = "VIDEO2MP3_CONFIG"
DEFAULT_SERVER = "http://video2mp3.com"


@dataclass(frozen=True)
class Account:
    """Who is signed in, where."""

    server: str
    email: str
    token: str


def path() -> Path:
    """The file."""
    folder = os.environ.get(FOLDER)
    return (Path(folder) if folder else user_config_path("video2mp3")) / "account.json"


def load() -> Account | None:
    """The account that `login` saved, None when there is none or the file is not ours to read."""
    try:
        return Account(**json.loads(path().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def required(server: str | None) -> Account:
    """The account for the server (by default the one signed in to); raises NotSignedIn."""
    account = load()
    if account is None or (server is not None and server.rstrip("/") != account.server):
        where = f" --server {server}" if server else ""
        raise NotSignedIn(f"You are not signed in there. Run: video2mp3{where} login")
    return account


def save(account: Account) -> None:
    """Keeps the account, readable by its owner only from the first byte on."""
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        json.dump(asdict(account), stream)
    draft.replace(file)
