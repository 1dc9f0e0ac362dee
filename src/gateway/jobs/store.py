"""The repositories of a conversion: the job, its two files, and the summary and transcript of its MP3."""

from dataclasses import dataclass

from bson import ObjectId

from common.domain.job_repository import Jobs
from common.domain.jobs import Job
from common.domain.summaries import Summaries
from common.domain.transcripts import Transcripts
from common.errors import NotFound
from common.storage.bucket import Bucket
from common.storage.mongo import Db


@dataclass(frozen=True)
class Store:
    jobs: Jobs
    videos: Bucket
    mp3s: Bucket
    summaries: Summaries
    transcripts: Transcripts

    @classmethod
    def in_databases(cls, videos: Db, mp3s: Db) -> "Store":
        """The database of the videos also has everything that is not a file."""
        return cls(Jobs(videos), Bucket(videos), Bucket(mp3s), Summaries(videos), Transcripts(videos))

    def ensure_indexes(self) -> None:
        for repository in (self.jobs, self.videos, self.mp3s, self.summaries, self.transcripts):
            repository.ensure_indexes()

    def owned(self, video_fid: ObjectId, username: str) -> Job:
        """The user's job; raises NotFound if it does not exist, is deleted, or belongs to another user."""
        job = self.jobs.owned(video_fid, username)
        if job is None:
            raise NotFound("Job not found.")
        return job

    def delete(self, video_fid: ObjectId) -> None:
        """Deletes a job in any state, with its files, its summary and its transcript.

        The job goes first: its tombstone is final, so nothing can need the files any more. A crash in between leaves
        files of a deleted job, which housekeeping deletes, and never a job without its files.
        """
        self.jobs.mark_deleted(video_fid)
        self._delete_files(video_fid)

    def delete_ended(self, job: Job) -> bool:
        """As `delete`; False when the job has changed since it was read."""
        unchanged = {**job.this_run, "status": job.status.value, "updated_at": job.updated_at}
        if not self.jobs.mark_deleted(job.video_fid, unchanged):
            return False
        self._delete_files(job.video_fid)
        return True

    def refuse(self, video_fid: ObjectId, username: str, filename: str) -> None:
        """Deletes a video without a job, or with one that no client knows; no job of it can be created afterwards."""
        self.jobs.forbid(video_fid, username, filename)
        self._delete_files(video_fid)

    def _delete_files(self, video_fid: ObjectId) -> None:
        self.summaries.delete_of_video(video_fid)
        self.transcripts.delete_of_video(video_fid)
        self.videos.delete(video_fid)
        for mp3_fid in self.mp3s.ids_of_video(video_fid):
            self.mp3s.delete(mp3_fid)
