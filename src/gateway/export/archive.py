"""Streams all MP3s, transcripts, jobs and summaries of an account as a ZIP archive.

Nothing is stored or compressed. One chunk of a file at a time is in memory, and about a kilobyte for each file that was
sent, because the directory at the end of the archive lists all of them.
"""

import json
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from bson import ObjectId
from zipstream import ZIP_STORED, ZipStream

from common.domain.filenames import stem
from common.domain.jobs import Job
from common.domain.owners import Owner
from common.domain.summaries import Summary
from common.runtime.clock import iso, now
from gateway.export.names import UniqueNames
from gateway.jobs.store import Store

# Jobs or summaries per query.
_PAGE = 100


@dataclass
class Contents:
    """Which files are in the archive, by the id of the MP3."""

    mp3s: dict[ObjectId, str] = field(default_factory=dict)
    transcripts: dict[ObjectId, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Archive:
    store: Store
    owner: Owner

    def stream(self) -> Generator[bytes]:
        """The bytes of the archive. What ends early is not an archive, because its directory is missing.

        An MP3 that is damaged or no longer stored when its turn comes is listed as missing. Raises DamagedFile for one
        that disappears while it is sent, and StorageUnavailable.
        """
        archive, names, contents = ZipStream(compress_type=ZIP_STORED), UniqueNames(), Contents()
        for job in self._jobs():
            # It may have changed since the page was read: sending the MP3s before it can take hours.
            current = self.store.jobs.owned(job.video_fid, self.owner)
            if current is None or current.mp3_fid is None:
                continue
            name = names.add(stem(current.filename))
            yield from self._mp3(archive, current.mp3_fid, f"mp3s/{name}.mp3", contents)
            yield from self._transcript(archive, current.mp3_fid, f"transcripts/{name}.txt", contents)
        archive.add(self._record(contents), "account.json")
        yield from archive.finalize()

    def _mp3(self, archive: ZipStream, mp3_fid: ObjectId, name: str, contents: Contents) -> Iterator[bytes]:
        file = self.store.mp3s.find(mp3_fid)
        if file is None or not self.store.mp3s.is_complete(file):
            return
        with closing(self.store.mp3s.read(file)) as data:
            archive.add(data, name, size=file.length)
            yield from archive.all_files()
        contents.mp3s[mp3_fid] = name

    def _transcript(self, archive: ZipStream, mp3_fid: ObjectId, name: str, contents: Contents) -> Iterator[bytes]:
        transcript = self.store.transcripts.get(mp3_fid)
        if transcript is None or not transcript.complete:
            return
        archive.add(f"{transcript.text}\n", name)
        yield from archive.all_files()
        contents.transcripts[mp3_fid] = name

    def _record(self, contents: Contents) -> Iterator[bytes]:
        """`account.json`, one job or summary at a time."""
        yield _members(email=self.owner.username, exported_at=iso(now())).removesuffix("}").encode()
        missing: list[str] = []
        yield from _list("jobs", (self._row(job, contents, missing) for job in self._jobs()))
        yield from _list("summaries", (summary.public() for summary in self._summaries()))
        yield f",\n{_members(missing=missing).removeprefix('{')}\n".encode()

    def _row(self, job: Job, contents: Contents, missing: list[str]) -> dict[str, Any]:
        mp3 = contents.mp3s.get(job.mp3_fid) if job.mp3_fid else None
        if job.mp3_fid and mp3 is None:
            missing.append(str(job.video_fid))
        transcript = contents.transcripts.get(job.mp3_fid) if job.mp3_fid else None
        return {**job.public(), "mp3": mp3, "transcript": transcript}

    def _jobs(self) -> Iterator[Job]:
        """The account's jobs, newest first. Each page is a query: a cursor would time out while files are sent."""
        page = self.store.jobs.page(self.owner, _PAGE, None)
        while page:
            yield from page
            page = self.store.jobs.page(self.owner, _PAGE, page[-1].video_fid)

    def _summaries(self) -> Iterator[Summary]:
        page = self.store.summaries.page(self.owner, _PAGE)
        while page:
            yield from page
            page = self.store.summaries.page(self.owner, _PAGE, page[-1].id)


def _members(**values: object) -> str:
    return json.dumps(values, ensure_ascii=False)


def _list(name: str, rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """A member of an object that has others before it."""
    yield f',\n"{name}": ['.encode()
    for separator, row in zip(chain(["\n"], iter(lambda: ",\n", None)), rows, strict=False):
        yield f"{separator}{json.dumps(row, ensure_ascii=False)}".encode()
    yield b"]"
