"""The repositories of a conversion (the job, its files, its summary and transcript), and what its owner can change."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from bson import ObjectId

from common.domain.job_repository import Jobs
from common.domain.jobs import Job, Status
from common.domain.options import ConversionOptions
from common.domain.originals import require_pictures
from common.domain.outbox import Outbox
from common.domain.owners import Owner
from common.domain.quotas import Amounts, Quotas
from common.domain.summaries import Summaries
from common.domain.transcripts import Transcripts
from common.domain.usage import UsageRepository
from common.errors import Conflict, NotFound
from common.storage.bucket import Bucket
from common.storage.mongo import Db


@dataclass(frozen=True)
class Store:
    jobs: Jobs
    videos: Bucket
    mp3s: Bucket
    summaries: Summaries
    transcripts: Transcripts
    usage: UsageRepository

    @classmethod
    def in_databases(cls, videos: Db, mp3s: Db) -> "Store":
        """The database of the videos also has everything that is not a file."""
        return cls(
            Jobs(videos), Bucket(videos), Bucket(mp3s), Summaries(videos), Transcripts(videos), UsageRepository(videos)
        )

    def ensure_indexes(self) -> None:
        for repository in (self.jobs, self.videos, self.mp3s, self.summaries, self.transcripts, self.usage):
            repository.ensure_indexes()

    def owned(self, video_fid: ObjectId, owner: Owner) -> Job:
        """The account's job; raises NotFound if it does not exist, is deleted, or belongs to another account."""
        return _existing(self.jobs.owned(video_fid, owner))

    def retry(
        self,
        outbox: Outbox,
        job: Job,
        fields: Mapping[str, object] | None,
        quotas: Quotas | None = None,
        *,
        owner: str | None = None,
    ) -> Job:
        """Queues a job again that has ended, with the options in `fields` if they are given; returns it.

        `owner` is the key of the account, by default the one that the job has; `quotas` are the defaults of its quotas.
        Raises Conflict when the job has not ended, when the result would be the same, or without the video; Invalid for
        invalid options; TooManyRequests when it would exceed the account's quotas.
        """
        owner = owner or job.owner
        options = dict(job.options) if fields is None else ConversionOptions.parse(fields).as_document()
        require_pictures(options.get("cover"), job.original)
        if not job.status.terminal:
            raise Conflict(
                f"The job is {job.status.value}. Wait until it ends, or cancel it first.", code="job_in_progress"
            )
        if job.status is Status.COMPLETED and options == job.options:
            raise Conflict(
                "The MP3 already has these options. Change an option to convert the video again.", code="same_options"
            )
        if not job.video_stored or self.videos.find(job.video_fid) is None:
            raise Conflict("The video is no longer stored. Upload it again.", code="no_longer_stored")
        cost = Amounts(conversions=1)
        day = self.usage.charge(owner, cost, quotas) if quotas else None
        if not self.jobs.reopen(job.video_fid, options, ended=(job.status,), where=job.this_run, owner=owner):
            if day is not None:
                self.usage.give_back(owner, cost, day)
            raise Conflict("The job was modified; reload it.", code="job_modified")
        queued = self._reloaded(job)
        outbox.publish_next(owner)
        return queued

    def keep(self, job: Job, *, kept: bool) -> Job:
        """Keeps the MP3 of a job after RETENTION_DAYS, or no longer; returns the job.

        Raises Conflict if the job has no MP3 or has not ended.
        """
        if not self.jobs.retention.keep(job, kept=kept):
            raise Conflict(
                "The job has no MP3 that can be kept, or is in progress. Wait until it is completed.",
                code="not_completed",
            )
        return self._reloaded(job)

    def delete_videos(self, *jobs: Job) -> int:
        """Deletes the videos of completed jobs, unless they have changed since they were read; returns how many."""
        expired = [job for job in jobs if self.jobs.retention.expire_video(job)]
        self.videos.delete(*(job.video_fid for job in expired))
        stored: Counter[str] = Counter()
        for job in expired:
            stored[job.owner] += self.jobs.retention.forget_video(job)
        self._subtract(stored)
        return len(expired)

    def cancel(self, job: Job) -> Job:
        """Ends a job that is in progress; returns it. Raises Conflict when it has ended."""
        if not self.jobs.cancel(job.video_fid, job.this_run):
            raise Conflict("The job has already ended and cannot be cancelled.", code="job_ended")
        return self._reloaded(job)

    def delete(self, video_fid: ObjectId) -> None:
        """Deletes a job in any state, with its files, its summary and its transcript.

        The job goes first: its tombstone is final, so nothing can need the files any more. A crash in between leaves
        files of a deleted job, which housekeeping deletes, and never a job without its files.
        """
        self._give_back(self.jobs.mark_deleted(video_fid))
        self.delete_files(video_fid)

    def delete_ended(self, *jobs: Job) -> int:
        """As `delete`, except for jobs that have changed since they were read; returns how many it deleted."""
        unchanged = ({**job.this_run, "status": job.status.value, "updated_at": job.updated_at} for job in jobs)
        marked = [self.jobs.mark_deleted(job.video_fid, where) for job, where in zip(jobs, unchanged, strict=True)]
        deleted = [job for job in marked if job is not None]
        self._give_back(*deleted)
        self.delete_files(*(job.video_fid for job in deleted))
        return len(deleted)

    def refuse(self, video_fid: ObjectId, username: str, filename: str, *, account: str | None = None) -> bool:
        """Deletes a video without a job, or with one that no client knows; no job of it can be created afterwards.

        Returns whether there was a job, whose bytes the account's usage has lost then.
        """
        deleted = self.jobs.mark_deleted(video_fid)
        self._give_back(deleted)
        self.jobs.forbid(video_fid, username, filename, account=account)
        self.delete_files(video_fid)
        return deleted is not None

    def _give_back(self, *deleted: Job | None) -> None:
        """Whoever has replaced jobs by their tombstones gives their bytes back, once."""
        stored: Counter[str] = Counter()
        for job in deleted:
            if job is not None:
                stored[job.owner] += job.stored
        self._subtract(stored)

    def _subtract(self, stored: Counter[str]) -> None:
        for owner, size in stored.items():
            if size:
                self.usage.give_back(owner, Amounts(stored=size))

    def _reloaded(self, job: Job) -> Job:
        found = self.jobs.get(job.video_fid)
        return _existing(found if found and found.status is not Status.DELETED else None)

    def delete_files(self, *video_fids: ObjectId) -> None:
        """Deletes everything of these jobs but their records; for deleted jobs."""
        if video_fids:
            self.summaries.delete_of_video(*video_fids)
            self.transcripts.delete_of_video(*video_fids)
            self.videos.delete(*video_fids)
            self.mp3s.delete(*self.mp3s.ids_of_video(*video_fids))


def _existing(job: Job | None) -> Job:
    if job is None:
        raise NotFound("Job not found.")
    return job
