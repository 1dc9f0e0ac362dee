"""Fetches a video into a file: of an MP4 only the parts that hold sound, where that is less; the rest are holes."""

import functools
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

from common.errors import TransientError
from common.storage.bucket import Bucket, StoredFile

from . import mp4_layout

log = logging.getLogger(__name__)

# Where more of the file is needed, all of it is fetched: holes are no use then, but for a reader who wonders.
_MOST = 0.9
# Readers side by side: while one waits for MongoDB, the other writes. Chunks that each takes in turn, 16 MB.
_READERS = 2
_PART = 64


def fetch(videos: Bucket, video: StoredFile, target: Path, *, pictures: bool, check: Callable[[], None]) -> None:
    """Writes the video to `target`, with its pictures or with holes where they are.

    `check` is called for each chunk, in several threads, and may raise. Raises DamagedFile, StorageUnavailable, and
    TransientError when the file cannot be written.
    """
    numbers = range(-(-video.length // video.chunk_size)) if pictures else _needed(videos, video)

    def copy(part: Sequence[int]) -> None:
        with target.open("r+b") as file:
            for number, data in videos.chunks(video, part):
                file.seek(number * video.chunk_size)
                # Buffered: a raw file may take a part of the bytes without a word.
                file.write(data)
                check()

    readers = ThreadPoolExecutor(_READERS, thread_name_prefix="fetch")
    try:
        with target.open("wb") as file:
            file.truncate(video.length)
        parts = [numbers[start : start + _PART] for start in range(0, len(numbers), _PART)]
        # In the threads, as here: the log names the job.
        for done in [readers.submit(copy_context().run, copy, part) for part in parts]:
            done.result()
    except OSError as error:
        raise TransientError(f"the video could not be written to the temporary folder: {error.strerror}") from error
    finally:
        readers.shutdown(wait=True, cancel_futures=True)


def _needed(videos: Bucket, video: StoredFile) -> range | list[int]:
    size = video.chunk_size
    everything = range(-(-video.length // size))

    # Headers of boxes lie together.
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
    log.info("Fetching %d of %d chunks, which hold the sound", len(numbers), len(everything))
    return numbers
