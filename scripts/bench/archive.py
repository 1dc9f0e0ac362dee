"""Archives of any size: completed jobs with their files, inserted in bulk, as the services would have stored them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import WriteConcern

from common.domain.jobs import NOTIFIED, Status
from common.storage.mongo import Db, Document
from common.storage.writer import MARKER

ACCOUNTS = 1000
# The bytes that the records claim; the chunks have one byte, so that a million jobs fit on a developer's machine.
VIDEO, MP3 = 100_000_000, 5_000_000
# Chunks that are inserted together.
_BATCH = 2000
# Jobs ended between these ages: before RETENTION_DAYS, and long enough ago that only audits are concerned with them.
OLDEST, NEWEST = timedelta(days=29), timedelta(days=9)


@dataclass(frozen=True)
class Archive:
    """`jobs` completed jobs of ACCOUNTS accounts, spread evenly over the time from `oldest` to `newest`."""

    jobs: int
    oldest: timedelta = OLDEST
    newest: timedelta = NEWEST
    # Of all jobs, such as their account.
    fields: Mapping[str, Any] | None = None
    # Of each video, and the bytes of each of them.
    chunks: int = 1
    chunk_size: int = 1

    def insert(self, videos: Db, mp3s: Db) -> None:
        """Inserts everything; the indexes are best created afterwards."""
        fast = WriteConcern(w=1, j=False)
        for rows in self._batches(datetime.now(UTC)):
            for (database, collection), documents in rows.items():
                target = (videos if database == "videos" else mp3s).get_collection(collection, write_concern=fast)
                target.insert_many(documents, ordered=False)

    def account(self, number: int) -> str:
        return f"account-{number % ACCOUNTS}"

    def _batches(self, moment: datetime) -> Iterator[dict[tuple[str, str], list[Document]]]:
        span = (self.oldest - self.newest) / max(1, self.jobs)
        batch = max(1, _BATCH // self.chunks)
        for start in range(0, self.jobs, batch):
            rows: dict[tuple[str, str], list[Document]] = {}
            for number in range(start, min(start + batch, self.jobs)):
                ended = moment - self.oldest + span * number
                for place, document in self._job(number, ended):
                    rows.setdefault(place, []).append(document)
            yield rows

    def _job(self, number: int, ended: datetime) -> Sequence[tuple[tuple[str, str], Document]]:
        account = self.account(number)
        video_fid, mp3_fid = _id_at(ended - timedelta(minutes=10)), _id_at(ended)
        job = {
            "_id": video_fid, "username": f"{account}@example.com", "account": account, "owner": account,
            "filename": f"{number}.mp4", "status": Status.COMPLETED.value, "progress": 100, "mp3_fid": mp3_fid,
            "error": None, "options": {}, "published": True, "attempts": 1, "notice_sent": True, NOTIFIED: True,
            "round": 0, "waiting": False, "size": VIDEO, "mp3_size": MP3, "created_at": ended, "updated_at": ended,
            **(self.fields or {}),
        }  # fmt: skip
        return [
            (("videos", "jobs"), job),
            (("videos", "fs.files"), _file(video_fid, VIDEO, ended, {"job": True})),
            *((("videos", "fs.chunks"), _chunk(video_fid, number, self.chunk_size)) for number in range(self.chunks)),
            (("mp3s", "fs.files"), _file(mp3_fid, MP3, ended, {"video_fid": video_fid})),
            (("mp3s", "fs.chunks"), _chunk(mp3_fid)),
        ]


def _id_at(moment: datetime) -> ObjectId:
    return ObjectId(ObjectId.from_datetime(moment).binary[:4] + ObjectId().binary[4:])


def _file(fid: ObjectId, length: int, uploaded: datetime, metadata: Document) -> Document:
    return {"_id": fid, "length": length, "chunkSize": 261_120, "uploadDate": uploaded, "filename": "name",
            "metadata": {**metadata, **MARKER}}  # fmt: skip


def _chunk(fid: ObjectId, number: int = 0, size: int = 1) -> Document:
    return {"_id": ObjectId(), "files_id": fid, "n": number, "data": b"x" * size, **MARKER}
