"""Names of files in an archive that can be unpacked on every platform into one folder."""

import re
import unicodedata
from collections import Counter

# Separators of folders and drives, and what Windows does not allow.
_FORBIDDEN = frozenset('<>:"/\\|?*')
# Devices of Windows, with any extension.
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(\..*)?", re.IGNORECASE)
# bytes. File systems allow 255, of which a number and the extension need some.
_LONGEST = 200


class UniqueNames:
    """Unique also where file systems ignore the case or the normalisation of names (macOS, Windows)."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._last: Counter[str] = Counter()

    def add(self, name: str) -> str:
        """A name without an extension that is like `name`, with a number if it is taken: `talk`, `talk (2)`."""
        safe = safe_name(name)
        unique, key = safe, _key(safe)
        while _key(unique) in self._taken:
            self._last[key] = max(self._last[key], 1) + 1
            unique = f"{safe} ({self._last[key]})"
        self._taken.add(_key(unique))
        return unique


def safe_name(name: str) -> str:
    """Without separators, control characters, reserved names, and dots and spaces at its ends; not too long."""
    kept = "".join(letter if letter.isprintable() and letter not in _FORBIDDEN else "_" for letter in name)
    short = unicodedata.normalize("NFC", kept).encode()[:_LONGEST].decode(errors="ignore").strip(". ")
    return f"_{short}" if _RESERVED.fullmatch(short) else short or "audio"


def _key(name: str) -> str:
    return unicodedata.normalize("NFKC", name.casefold())
