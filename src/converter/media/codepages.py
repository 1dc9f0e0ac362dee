"""Decodes tags in old code pages: ffmpeg lists RIFF INFO and ID3v1 byte by byte, and reads all ID3v2 as Latin-1.

A tag that cannot be decoded with certainty is omitted, so that the file's name becomes the title.
"""

import re
from dataclasses import dataclass

from common.domain.alphabets import LATIN, read

# A line of a tag in ffmpeg's listing, or another line of its value, whose key is empty.
_TAG = re.compile(rb"( {4,12}[^\s:][^:]{0,60}?|  {16,24}) *+: (.*)")
# The tags that a conversion uses.
_USED = {b"title", b"artist", b"album", b"product", b"author"}
# Containers whose tags may be ID3v2.
_ID3 = re.compile(rb"^Input #0, (?:mp3|aac|ac3|wav|w64|aiff|dsf|tta),", re.MULTILINE)
# Bytes of one value and of all values that are decoded: each is tried in some forty languages.
_LENGTH, _TOTAL = 1000, 10_000


@dataclass(frozen=True)
class _Unknown:
    line: int
    key: str
    raw: bytes
    fallback: str = ""


def decode(listing: bytes) -> str:
    """ffmpeg's listing as text; the value of a tag that cannot be decoded is empty."""
    if listing.isascii():
        return listing.decode()
    id3 = bool(_ID3.search(listing))
    room = _TOTAL
    lines: list[str] = []
    unknown: list[_Unknown] = []
    for number, line in enumerate(listing.split(b"\n")):
        tag = None if line.isascii() else _TAG.fullmatch(line)
        if tag is None:
            lines.append(line.decode(errors="replace"))
            continue
        key, value = line[: tag.start(2)].decode(errors="replace"), tag[2]
        text = _utf8(value)
        lines.append(key + (text or ""))
        if tag[1].strip().lower() not in _USED or len(value) > min(_LENGTH, room):
            continue
        room -= len(value)
        if text is None and b"\xef\xbf\xbd" not in value:
            unknown.append(_Unknown(number, key, value))
        elif text and id3 and (raw := _misread(text)):
            unknown.append(_Unknown(number, key, raw, fallback="" if _is_garbled(text) else text))
    # Tags of one file are usually in one code page: together they are less ambiguous.
    together = read(tuple(value.raw for value in unknown))
    for number, value in enumerate(unknown):
        texts = read((value.raw,)) if together is None else together[number:]
        lines[value.line] = value.key + (texts[0] if texts else value.fallback)
    return "\n".join(lines)


def _utf8(value: bytes) -> str | None:
    """The text; None when it is not UTF-8 or has U+FFFD. ID3v1 cuts it after 30 bytes."""
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data" or value[: error.start].isascii():
            return None
        text = value[: error.start].decode()
    return None if "\ufffd" in text else text


def _misread(text: str) -> bytes | None:
    """The original bytes of a text that was read as Latin-1; None if it is Latin-1, or cannot have been read so."""
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError:
        return None
    western = [language for language in LATIN if language.codec == "cp1252"]
    return None if any(language.read(raw) is not None for language in western) else raw


def _is_garbled(text: str) -> bool:
    """Whether most letters have accents, which is the case in no language."""
    letters = [character for character in text if character.isalpha()]
    return sum(character.isascii() for character in letters) * 2 < len(letters)
