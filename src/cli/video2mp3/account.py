"""Stores the address of the server and the token in a file that only its owner can read."""

import ipaddress
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_config_path

from video2mp3.errors import NotSignedIn

# The environment variable for another folder than the platform's.
FOLDER = "VIDEO2MP3_CONFIG"


@dataclass(frozen=True)
class Account:
    server: str
    email: str
    token: str


def address(server: str) -> str:
    """The server's address with a scheme: without one, HTTPS, or HTTP if it is this machine."""
    server = server.strip().rstrip("/")
    if "://" not in server:
        server = f"{'http' if _is_this_machine(f'//{server}') else 'https'}://{server}"
    return server


def is_private(server: str) -> bool:
    """Whether nobody on the network can read what is sent to the server."""
    return urlsplit(server).scheme == "https" or _is_this_machine(server)


def _is_this_machine(server: str) -> bool:
    host = urlsplit(server).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def path() -> Path:
    folder = os.environ.get(FOLDER)
    return (Path(folder) if folder else user_config_path("video2mp3")) / "account.json"


def stored() -> Account | None:
    """The account that was used last; its token may have expired."""
    try:
        return Account(**json.loads(path().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def required(server: str | None) -> Account:
    """Returns the account for the server, by default the one signed in to; raises NotSignedIn."""
    account = stored()
    if account is None or (server is not None and server != account.server):
        host, option = (f" to {urlsplit(server).netloc or server}", f" --server {server}") if server else ("", "")
        raise NotSignedIn(f"You are not signed in{host}. Run: video2mp3{option} login", "not_signed_in")
    return account


def save(account: Account) -> None:
    """The file is never readable by other users, not even while it is written."""
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        json.dump(asdict(account), stream)
    draft.replace(file)
