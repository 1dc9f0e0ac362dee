"""The jobs with their two buckets of files and what is known of their sound, and what must be done to all together."""

from dataclasses import dataclass

from bson import ObjectId

from common.jobs import Jobs
from common.storage.bucket import Bucket
from common.summaries import Summaries
from common.transcripts import Transcripts


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
        """Deletes a job with its files, its summary and its transcript.

        The job goes first: a crash in between leaves files without a job, which housekeeping deletes, and never a
        job without its files.
        """
        self.jobs.bury(video_fid)
        self.summaries.delete_of_video(video_fid)
        self.transcripts.delete_of_video(video_fid)
        self.delete_files(video_fid)

    def delete_files(self, video_fid: ObjectId) -> None:
        """Deletes a video and all MP3s that were made from it."""
        self.videos.delete(video_fid)
        for mp3_fid in self.mp3s.ids_of_video(video_fid):
            self.mp3s.delete(mp3_fid)
