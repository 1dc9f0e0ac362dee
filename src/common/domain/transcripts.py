"""What is said in an MP3, and when: the collection `transcripts` of the database `videos`.

It grows a piece at a time and remembers up to where: what was paid for once is not paid for again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from common.runtime.clock import now
from common.storage.mongo import Db, failures


@dataclass(frozen=True)
class Segment:
    """Something that is said between two moments, in seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Transcript:
    """What is known of an MP3's words: all of it up to the byte `offset`, which is the second `seconds`."""

    mp3_fid: ObjectId
    segments: tuple[Segment, ...]
    offset: int
    seconds: float
    complete: bool

    @property
    def text(self) -> str:
        """All that is said."""
        return " ".join(segment.text for segment in self.segments)


class Transcripts:
    """The transcripts; every method raises StorageUnavailable when MongoDB does not answer."""

    def __init__(self, db: Db) -> None:
        self.collection = db["transcripts"]

    def ensure_indexes(self) -> None:
        """Creates the index by job, for deletions."""
        with failures():
            self.collection.create_index([("video_fid", 1)])

    def get(self, mp3_fid: ObjectId) -> Transcript | None:
        """The transcript of an MP3, as far as it has got; None when it was not begun."""
        with failures():
            document = self.collection.find_one({"_id": mp3_fid})
        return _transcript(document) if document else None

    def begin(self, mp3_fid: ObjectId, video_fid: ObjectId, username: str) -> Transcript:
        """The transcript, begun if it was not."""
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
    ) -> bool:
        """Adds what follows on `known`; False when somebody else did so before, or it was deleted."""
        rows = [{"start": segment.start, "end": segment.end, "text": segment.text} for segment in segments]
        change = {"offset": offset, "seconds": seconds, "complete": complete, "updated_at": now()}
        where = {"_id": known.mp3_fid, "offset": known.offset, "complete": False}
        with failures():
            result = self.collection.update_one(where, {"$set": change, "$push": {"segments": {"$each": rows}}})
        return result.matched_count == 1

    def delete_of_video(self, *video_fids: ObjectId) -> int:
        """Deletes those of deleted jobs; returns how many there were."""
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
