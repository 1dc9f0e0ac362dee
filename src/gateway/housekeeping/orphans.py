"""The pass over stored files that nothing needs: it suspects them, and deletes those that were suspected before.

A lost or partly restored collection must not cost files as well. What a record that is there shows to be orphaned is
deleted; what follows from the absence of a record is kept until an operator confirms it, and so is everything when it
is more than a small share. See docs/decisions/0017-orphaned-files.md.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bson import ObjectId

from common.domain.jobs import Status
from common.runtime.clock import now
from common.storage.bucket import Bucket
from common.storage.orphaned_chunks import ChunkGroup
from common.storage.orphaned_files import OwnFile
from gateway.housekeeping.orphan_reasons import Reason, reason_for_mp3, reason_for_video
from gateway.jobs.store import Store
from gateway.settings import HousekeepingSettings
from gateway.uploads.resumable import Uploads

log = logging.getLogger(__name__)

_HOW = "delete them with: python -m gateway.housekeeping --delete-held"


# Limited by ORPHAN_SHARE. A deleted job says itself that its files are to go; a lost one says nothing at all.
_LIMITED = (Reason.SUPERSEDED, Reason.NOT_ACCEPTED)


@dataclass(frozen=True)
class Cleanup:
    """What a pass did: numbers of files, and of groups of chunks without a file."""

    suspected: int
    files: int
    chunks: int
    # Not deleted: more than the limit, or there is a sign that a collection was lost.
    held: int
    lost: int


class OrphanCleanup:
    """One pass; it may run at any time, beside the services and beside itself."""

    def __init__(self, settings: HousekeepingSettings, store: Store, uploads: Uploads) -> None:
        self._settings = settings
        self._store = store
        self._uploads = uploads
        self._buckets = ((store.videos, self._of_videos), (store.mp3s, self._of_mp3s))

    def run(self, confirmed: int = 0) -> Cleanup:
        """Deletes what has been suspected for ORPHAN_GRACE, then suspects; raises StorageUnavailable.

        `confirmed` files may be deleted whatever their number and reason: what an operator has been shown.
        """
        deleted = self._delete_files((Reason.JOB_DELETED,))
        reasons = (*_LIMITED, Reason.JOB_LOST) if confirmed else _LIMITED
        due, limit = self._due(reasons), confirmed or self._limit()
        chunks = held = 0
        if due <= limit:
            deleted += self._delete_files(reasons)
            chunks = self._delete_chunks()
        else:
            held = due
        suspected = self._suspect_files()
        chunks_suspected, torn = self._suspect_chunks()
        lost = torn + sum(bucket.orphans.count((Reason.JOB_LOST,)) for bucket, _ in self._buckets)
        self._report(held, limit, lost)
        return Cleanup(suspected + chunks_suspected, deleted, chunks, held, lost)

    def _limit(self) -> int:
        # The number of jobs and not of files: other software's files do not count, and a loss of jobs lowers it.
        return max(self._settings.orphan_minimum, int(self._settings.orphan_share * self._store.jobs.estimate()))

    def _due(self, reasons: Sequence[Reason]) -> int:
        grace = self._settings.orphan_grace
        files = sum(bucket.orphans.count(reasons, grace) for bucket, _ in self._buckets)
        return files + sum(len(groups) for _, groups in self._due_chunks())

    def _report(self, held: int, limit: int, lost: int) -> None:
        if held:
            log.error(
                "%d stored files seem orphaned, more than %d (ORPHAN_MINIMUM, ORPHAN_SHARE): nothing was deleted. Check"
                " that no collection was lost; restore it, or %s %d", held, limit, _HOW, held + lost,
            )  # fmt: skip
        if lost:
            log.error(
                "%d stored files do not match the jobs: was a collection lost or only partly restored? They are kept."
                " Restore it, or create jobs for them (python -m gateway.housekeeping.adopt), or %s %d",
                lost, _HOW, held + lost,
            )  # fmt: skip

    def _delete_files(self, reasons: Sequence[Reason]) -> int:
        count = 0
        for bucket, reasons_now in self._buckets:
            while files := bucket.orphans.due(reasons, self._settings.orphan_grace):
                still = reasons_now(files)
                settled = self._settle(bucket, files, still)
                gone = [file for file in files if still[file.id] == file.reason and bucket.orphans.delete(file)]
                for file in gone:
                    log.warning("Deleted the orphaned file %s: %s", file.id, file.reason)
                count += len(gone)
                if not gone and not settled:
                    break
        return count

    def _suspect_files(self) -> int:
        before = now() - timedelta(seconds=self._settings.orphan_grace)
        count = 0
        for bucket, reasons_now in self._buckets:
            for files in bucket.orphans.ours_before(before):
                count += self._settle(bucket, files, reasons_now(files))
        return count

    def _settle(self, bucket: Bucket, files: Iterable[OwnFile], reasons: Mapping[ObjectId, Reason | None]) -> int:
        """Writes the suspicions down that have changed; returns how many."""
        changed: dict[Reason | None, list[OwnFile]] = {}
        for file in files:
            if reasons[file.id] != file.reason:
                changed.setdefault(reasons[file.id], []).append(file)
        return sum(bucket.orphans.suspect(reason, of_it) for reason, of_it in changed.items())

    def _of_videos(self, files: Sequence[OwnFile]) -> dict[ObjectId, Reason | None]:
        jobs = self._store.jobs.many([file.id for file in files])
        # A gateway that ended between the two has not noted it, and a failover may have lost the note.
        unknown = [file.id for file in files if file.id in jobs and not file.had_job]
        if unknown:
            self._store.videos.accept(*unknown)
        return {file.id: reason_for_video(file, jobs.get(file.id), self._uploads.exists) for file in files}

    def _of_mp3s(self, files: Sequence[OwnFile]) -> dict[ObjectId, Reason | None]:
        jobs = self._store.jobs.many([file.video_fid for file in files if file.video_fid])
        stored = self._is_stored
        return {
            file.id: reason_for_mp3(file, jobs.get(file.video_fid) if file.video_fid else None, stored)
            for file in files
        }

    def _is_stored(self, mp3_fid: ObjectId) -> bool:
        return self._store.mp3s.find(mp3_fid) is not None

    def _delete_chunks(self) -> int:
        count = 0
        for bucket, groups in self._due_chunks():
            for group in groups:
                bucket.orphaned_chunks.delete(group)
                log.warning("Deleted the chunks of %s, which has no file", group.file_id)
            count += len(groups)
        return count

    def _due_chunks(self) -> Iterator[tuple[Bucket, list[ChunkGroup]]]:
        """Those that have been suspected for long enough and are still orphaned, in batches."""
        for bucket, _ in self._buckets:
            chunks = bucket.orphaned_chunks
            for groups in chunks.due(self._settings.orphan_grace):
                wanted = self._wanted(bucket, groups)
                orphaned = [group for group in groups if group.file_id not in wanted and chunks.still_orphaned(group)]
                chunks.acquit([group for group in groups if group not in orphaned])
                yield bucket, orphaned

    def _suspect_chunks(self) -> tuple[int, int]:
        """Returns how many were suspected, and how many a job needs although their file has no record."""
        before = now() - timedelta(seconds=self._settings.orphan_grace)
        count = torn = 0
        for bucket, _ in self._buckets:
            for groups in bucket.orphaned_chunks.groups(before):
                wanted = self._wanted(bucket, groups)
                torn += len(wanted)
                ours = self._ours(groups)
                count += bucket.orphaned_chunks.suspect(
                    group for group in groups if group.file_id in ours and group.file_id not in wanted
                )
        return count, torn

    def _ours(self, groups: Sequence[ChunkGroup]) -> set[ObjectId]:
        """Those with our marker, and those of a video whose job was deleted."""
        jobs = self._store.jobs.many([group.file_id for group in groups if not group.ours])
        return {group.file_id for group in groups if group.ours} | set(jobs)

    def _wanted(self, bucket: Bucket, groups: Sequence[ChunkGroup]) -> set[ObjectId]:
        ids = [group.file_id for group in groups]
        if bucket is self._store.videos:
            return {fid for fid, job in self._store.jobs.many(ids).items() if job.status is not Status.DELETED}
        return self._store.jobs.results_among(ids)
