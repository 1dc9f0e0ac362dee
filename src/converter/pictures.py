"""Hides the pictures of an MP4 from ffmpeg, which keeps some 60 bytes for each picture, whether it is asked for or not.

Of 100 minutes at 25 pictures a second that is 11 MB in each ffmpeg (docs/performance.md).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from . import mp4_layout

_TRACK, _FREE = b"trak", b"free"


@contextmanager
def hidden(video: Path) -> Iterator[None]:
    """While the block runs, the file has no tracks of pictures; other files than MP4 and QuickTime are left alone.

    Tracks of sound keep their numbers among themselves. Times are counted from the first track that is left. The file
    is changed and then changed back: it must not be read by others.
    """
    with video.open("r+b", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        names = mp4_layout.picture_tracks(lambda start, stop: _read(file, start, stop), size)
        try:
            _rename(file, names, _FREE)
            yield
        finally:
            _rename(file, names, _TRACK)


def _read(file: BinaryIO, start: int, stop: int) -> bytes:
    return os.pread(file.fileno(), stop - start, start)


def _rename(file: BinaryIO, names: list[int], name: bytes) -> None:
    for at in names:
        os.pwrite(file.fileno(), name, at)
