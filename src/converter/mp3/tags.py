"""Chooses title, artist and album (ffmpeg writes them: ffmpeg/commands.py), and writes chapters and the cover."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mutagen.id3 import APIC, CHAP, CTOC, ID3, TIT2, CTOCFlags, Encoding, PictureType

from common.domain import filenames
from common.domain.options import LONGEST_TAG, one_line
from converter.media.probe import Chapter

_NAMES = ("title", "artist", "album")
# The names in AVI (RIFF INFO) and in old ASF files.
_ALIASES = {"product": "album", "author": "artist"}
# The number of entries of a CTOC frame is one byte (ID3v2 Chapter Frame Addendum 1.0, section 3.2).
_MOST_CHAPTERS = 255
# ms; an offset in bytes that is not used (the same, section 3.1).
_LATEST = 0xFFFFFFFE
_NO_OFFSET = 0xFFFFFFFF


def choose(tags: Mapping[str, str], filename: str, wanted: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """Title, artist and album: the wanted ones, else those of the recording; without a title, the file's name.

    Containers write the names differently: Matroska's are in capitals.
    """
    known = {name.casefold(): clean(value) for name, value in tags.items()}
    for alias, name in _ALIASES.items():
        known.setdefault(name, known.get(alias, ""))
    chosen = {name: known[name] for name in _NAMES if known.get(name)}
    return {"title": stem(filename), **chosen, **{name: value for name, value in (wanted or {}).items() if value}}


def stem(filename: str) -> str:
    """The file's name without folders and without the suffix of a media file."""
    return filenames.stem(clean(filename)) or "audio"


def clean(value: str) -> str:
    """On one line, without characters that are not printable; an argument of a command line must not exceed 128 KiB."""
    return one_line(value)[:LONGEST_TAG]


def chapters_within(chapters: Sequence[Chapter], start: float, length: float) -> list[Chapter]:
    """The chapters of the `length` seconds from `start`, in the time of that section."""
    moved = [Chapter(max(0.0, one.start - start), min(length, one.end - start), clean(one.title)) for one in chapters]
    return [one for one in moved if one.end > one.start and one.start < length][:_MOST_CHAPTERS]


def add(path: Path, chapters: Sequence[Chapter], cover: bytes | None) -> None:
    """Adds chapters, in the time of the MP3, and a JPEG as the cover to the file's ID3 tag."""
    if not chapters and cover is None:
        return
    tag = ID3(path)
    names = []
    for number, chapter in enumerate(chapters):
        names.append(f"chp{number}")
        tag.add(
            CHAP(
                element_id=names[-1],
                start_time=_milliseconds(chapter.start),
                end_time=_milliseconds(chapter.end),
                start_offset=_NO_OFFSET,
                end_offset=_NO_OFFSET,
                sub_frames=[TIT2(encoding=Encoding.UTF16, text=chapter.title)],
            )
        )
    if names:
        flags = CTOCFlags.TOP_LEVEL | CTOCFlags.ORDERED
        tag.add(CTOC(element_id="toc", flags=flags, child_element_ids=names, sub_frames=[]))
    if cover is not None:
        front = PictureType.COVER_FRONT
        tag.add(APIC(encoding=Encoding.LATIN1, mime="image/jpeg", type=front, desc="Cover", data=cover))
    tag.save(path, v2_version=3)


def _milliseconds(seconds: float) -> int:
    return min(round(seconds * 1000), _LATEST)
