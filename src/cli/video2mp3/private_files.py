"""JSON files that other users cannot read, not even while they are written."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def read(file: Path) -> dict[str, Any] | None:
    """The content; None if there is no such file, or if it is damaged."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write(file: Path, content: dict[str, Any]) -> None:
    """Replaces the file at once: a reader finds the old or the new content."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # mkstemp creates files with the mode 0600.
    descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".new")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(content, stream)
        Path(draft).replace(file)
    finally:
        Path(draft).unlink(missing_ok=True)
