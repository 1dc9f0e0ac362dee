"""Parses `Content-Disposition` of a part of a form: the field's name and the file's, in all forms that clients send.

RFC 7578 (multipart/form-data), RFC 8187 (`filename*`), the HTML Standard (percent-encoded quotes and line ends), and
clients that follow none of them. werkzeug's `parse_options_header` does not read names in old code pages, nor with
backslashes.
"""

import re
from urllib.parse import unquote_to_bytes

from common.domain.filenames import decode

# A backslash escapes only quotes and itself: browsers do not escape the backslashes of a name.
# The second alternative is a name that ends in a backslash, which would otherwise escape the closing quote.
_QUOTED = rb'"((?:[^"\\]++|\\["\\]?+)*+)"|"([^"]*)"'
_PARAMETER = re.compile(rb";\s*([!#$%&'*+.^_`|~\w-]+)\s*=\s*(?:" + _QUOTED + rb'|([^;"]*))')
_ESCAPED = re.compile(rb'\\(["\\])')
_PERCENT = re.compile(rb"%(22|0[AaDd])")
_EXTENDED = re.compile(rb"([\w.:-]*)'[\w-]*'(.*)", re.DOTALL)
# Character sets that `filename*` may name; RFC 8187 requires the first.
_CHARSETS = re.compile(r"utf-?8|us-ascii|iso-8859-\d+|windows-\d+|cp\d+|koi8-[ru]|shift_jis|gb\w+|big5|euc-\w+", re.I)


def parse(header: bytes) -> tuple[str, str | None]:
    """The names of the field and of the file; ignores invalid parameters.

    The second is None for a part that is not a file, and empty for a file input in which no file was chosen.
    """
    found: dict[str, bytes] = {}
    extended: str | None = None
    for match in _PARAMETER.finditer(header):
        key = match[1].decode("ascii", errors="replace").lower()
        quoted, raw, token = match.group(2, 3, 4)
        value = _ESCAPED.sub(rb"\1", quoted) if quoted is not None else raw if raw is not None else token.strip()
        if key == "filename*":
            extended = extended or _extended(value)
        else:
            found.setdefault(key, value)
    plain = found.get("filename")
    filename = extended if extended is not None or plain is None else decode(_PERCENT.sub(_unquoted, plain))
    return decode(found.get("name", b"")), filename


def _extended(value: bytes) -> str | None:
    """Decodes `charset'language'percent-encoded`; None when the value is invalid."""
    match = _EXTENDED.fullmatch(value)
    if match is None:
        return None
    charset, raw = match[1].decode("ascii", errors="replace"), unquote_to_bytes(match[2])
    if charset.lower() in {"", "utf-8", "utf8"}:
        return decode(raw)
    try:
        return raw.decode(charset) if _CHARSETS.fullmatch(charset) else None
    except (LookupError, UnicodeDecodeError):
        return None


def _unquoted(match: re.Match[bytes]) -> bytes:
    return unquote_to_bytes(match[0])
