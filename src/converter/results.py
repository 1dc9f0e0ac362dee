"""Stores the MP3s of conversions, and deletes those that no job points to, now or later."""

import logging
from collections.abc import Callable
from pathlib import PurePosixPath

from bson import ObjectId

from common.errors import TransientError
from common.jobs import Job
from common.storage.bucket import Bucket
from converter.transcoder import Transcode

log = logging.getLogger(__name__)


class Results:
    """The MP3s; the caller says which one is unused."""

    def __init__(self, mp3s: Bucket) -> None:
        self._mp3s = mp3s

    def store(self, job: Job, result: Transcode, check: Callable[[], None]) -> ObjectId:
        """Stores the MP3 under a new id, which it returns. `check` is called for each megabyte and may raise."""
        metadata = {"username": job.username, "video_fid": job.video_fid, "duration": result.duration}
        with (
            self._mp3s.create(mp3_name(job.filename), "audio/mpeg", metadata) as writer,
            result.path.open("rb", buffering=0) as file,
        ):
            while data := file.read(1024 * 1024):
                writer.write(data)
                check()
            return writer.finish()

    def delete(self, mp3_fid: ObjectId) -> None:
        """Deletes an unused MP3, or leaves it for housekeeping when MongoDB does not answer."""
        try:
            self._mp3s.delete(mp3_fid)
        except TransientError as error:
            log.warning("The unused MP3 %s is left for housekeeping: %s", mp3_fid, error)


def mp3_name(filename: str) -> str:
    """The video's name with the ending of an MP3, without the folders that a client may have put into it."""
    name = filename.replace("\\", "/").rpartition("/")[2]
    return f"{PurePosixPath(name).stem or 'audio'}.mp3"
