"""The certificates of a stack: an authority, and one certificate for its servers, which offer TLS beside plain TCP."""

from pathlib import Path

from scripts.stack import environment
from scripts.stack.program import find, run
from scripts.stack.state import State

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_DAYS = ("-days", "3650")


def folder(state: State) -> Path:
    return state.folder / "certificates"


def authority(state: State) -> Path:
    """The certificate that clients verify the servers with."""
    return folder(state) / "ca.pem"


def server(state: State) -> Path:
    """The servers' certificate, for the loopback addresses, and its key."""
    return folder(state) / "server.pem"


def make(state: State) -> None:
    """At the first start."""
    if not server(state).exists():
        folder(state).mkdir(mode=0o700, exist_ok=True)
        make_authority(authority(state), environment.base(state))
        sign(authority(state), server(state), "subjectAltName=DNS:localhost,IP:127.0.0.1", environment.base(state))


def make_authority(path: Path, variables: dict[str, str]) -> None:
    """Writes the certificate of a new authority, and its key next to it (`.key`)."""
    command = [
        find("openssl", package="openssl"), "req", "-x509", *_KEY, *_DAYS, "-subj", f"/CN={path.stem}",
        "-keyout", str(path.with_suffix(".key")), "-out", str(path),
        # Strict verification, the default from Python 3.13 on, requires it of an authority.
        "-addext", "keyUsage=critical,keyCertSign",
    ]  # fmt: skip
    run(command, variables)


def sign(authority: Path, path: Path, names: str, variables: dict[str, str]) -> None:
    """Writes a certificate that the authority has signed, and its key, into one file."""
    certificate, key = path.with_suffix(".crt"), path.with_suffix(".key")
    command = [
        find("openssl", package="openssl"), "req", "-x509", *_KEY, *_DAYS, "-subj", f"/CN={path.stem}",
        "-CA", str(authority), "-CAkey", str(authority.with_suffix(".key")),
        "-keyout", str(key), "-out", str(certificate),
        "-addext", "basicConstraints=critical,CA:FALSE", "-addext", names,
    ]  # fmt: skip
    run(command, variables)
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(certificate.read_text() + key.read_text())
    draft.rename(path)
