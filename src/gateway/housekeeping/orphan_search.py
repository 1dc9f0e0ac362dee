"""Where a pass looks for orphaned files and chunks: at what has changed, and at a slice of the archive.

Whether a file is needed depends on itself, on its job, and on its upload. So it is checked when it reaches the age of
ORPHAN_GRACE, and again when its job ends or is deleted. What no change shows, such as a lost job, is found by the
audit: each pass compares the ids of a slice of AUDIT_SLICE files with the index of the jobs, and reads only those files
that do not match.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId

from common.domain.jobs import ENDED, Status
from common.runtime.clock import now
from common.storage.bucket import Bucket
from common.storage.mongo import batches
from common.storage.suspected_chunks import ChunkGroup
from common.storage.suspected_files import OwnFile
from gateway.housekeeping.cursors import Cursors
from gateway.jobs.store import Store

# Entries of an index that a pass reads for the audit of each kind: 144,000 a day with a pass every five minutes.
AUDIT_SLICE = 500
# Held files, and groups of chunks without a file, that one query of a pass reads.
HELD = 10_000


@dataclass(frozen=True)
class Kind:
    """The videos, or the MP3s."""

    name: str
    bucket: Bucket
    # The states of jobs whose changes can make a file orphaned.
    states: Sequence[str]
    # Those of these jobs' files, and those of these files that a job needs; the latter reads an index only.
    of_jobs: Callable[[Sequence[ObjectId], datetime], list[OwnFile]]
    needed: Callable[[Sequence[ObjectId]], set[ObjectId]]

    @classmethod
    def videos(cls, store: Store) -> "Kind":
        videos = store.videos
        return cls("videos", videos, [Status.DELETED.value], videos.orphans.ours_among, store.jobs.known)

    @classmethod
    def mp3s(cls, store: Store) -> "Kind":
        mp3s = store.mp3s
        states = [*ENDED, Status.DELETED.value]
        return cls("mp3s", mp3s, states, mp3s.orphans.ours_of_videos, store.jobs.results_among)


@dataclass(frozen=True)
class OrphanSearch:
    """Yields what may be orphaned, in batches; a cursor moves on after the caller has handled the batch."""

    store: Store
    cursors: Cursors
    # 0 disables the audit.
    audit_slice: int = AUDIT_SLICE

    def files(self, kind: Kind, before: datetime, held: str) -> Iterator[list[OwnFile]]:
        """Files that are older than `before`, and those that are suspected for the reason `held`."""
        yield from batches(kind.bucket.orphans.due((held,), 0, limit=HELD))
        for video_fids in self._changed_jobs(f"jobs of {kind.name}", kind.states):
            yield kind.of_jobs(video_fids, before)
        name = f"new {kind.name}"
        yield from kind.bucket.orphans.ours_between(self.cursors.since(name, before), before)
        self.cursors.done(name, before)
        if self.audit_slice:
            yield from self._audited_files(kind, before)

    def chunks(self, kind: Kind, before: datetime) -> Iterator[list[ChunkGroup]]:
        """Chunks without a file whose upload started before that time."""
        chunks = kind.bucket.orphaned_chunks
        if kind.bucket is self.store.videos:
            # A deletion deletes the record of the file before its chunks.
            for video_fids in self._changed_jobs("chunks of deleted jobs", kind.states):
                yield chunks.without_file(video_fids)
        name = f"new chunks of {kind.name}"
        yield from chunks.between(self.cursors.since(name, before), before)
        self.cursors.done(name, before)
        if self.audit_slice:
            yield from self._audited_chunks(kind, before)

    def _changed_jobs(self, name: str, states: Sequence[str]) -> Iterator[list[ObjectId]]:
        moment = now()
        yield from batches(self.store.jobs.in_status_since(states, self.cursors.since(name, moment)))
        self.cursors.done(name, moment)

    def _audited_files(self, kind: Kind, before: datetime) -> Iterator[list[OwnFile]]:
        name = f"audit of {kind.name}"
        seen = self.cursors.id(name)
        ids = kind.bucket.orphans.ids_after(seen, before, self.audit_slice)
        for part in batches(ids):
            needed = kind.needed(part)
            if unknown := [fid for fid in part if fid not in needed]:
                yield kind.bucket.orphans.ours_among(unknown, before)
        self.cursors.move(name, seen, ids[-1] if len(ids) == self.audit_slice else None)

    def _audited_chunks(self, kind: Kind, before: datetime) -> Iterator[list[ChunkGroup]]:
        name = f"audit of chunks of {kind.name}"
        chunks = kind.bucket.orphaned_chunks
        seen = last = self.cursors.id(name)
        ids = kind.bucket.orphans.ids_after(seen, before, self.audit_slice)
        parts = [(part, part[-1]) for part in batches(ids)]
        at_end = len(ids) < self.audit_slice
        if at_end:
            parts.append(([], ObjectId.from_datetime(before)))
        for part, until in parts:
            found = chunks.ids_beside(part, last, until, HELD)
            yield chunks.without_file(found)
            if len(found) == HELD:
                # A lost collection. The next pass continues behind them.
                self.cursors.move(name, seen, found[-1])
                return
            last = until
        self.cursors.move(name, seen, None if at_end else last)
