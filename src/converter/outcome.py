"""What a finished MP3 is, as its owner is shown: read from the file itself, however it was made."""

from pathlib import Path

from common.domain import mp3
from common.domain.results import Sound
from converter.mp3 import frames, xing


def describe(path: Path, quality: int | None) -> Sound:
    """The facts of an MP3 with a header of ours; raises BadFrame or NotJoinable for another file.

    `quality` is the one that was chosen for a variable bit rate: the file does not have it.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        tag = mp3.tag_size(file.read(mp3.TAG_HEADER))
        file.seek(tag)
        header = frames.kind_of(file.read(mp3.HEADER))
        file.seek(tag)
        head = file.read(header.size)
        first = frames.kind_of(file.read(mp3.HEADER))
    variable = xing.is_variable(head)
    duration = xing.samples(head) / first.rate
    return Sound(
        duration=round(duration, 3),
        size=size,
        bitrate=round((size - tag) * 8 / 1000 / duration) if variable and duration else first.bitrate,
        quality=quality if variable else None,
        variable=variable,
        sample_rate=first.rate,
        channels=first.channels,
    )
