"""Stores the address of the server and the token or API key in a file that only its owner can read."""

import ipaddress
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_config_path

from video2mp3 import private_files
from video2mp3.errors import NotSignedIn

# The environment variable for another folder than the platform's.
FOLDER = "VIDEO2MP3_CONFIG"


@dataclass(frozen=True)
class Account:
    server: str
    email: str
    token: str
    """Or an API key."""


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
        return Account(**(private_files.read(path()) or {}))
    except TypeError:
        return None


def required(server: str | None) -> Account:
    """Returns the account for the server, by default the one signed in to; raises NotSignedIn."""
    account = stored()
    if account is None or (server is not None and server != account.server):
        host, option = (f" to {urlsplit(server).netloc or server}", f" --server {server}") if server else ("", "")
        raise NotSignedIn(f"You are not signed in{host}. Run: video2mp3{option} login", "not_signed_in")
    return account


def save(account: Account) -> None:
    private_files.write(path(), asdict(account))
