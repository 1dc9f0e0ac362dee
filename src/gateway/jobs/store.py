"""The jobs with their two buckets of files and what is known of their sound, and what must be done to all together."""

from dataclasses import dataclass

from bson import ObjectId

from common.domain.job_repository import Jobs
from common.domain.jobs import Job
from common.domain.summaries import Summaries
from common.domain.transcripts import Transcripts
from common.storage.bucket import Bucket


@dataclass(frozen=True)
class Store:
    """The jobs, the videos they came from and the MP3s they became."""

    jobs: Jobs
    videos: Bucket
    mp3s: Bucket

    @property
    def summaries(self) -> Summaries:
        """Made by the summary service, in the same database as the jobs."""
        return Summaries(self.jobs.collection.database)

    @property
    def transcripts(self) -> Transcripts:
        """Made by the summary service, in the same database as the jobs."""
        return Transcripts(self.jobs.collection.database)

    def ensure_indexes(self) -> None:
        """Creates the indexes of all; repeating it changes nothing."""
        self.jobs.ensure_indexes()
        self.videos.ensure_indexes()
        self.mp3s.ensure_indexes()
        self.summaries.ensure_indexes()
        self.transcripts.ensure_indexes()

    def delete(self, video_fid: ObjectId) -> None:
        """Deletes a job, whatever its state, with its files, its summary and its transcript.

        The job goes first: its tombstone is final, so nothing can need the files any more. A crash in between leaves
        files of a deleted job, which housekeeping deletes, and never a job without its files.
        """
        self.jobs.mark_deleted(video_fid)
        self._delete_all_of(video_fid)

    def delete_ended(self, job: Job) -> bool:
        """Deletes a job as `delete` does if it has not changed since it was read; tells whether it did."""
        unchanged = {**job.this_run, "status": job.status.value, "updated_at": job.updated_at}
        if not self.jobs.mark_deleted(job.video_fid, unchanged):
            return False
        self._delete_all_of(job.video_fid)
        return True

    def refuse(self, video_fid: ObjectId, username: str, filename: str) -> None:
        """Deletes a video that has no job, or one that nobody was told of; no job of it can be made afterwards."""
        self.jobs.forbid(video_fid, username, filename)
        self._delete_all_of(video_fid)

    def _delete_all_of(self, video_fid: ObjectId) -> None:
        self.summaries.delete_of_video(video_fid)
        self.transcripts.delete_of_video(video_fid)
        self.videos.delete(video_fid)
        for mp3_fid in self.mp3s.ids_of_video(video_fid):
            self.mp3s.delete(mp3_fid)
