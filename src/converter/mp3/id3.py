"""What ffmpeg cannot write into an MP3: chapters as ID3 has them, and the cover picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mutagen.id3 import APIC, CHAP, CTOC, ID3, TIT2, CTOCFlags, Encoding, PictureType

from converter.media.probe import Chapter
from converter.mp3 import tags

# The number of entries of a CTOC frame is one byte (ID3v2 Chapter Frame Addendum 1.0, section 3.2).
MOST_CHAPTERS = 255
# ms; an offset in bytes that is not used (the same, section 3.1).
_LATEST = 0xFFFFFFFE
_NO_OFFSET = 0xFFFFFFFF


@dataclass(frozen=True)
class Extras:
    """What is added to a finished MP3."""

    chapters: Sequence[Chapter] = ()
    """In the time of the MP3."""
    cover: bytes | None = None
    """A JPEG."""


def within(chapters: Sequence[Chapter], start: float, length: float) -> list[Chapter]:
    """The chapters of the `length` seconds from `start`, in the time of that part."""
    moved = [
        Chapter(max(0.0, one.start - start), min(length, one.end - start), tags.clean(one.title)) for one in chapters
    ]
    return [one for one in moved if one.end > one.start and one.start < length][:MOST_CHAPTERS]


def add(path: Path, extras: Extras) -> None:
    """Writes them into the file's ID3 tag; does nothing when there is nothing to write."""
    if not extras.chapters and extras.cover is None:
        return
    tag = ID3(path)
    names = []
    for number, chapter in enumerate(extras.chapters):
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
    if extras.cover is not None:
        tag.add(
            APIC(
                encoding=Encoding.LATIN1,
                mime="image/jpeg",
                type=PictureType.COVER_FRONT,
                desc="Cover",
                data=extras.cover,
            )
        )
    tag.save(path, v2_version=3)


def _milliseconds(seconds: float) -> int:
    return min(round(seconds * 1000), _LATEST)
