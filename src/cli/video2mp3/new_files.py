"""Files with results: they appear complete, replace nothing unless that was asked for, and stay in their folder."""

import atexit
import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from video2mp3.errors import CliError

# Characters that separate folders or drives on some platform.
_SEPARATORS = '/\\:*?"<>|'
_LONGEST = 200  # bytes; file systems allow 255, of which the extension needs some

# The incomplete files of threads that the end of the process may interrupt.
_drafts: set[Path] = set()


@atexit.register
def _delete_drafts() -> None:
    for draft in list(_drafts):
        draft.unlink(missing_ok=True)


def require_absent(target: Path, *, force: bool) -> None:
    """Raises CliError if there is such a file already, even a broken link, unless it may be replaced."""
    if not force and os.path.lexists(target):
        raise _exists(target)


@contextlib.contextmanager
def new_file(target: Path, *, force: bool) -> Iterator[BinaryIO]:
    """A file that appears at `target` when the block succeeds; raises CliError if there is one, unless `force`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{secrets.token_hex(8)}.part")
    _drafts.add(draft)
    try:
        with draft.open("xb") as file:
            yield file
        _publish(draft, target, force=force)
    finally:
        draft.unlink(missing_ok=True)
        _drafts.discard(draft)


def safe_name(name: str) -> str:
    """A name from the server as that of a file in one folder: no separators, no control characters, not too long."""
    kept = "".join(letter if letter.isprintable() and letter not in _SEPARATORS else "_" for letter in name)
    # A leading dot hides the file, or names a folder.
    return kept.encode()[:_LONGEST].decode(errors="ignore").strip(". ") or "audio"


def _publish(draft: Path, target: Path, *, force: bool) -> None:
    if force:
        draft.replace(target)
        return
    try:
        # Unlike a rename, a link never replaces a file.
        os.link(draft, target)
    except FileExistsError:
        raise _exists(target) from None
    except OSError:
        # The file system has no hard links.
        try:
            target.open("xb").close()
        except FileExistsError:
            raise _exists(target) from None
        draft.replace(target)


def _exists(target: Path) -> CliError:
    return CliError(f"{target} exists already. Use --force to replace it, or choose another folder.", "file_exists")
