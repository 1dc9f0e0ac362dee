"""The pass over orphaned files and chunks: it suspects them, and deletes those that an earlier pass suspected.

A lost or partly restored collection must not cost files as well. Files are deleted when an existing record shows that
they are orphaned. When that follows only from a missing record, they are kept until an operator confirms it, and so is
everything when it is more than a small share. See docs/decisions/0017-orphaned-files.md.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bson import ObjectId

from common.domain.jobs import Job, Status
from common.runtime.clock import now
from common.storage.bucket import Bucket
from common.storage.mongo import batches
from common.storage.suspected_chunks import ChunkGroup
from common.storage.suspected_files import OwnFile
from gateway.housekeeping.orphan_search import HELD, Kind, OrphanSearch
from gateway.jobs.store import Store
from gateway.settings import HousekeepingSettings
from gateway.uploads.repository import UploadRepository

log = logging.getLogger(__name__)

_HOW = "delete them with: python -m gateway.housekeeping --delete-held"


class Reason(StrEnum):
    JOB_DELETED = "job deleted"
    SUPERSEDED = "superseded"
    NOT_ACCEPTED = "not accepted"
    JOB_LOST = "job lost"


# ORPHAN_SHARE limits these. A tombstone proves that its files are to be deleted; a lost job proves nothing.
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
    """The pass may run at any time, beside the services and beside itself."""

    def __init__(
        self, settings: HousekeepingSettings, store: Store, uploads: UploadRepository, search: OrphanSearch
    ) -> None:
        self._settings = settings
        self._store = store
        self._uploads = uploads
        self._search = search
        self._kinds = ((Kind.videos(store), self._reasons_of_videos), (Kind.mp3s(store), self._reasons_of_mp3s))
        self._buckets = tuple((kind.bucket, reasons) for kind, reasons in self._kinds)

    def run(self, confirmed: int = 0) -> Cleanup:
        """Deletes what has been suspected for ORPHAN_GRACE, then suspects; raises StorageUnavailable.

        With `confirmed`, up to so many files are deleted for any reason: an operator has seen the number.
        """
        deleted = self._delete_files((Reason.JOB_DELETED,))
        reasons = (*_LIMITED, Reason.JOB_LOST) if confirmed else _LIMITED
        # A share of the jobs and not of the files: files of other software do not count, and lost jobs lower it.
        share = int(self._settings.orphan_share * self._store.jobs.estimate())
        # Once in a pass: what is suspected now must not be deleted by the same pass.
        due_chunks = list(self._due_chunks())
        due = self._count_due(reasons) + sum(len(groups) for _, groups in due_chunks)
        limit = confirmed or max(self._settings.orphan_minimum, share)
        chunks = held = 0
        if due <= limit:
            deleted += self._delete_files(reasons)
            chunks = self._delete_chunks(due_chunks)
        else:
            held = due
        suspected = self._suspect_files()
        chunks_suspected, chunks_lost = self._suspect_chunks()
        lost = chunks_lost + sum(bucket.orphans.count((Reason.JOB_LOST,)) for bucket, _ in self._buckets)
        self._report(held, limit, lost)
        return Cleanup(suspected + chunks_suspected, deleted, chunks, held, lost)

    def _count_due(self, reasons: Sequence[Reason]) -> int:
        return sum(bucket.orphans.count(reasons, self._settings.orphan_grace) for bucket, _ in self._buckets)

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
        for bucket, current_reasons in self._buckets:
            while files := bucket.orphans.due(reasons, self._settings.orphan_grace):
                current = current_reasons(files)
                changed = _update_suspicions(bucket, files, current)
                deleted = [file for file in files if current[file.id] == file.reason and bucket.orphans.delete(file)]
                for file in deleted:
                    log.warning("Deleted the orphaned file %s: %s", file.id, file.reason)
                count += len(deleted)
                if not deleted and not changed:
                    break
        return count

    def _suspect_files(self) -> int:
        return sum(
            _update_suspicions(kind.bucket, files, current_reasons(files))
            for kind, current_reasons in self._kinds
            for files in self._search.files(kind, self._grace_ago(), Reason.JOB_LOST)
        )

    def _reasons_of_videos(self, files: Sequence[OwnFile]) -> dict[ObjectId, Reason | None]:
        jobs = self._store.jobs.many([file.id for file in files])
        # A gateway that crashed after it created the job has not recorded it, and a failover may have lost the record.
        unrecorded = [file.id for file in files if file.id in jobs and not file.had_job]
        if unrecorded:
            self._store.videos.accept(*unrecorded)
        return {file.id: reason_for_video(file, jobs.get(file.id), self._uploads.exists) for file in files}

    def _reasons_of_mp3s(self, files: Sequence[OwnFile]) -> dict[ObjectId, Reason | None]:
        jobs = self._store.jobs.many([file.video_fid for file in files if file.video_fid])

        def is_stored(mp3_fid: ObjectId) -> bool:
            return self._store.mp3s.find(mp3_fid) is not None

        return {
            file.id: reason_for_mp3(file, jobs.get(file.video_fid) if file.video_fid else None, is_stored)
            for file in files
        }

    def _delete_chunks(self, due: Sequence[tuple[Bucket, list[ChunkGroup]]]) -> int:
        count = 0
        for bucket, groups in due:
            chunks = bucket.orphaned_chunks
            # Again: files may have been stored since.
            there = chunks.without_file([group.file_id for group in groups])
            found = self._orphaned(bucket, [replace(group, ours=True) for group in there])
            current = {(group.file_id, group.newest) for group in found}
            for group in groups:
                if (group.file_id, group.newest) in current:
                    chunks.delete(group)
                    log.warning("Deleted the chunks of %s, which has no file", group.file_id)
                    count += 1
        return count

    def _due_chunks(self) -> Iterator[tuple[Bucket, list[ChunkGroup]]]:
        """Chunks that have been suspected for ORPHAN_GRACE and are still orphaned, in batches."""
        for bucket, _ in self._buckets:
            chunks = bucket.orphaned_chunks
            for groups in chunks.due(self._settings.orphan_grace):
                current = self._check_again(bucket, groups)
                # The suspicion of those to which something was added begins again.
                yield bucket, [group for group in groups if (group.file_id, group.newest) in current]

    def _check_again(self, bucket: Bucket, groups: Sequence[ChunkGroup]) -> set[tuple[ObjectId, ObjectId | None]]:
        """Updates the suspicions on these chunks; returns the files and newest chunks of those that are orphaned."""
        chunks = bucket.orphaned_chunks
        # Chunks without the marker may have been suspected because of a tombstone, which has expired since.
        found = [replace(group, ours=True) for group in chunks.without_file([group.file_id for group in groups])]
        there = {group.file_id for group in found}
        chunks.acquit([group for group in groups if group.file_id not in there])
        orphaned = self._orphaned(bucket, found)
        chunks.suspect(orphaned)
        return {(group.file_id, group.newest) for group in orphaned}

    def _suspect_chunks(self) -> tuple[int, int]:
        """Returns how many were suspected, and how many a job needs although their file has no record."""
        count = 0
        for kind, _ in self._kinds:
            chunks = kind.bucket.orphaned_chunks
            for groups in batches(chunks.kept(HELD)):
                self._check_again(kind.bucket, groups)
            for groups in self._search.chunks(kind, self._grace_ago()):
                count += chunks.suspect(self._orphaned(kind.bucket, groups))
        return count, sum(bucket.orphaned_chunks.count_kept() for bucket, _ in self._buckets)

    def _orphaned(self, bucket: Bucket, groups: Sequence[ChunkGroup]) -> list[ChunkGroup]:
        """Those that may be suspected: with our marker, or of a video whose job was deleted; keeps those of a job."""
        needed = self._needed_by_jobs(bucket, groups)
        bucket.orphaned_chunks.keep([group for group in groups if group.file_id in needed])
        of_jobs = self._store.jobs.known([group.file_id for group in groups if not group.ours])
        return [group for group in groups if (group.ours or group.file_id in of_jobs) and group.file_id not in needed]

    def _needed_by_jobs(self, bucket: Bucket, groups: Sequence[ChunkGroup]) -> set[ObjectId]:
        ids = [group.file_id for group in groups]
        if bucket is self._store.videos:
            jobs = self._store.jobs.many(ids).items()
            return {fid for fid, job in jobs if job.status is not Status.DELETED and job.video_stored}
        return self._store.jobs.results_among(ids)

    def _grace_ago(self) -> datetime:
        return now() - timedelta(seconds=self._settings.orphan_grace)


def _update_suspicions(bucket: Bucket, files: Iterable[OwnFile], reasons: Mapping[ObjectId, Reason | None]) -> int:
    """Stores the reasons that have changed; returns how many files they are of."""
    changed: dict[Reason | None, list[OwnFile]] = {}
    for file in files:
        if reasons[file.id] != file.reason:
            changed.setdefault(reasons[file.id], []).append(file)
    return sum(bucket.orphans.suspect(reason, of_it) for reason, of_it in changed.items())


def reason_for_video(file: OwnFile, job: Job | None, is_uploading: Callable[[ObjectId], bool]) -> Reason | None:
    """Why a video seems orphaned; None when it does not."""
    if job is not None:
        return Reason.JOB_DELETED if job.status is Status.DELETED else None
    if is_uploading(file.id):
        return None
    return Reason.JOB_LOST if file.had_job else Reason.NOT_ACCEPTED


def reason_for_mp3(file: OwnFile, job: Job | None, is_stored: Callable[[ObjectId], bool]) -> Reason | None:
    """Why an MP3 seems orphaned; None when it does not."""
    if job is None:
        # MP3s are stored only for jobs.
        return Reason.JOB_LOST
    if job.status is Status.DELETED:
        return Reason.JOB_DELETED
    # While the job is converting, its MP3 is stored before the job refers to it; so it may be in an unknown status.
    if job.mp3_fid == file.id or job.status is Status.CONVERTING or not job.status.known:
        return None
    # A job that was restored from an older backup refers to an MP3 that has been replaced since.
    return Reason.SUPERSEDED if job.mp3_fid is None or is_stored(job.mp3_fid) else Reason.JOB_LOST
