"""Transcripts of MP3s: the collection `transcripts` of the database `videos`.

A transcript grows piece by piece and stores how much of the MP3 it covers, so that no piece is transcribed twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from common.runtime.clock import now
from common.storage.mongo import Db, failures


@dataclass(frozen=True)
class Segment:
    """A piece of speech; the times are in seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Transcript:
    """The transcript of an MP3 up to the byte `offset`, which is at `seconds`."""

    mp3_fid: ObjectId
    segments: tuple[Segment, ...]
    offset: int
    seconds: float
    complete: bool

    @property
    def text(self) -> str:
        return " ".join(segment.text for segment in self.segments)


class Transcripts:
    """The repository; every method raises StorageUnavailable when MongoDB does not answer."""

    def __init__(self, db: Db) -> None:
        self.collection = db["transcripts"]

    def ensure_indexes(self) -> None:
        with failures():
            self.collection.create_index([("video_fid", 1)])

    def get(self, mp3_fid: ObjectId) -> Transcript | None:
        """The transcript of an MP3, which may be incomplete."""
        with failures():
            document = self.collection.find_one({"_id": mp3_fid})
        return _transcript(document) if document else None

    def begin(self, mp3_fid: ObjectId, video_fid: ObjectId, username: str) -> Transcript:
        """The transcript of an MP3, created if there is none."""
        moment = now()
        empty = {
            "video_fid": video_fid, "username": username, "segments": [], "offset": 0, "seconds": 0.0,
            "complete": False, "created_at": moment, "updated_at": moment,
        }  # fmt: skip
        with failures():
            self.collection.update_one({"_id": mp3_fid}, {"$setOnInsert": empty}, upsert=True)
        return self.get(mp3_fid) or Transcript(mp3_fid, (), 0, 0.0, complete=False)

    def append(
        self, known: Transcript, segments: Sequence[Segment], *, offset: int, seconds: float, complete: bool
    ) -> Transcript | None:
        """Returns `known` with more segments; None if another worker has continued it, or it was deleted."""
        rows = [{"start": segment.start, "end": segment.end, "text": segment.text} for segment in segments]
        change = {"offset": offset, "seconds": seconds, "complete": complete, "updated_at": now()}
        where = {"_id": known.mp3_fid, "offset": known.offset, "complete": False}
        with failures():
            result = self.collection.update_one(where, {"$set": change, "$push": {"segments": {"$each": rows}}})
        if result.matched_count == 0:
            return None
        return Transcript(known.mp3_fid, (*known.segments, *segments), offset, seconds, complete)

    def delete_of_video(self, *video_fids: ObjectId) -> int:
        """Deletes the transcripts of these jobs; returns their number."""
        with failures():
            return self.collection.delete_many({"video_fid": {"$in": list(video_fids)}}).deleted_count


def _transcript(document: dict[str, Any]) -> Transcript:
    return Transcript(
        mp3_fid=document["_id"],
        segments=tuple(Segment(row["start"], row["end"], row["text"]) for row in document["segments"]),
        offset=document["offset"],
        seconds=document["seconds"],
        complete=document["complete"],
    )
