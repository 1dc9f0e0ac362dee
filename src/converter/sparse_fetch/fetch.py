"""Fetches a video into a file; of an MP4 only the parts that hold sound, if these are clearly less than the file."""

import functools
import logging
from collections.abc import Callable
from pathlib import Path

from common.errors import TransientError
from common.storage.bucket import Bucket, StoredFile
from converter.sparse_fetch import mp4_layout

log = logging.getLogger(__name__)

# The share of the chunks above which the whole file is fetched, because holes save too little.
_MOST = 0.9


def fetch(videos: Bucket, video: StoredFile, target: Path, *, pictures: bool, check: Callable[[], None]) -> None:
    """Writes the video to `target`, with its pictures or with holes in their place.

    `check` is called for each chunk and may raise. Raises DamagedFile, StorageUnavailable, and TransientError when the
    file cannot be written.
    """
    numbers = range(-(-video.length // video.chunk_size)) if pictures else _needed(videos, video)
    try:
        # Buffered, because a raw file may write only a part of the bytes.
        with target.open("wb") as file:
            file.truncate(video.length)
            for number, data in videos.chunks(video, numbers):
                file.seek(number * video.chunk_size)
                file.write(data)
                check()
    except OSError as error:
        raise TransientError(f"the video could not be written to the temporary folder: {error.strerror}") from error


def _needed(videos: Bucket, video: StoredFile) -> range | list[int]:
    size = video.chunk_size
    everything = range(-(-video.length // size))

    # Headers of boxes are close together.
    @functools.lru_cache(maxsize=4)
    def chunk(number: int) -> bytes:
        return b"".join(data for _, data in videos.chunks(video, [number]))

    def read(start: int, stop: int) -> bytes:
        numbers = range(start // size, -(-stop // size))
        first = numbers.start * size
        return b"".join(map(chunk, numbers))[start - first : stop - first]

    parts = mp4_layout.needed(read, video.length)
    if parts is None:
        return everything
    numbers = sorted({number for start, end in parts for number in range(start // size, -(-end // size))})
    if len(numbers) > _MOST * len(everything):
        return everything
    log.info("Fetching %d of %d chunks, which contain the audio", len(numbers), len(everything))
    return numbers
