"""What the converter does with a message: fetch the video, convert it, store the MP3, say so."""

import logging
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from bson import ObjectId

from common.claims import ClaimLost
from common.errors import PermanentError, TransientError
from common.jobs import Job, Jobs, Status
from common.messaging.connection import BrokerUnavailable
from common.messaging.consumer import Busy, HandedBack
from common.messaging.message import InvalidMessage, Message
from common.messaging.publisher import Publisher
from common.options import ConversionOptions
from common.storage.bucket import Bucket, StoredFile
from converter.claims import JobClaim, JobClaims
from converter.fetching import fetch
from converter.placement import CpuAffinity
from converter.process import Cancelled
from converter.settings import ConverterSettings
from converter.transcoder import Transcode, transcode
from converter.workspace import work_folder

log = logging.getLogger(__name__)

_CRASHED = "The conversion was given up: it ended unexpectedly each time it was tried. The file may be damaged."


class Conversion:
    """Handles the messages of the queue `video`. Repeating it at any point makes no second MP3."""

    def __init__(
        self,
        settings: ConverterSettings,
        *,
        jobs: Jobs,
        videos: Bucket,
        mp3s: Bucket,
        publisher: Publisher,
        must_stop: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._jobs = jobs
        self._videos = videos
        self._mp3s = mp3s
        self._publisher = publisher
        self._must_stop = must_stop
        self._claims = JobClaims(jobs, settings.claim_lease)
        self._affinity = CpuAffinity() if settings.bind_processors else None

    def handle(self, message: Message) -> None:
        """Converts the job, or finishes what an earlier attempt left."""
        job = self._jobs.get(message.video_fid)
        if job is None or job.username != message.username:
            raise InvalidMessage("no job has this video_fid and username")
        claim = self._claims.take(message.video_fid)
        if claim is None:
            self._settle_unclaimed(message)
            return
        try:
            self._convert(claim)
        except PermanentError as error:
            log.warning("The conversion failed: %s", error)
            self._fail(claim.job, str(error), token=claim.token)
        except Cancelled as error:
            if claim.taken:
                log.info("The job was cancelled, deleted, or taken by another worker")
                return
            self._claims.release(claim)
            claim.check()
            raise HandedBack("the worker stops") from error
        except ClaimLost as error:
            log.info("Nothing to do any more: %s", error)
        except TransientError:
            self._claims.release(claim)
            raise
        else:
            log.info("Conversion complete!")

    def give_up(self, message: Message, reason: str) -> None:
        """Marks the job as failed and has its owner told; raises Busy while another worker is at it."""
        log.error("No attempt is left: %s", reason)
        job = self._jobs.get(message.video_fid)
        if job is None or job.username != message.username or job.status is Status.DELETED:
            return
        self._fail(job, "The conversion failed for a technical reason on our side. It can be tried again later.")
        current = self._jobs.get(message.video_fid)
        if current is not None and not current.status.terminal:
            raise Busy("another worker holds this job")

    def _settle_unclaimed(self, message: Message) -> None:
        job = self._jobs.get(message.video_fid)
        if job is None or job.status is Status.DELETED:
            log.info("The job was deleted meanwhile")
        elif not job.status.terminal:
            raise Busy("another worker holds this job")
        elif not job.notice_sent:
            self._publish(job)

    def _convert(self, claim: JobClaim) -> None:
        job = claim.job
        if job.attempts > self._settings.max_crashes:
            raise PermanentError(_CRASHED)
        video = self._videos.find(job.video_fid)
        if video is None:
            raise PermanentError("The video is no longer stored. Upload it again.")
        options = ConversionOptions.model_validate(dict(job.options))
        with (
            self._claims.kept(claim, self._settings.progress_interval),
            work_folder(self._settings.work_folder) as folder,
        ):
            source = folder / "source"
            log.info("Downloading video from MongoDB...")
            pictures = options.cover == "frame"
            fetch(self._videos, video, source, pictures=pictures, check=lambda: self._check(claim))
            log.info("Converting video to MP3...")
            result = self._transcode(source, video, options, claim)
            mp3_fid = self._store(job, result, claim)
        try:
            self._claims.complete(claim, mp3_fid)
        except ClaimLost:
            self._mp3s.delete(mp3_fid)
            raise
        self._delete_results(job.video_fid, but=mp3_fid)
        self._publish(self._jobs.get(job.video_fid) or job)

    def _transcode(self, source: Path, video: StoredFile, options: ConversionOptions, claim: JobClaim) -> Transcode:
        def note(share: float) -> None:
            # 100 is for a job that is completed.
            claim.progress = min(int(share * 100), 99)

        try:
            return transcode(
                source,
                source.parent,
                filename=video.filename,
                options=options,
                limits=self._settings.limits,
                on_progress=note,
                should_stop=lambda: claim.lost or self._must_stop(),
                threads=self._threads(),
                affinity=self._affinity,
            )
        except OSError as error:
            raise TransientError(f"the temporary folder cannot be used: {error.strerror}") from error

    def _threads(self) -> int:
        """How many encoders may work side by side: one while other videos wait, which the processors are better for."""
        if self._settings.converter_threads == 1:
            return 1
        try:
            alone = not self._publisher.waiting(self._settings.video_queue)
        except BrokerUnavailable as error:
            log.info("Converting on one processor: %s", error)
            return 1
        return self._settings.converter_threads if alone else 1

    def _store(self, job: Job, result: Transcode, claim: JobClaim) -> ObjectId:
        log.info("Uploading MP3 to MongoDB...")
        # What an attempt that was killed between here and `complete` has left; not the result of an earlier round.
        self._delete_results(job.video_fid, but=job.mp3_fid)
        metadata = {"username": job.username, "video_fid": job.video_fid, "duration": result.duration}
        with (
            self._mp3s.create(mp3_name(job.filename), "audio/mpeg", metadata) as writer,
            result.path.open("rb", buffering=0) as file,
        ):
            while data := file.read(1024 * 1024):
                writer.write(data)
                self._check(claim)
            return writer.finish()

    def _delete_results(self, video_fid: ObjectId, but: ObjectId | None) -> None:
        for mp3_fid in self._mp3s.ids_of_video(video_fid):
            if mp3_fid != but:
                self._mp3s.delete(mp3_fid)

    def _check(self, claim: JobClaim) -> None:
        if claim.lost or self._must_stop():
            raise Cancelled("the worker stops, or the job was taken away")

    def _fail(self, job: Job, reason: str, token: str | None = None) -> None:
        self._jobs.fail(job.video_fid, reason, token)
        failed = self._jobs.get(job.video_fid)
        if failed is not None and failed.status is Status.FAILED and not failed.notice_sent:
            self._publish(failed)

    def _publish(self, job: Job) -> None:
        log.info("Publishing to mp3 queue...")
        # A job that failed when it was converted anew keeps the MP3 it had, which is no news.
        mp3_fid = job.mp3_fid if job.status is Status.COMPLETED else None
        message = Message(video_fid=job.video_fid, mp3_fid=mp3_fid, username=job.username)
        self._publisher.publish(self._settings.mp3_queue, message)
        self._jobs.confirm(job, notice_sent=True)


def mp3_name(filename: str) -> str:
    """The video's name with the ending of an MP3, without the folders that a client may have put into it."""
    name = filename.replace("\\", "/").rpartition("/")[2]
    return f"{PurePosixPath(name).stem or 'audio'}.mp3"
