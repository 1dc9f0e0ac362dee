"""Handles a message of the queue `video`: fetches the video, converts it, stores the MP3, publishes the notice."""

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from bson import ObjectId

from common.domain import filenames
from common.domain.job_repository import Jobs
from common.domain.jobs import Job, Status
from common.domain.leases import LeaseLost
from common.domain.options import ConversionOptions
from common.domain.quotas import Amounts
from common.domain.results import Result
from common.domain.usage import UsageRepository
from common.errors import Failure, NewerRelease, PermanentError, TransientError
from common.messaging.connection import BrokerUnavailable
from common.messaging.handler import Busy, HandedBack
from common.messaging.message import InvalidMessage, Message
from common.messaging.publisher import Publisher
from common.runtime.checkpoints import Point, checkpoint
from common.storage.bucket import Bucket, StoredFile
from converter.encoding import verification
from converter.encoding.transcoder import transcode
from converter.encoding.verification import Mp3
from converter.ffmpeg.cpu_affinity import CpuAffinity
from converter.ffmpeg.process import Cancelled, Stalled
from converter.job_lease import JobLease, JobLeases
from converter.sandbox.confinement import Sandbox
from converter.settings import ConverterSettings
from converter.sparse_fetch.fetch import fetch
from converter.workspace import work_folder

log = logging.getLogger(__name__)

_TECHNICAL = "The conversion failed because of a server error. Try again later."
_STALLED = (
    "The conversion failed: it made no progress, twice. The file may be damaged. Convert it to MP4 with another "
    "program, and upload the result."
)
_CRASHED = "The conversion failed: the converter crashed at every attempt. The file may be damaged."


class Conversion:
    """Any step may be repeated, or delayed until another worker has done the same job or its next run.

    See docs/operations.md, "Stale workers".
    """

    def __init__(
        self,
        settings: ConverterSettings,
        *,
        jobs: Jobs,
        videos: Bucket,
        mp3s: Bucket,
        publisher: Publisher,
        must_stop: Callable[[], bool],
        advance: Callable[[str], object],
        usage: UsageRepository,
        sandbox: Sandbox | None = None,
    ) -> None:
        """`advance` publishes the next jobs after one of an account has ended."""
        self._settings = settings
        self._jobs = jobs
        self._videos = videos
        self._mp3s = mp3s
        self._publisher = publisher
        self._must_stop = must_stop
        self._advance = advance
        self._usage = usage
        self._leases = JobLeases(jobs, settings.claim_lease)
        self._affinity = CpuAffinity() if settings.bind_processors else None
        self._sandbox = sandbox

    def handle(self, message: Message) -> None:
        """Converts the job, or publishes the notice that an earlier attempt did not publish."""
        job = self._jobs.get(message.video_fid)
        if job is None or job.username != message.username:
            raise InvalidMessage("no job has this video_fid and username")
        if message.outdated(job.run):
            log.info("Ignored the message of an earlier run of the job")
            return
        self._handle(message)
        # Also for a job that was cancelled or deleted before its message arrived.
        self._advance(job.owner)

    def _handle(self, message: Message) -> None:
        lease = self._leases.take(message.video_fid)
        if lease is None:
            self._settle_without_lease(message)
            return
        checkpoint(Point.CONVERTER_LEASED)
        try:
            self._convert(lease)
        except PermanentError as error:
            log.warning("The conversion failed: %s", error)
            self._fail(lease, error)
        except Cancelled as error:
            if lease.taken:
                log.info("The job was cancelled, deleted, or taken by another worker")
                return
            self._release(lease)
            lease.check()
            raise HandedBack("the worker stops") from error
        except LeaseLost as error:
            log.info("Lost the lease: %s", error)
        except TransientError:
            self._release(lease)
            raise
        else:
            log.info("Conversion complete!")

    def give_up(self, message: Message, reason: str) -> None:
        """Marks the job as failed and publishes its notice; raises Busy while another worker has the lease."""
        log.error("No retries left: %s", reason)
        job = self._jobs.get(message.video_fid)
        if job is None or job.username != message.username or message.outdated(job.run):
            return
        checkpoint(Point.CONVERTER_BEFORE_GIVE_UP)
        self._jobs.fail(job.video_fid, _TECHNICAL, run=job.run)
        # Nothing else continues a job whose status a newer release has set.
        with contextlib.suppress(NewerRelease):
            self._settle_without_lease(message)
        self._advance(job.owner)

    def _settle_without_lease(self, message: Message) -> None:
        job = self._jobs.get(message.video_fid)
        if job is None or job.status is Status.DELETED:
            log.info("The job was deleted")
        elif not job.status.known:
            raise NewerRelease(f"the job is {job.status}, which this release does not know")
        elif not job.status.terminal:
            raise Busy("another worker holds the lease of this job")
        elif not job.notice_sent:
            checkpoint(Point.CONVERTER_BEFORE_SETTLE)
            self._publish(job)

    def _convert(self, lease: JobLease) -> None:
        job = lease.job
        if job.attempts > self._settings.max_crashes:
            raise PermanentError(_CRASHED, Failure.CRASHED)
        options = ConversionOptions.from_document(job.options)
        video = self._videos.find(job.video_fid)
        if video is None:
            raise PermanentError("The video is no longer stored. Upload it again.", Failure.NO_LONGER_STORED)
        with (
            self._leases.renewed(lease, self._settings.progress_interval),
            work_folder(self._settings.work_folder) as folder,
        ):
            source = folder / "source"
            log.info("Downloading video from MongoDB...")
            pictures = options.cover == "frame"
            fetch(self._videos, video, source, pictures=pictures, check=lambda: self._check(lease))
            log.info("Converting video to MP3...")
            result = self._transcode(source, video, options, lease)
            mp3_fid = self._store(job, result, lease)
            sound = verification.describe(result.path, options.quality)
        self._complete(lease, mp3_fid, Result(sound, video.length, result.notes))

    def _complete(self, lease: JobLease, mp3_fid: ObjectId, result: Result) -> None:
        """Makes the MP3 the job's result.

        Deletes by id, and only files that no job can refer to: its own one when the lease is lost, and the one that
        this update has replaced. Other MP3s of the video may be another worker's result; housekeeping deletes orphaned
        ones.
        """
        checkpoint(Point.CONVERTER_STORED)
        try:
            job, replaced = self._leases.complete(lease, mp3_fid, result)
        except LeaseLost:
            checkpoint(Point.CONVERTER_LEASE_LOST)
            self._delete(mp3_fid)
            raise
        checkpoint(Point.CONVERTER_COMPLETED)
        self._count(job, result, lease.job.stored_mp3)
        self._publish(job)
        checkpoint(Point.CONVERTER_CONFIRMED)
        if replaced is not None:
            self._delete(replaced)

    def _count(self, job: Job, result: Result, replaced: int) -> None:
        """Adds the MP3, instead of one of `replaced` bytes, to the account's usage.

        Housekeeping corrects it after a crash, and counts the files of jobs that an earlier release has created.
        """
        stored = 0 if job.size is None else result.sound.size - replaced
        try:
            self._usage.add(job.owner, Amounts(stored=stored, seconds=result.sound.duration))
        except TransientError as error:
            log.warning("The usage of the account was not updated: %s", error)

    def _transcode(self, source: Path, video: StoredFile, options: ConversionOptions, lease: JobLease) -> Mp3:
        def report(share: float) -> None:
            lease.progress = min(int(share * 100), 99)  # 100 is for a completed job

        try:
            return transcode(
                source,
                source.parent,
                filename=video.filename,
                options=options,
                limits=self._settings.limits,
                recording_start=lease.job.original.start if lease.job.original else None,
                on_progress=report,
                should_stop=lambda: lease.lost or self._must_stop(),
                threads=self._threads(),
                affinity=self._affinity,
                sandbox=self._sandbox,
            )
        except OSError as error:
            raise TransientError(f"the temporary folder cannot be used: {error.strerror}") from error
        except Stalled as error:
            if lease.job.stalled_run == lease.job.run:
                log.warning("Stalled for the second time: %s", error)
                raise PermanentError(_STALLED, Failure.TIME_LIMIT) from error
            lease.stalled = True
            raise

    def _threads(self) -> int:
        """How many encoders may run at the same time: one while other videos wait, which need the processors."""
        if self._settings.converter_threads == 1:
            return 1
        try:
            alone = not self._publisher.waiting(self._settings.video_queue)
        except BrokerUnavailable as error:
            log.info("Converting on one processor: %s", error)
            return 1
        return self._settings.converter_threads if alone else 1

    def _store(self, job: Job, result: Mp3, lease: JobLease) -> ObjectId:
        checkpoint(Point.CONVERTER_CONVERTED)
        log.info("Uploading MP3 to MongoDB...")
        metadata = {
            "username": job.username, "account": job.account, "video_fid": job.video_fid, "duration": result.duration,
        }  # fmt: skip
        with (
            self._mp3s.create(mp3_name(job.filename), "audio/mpeg", metadata) as writer,
            result.path.open("rb", buffering=0) as file,
        ):
            while data := file.read(1024 * 1024):
                writer.write(data)
                self._check(lease)
            return writer.finish()

    def _delete(self, mp3_fid: ObjectId) -> None:
        try:
            self._mp3s.delete(mp3_fid)
        except TransientError as error:
            log.warning("Left the orphaned MP3 %s for housekeeping: %s", mp3_fid, error)

    def _check(self, lease: JobLease) -> None:
        if lease.lost or self._must_stop():
            raise Cancelled("the worker is stopping, or the lease is lost")

    def _fail(self, lease: JobLease, reason: PermanentError) -> None:
        checkpoint(Point.CONVERTER_BEFORE_FAIL)
        failed = self._jobs.fail(lease.id, str(reason), reason.code, token=lease.token)
        checkpoint(Point.CONVERTER_FAILED)
        if failed is not None:
            self._publish(failed)

    def _release(self, lease: JobLease) -> None:
        checkpoint(Point.CONVERTER_BEFORE_RELEASE)
        self._leases.release(lease)

    def _publish(self, job: Job) -> None:
        """Publishes the notice of the run that `job` describes, even if the job has changed since."""
        log.info("Publishing to mp3 queue...")
        # A job that failed in a later run keeps the MP3 of the earlier one, which does not belong into the notice.
        mp3_fid = job.mp3_fid if job.status is Status.COMPLETED else None
        message = Message(video_fid=job.video_fid, mp3_fid=mp3_fid, username=job.username, run=job.run)
        self._publisher.publish(self._settings.mp3_queue, message)
        checkpoint(Point.CONVERTER_PUBLISHED)
        self._jobs.confirm(job, notice_sent=True)


def mp3_name(filename: str) -> str:
    """The video's name with the suffix of an MP3, without folders."""
    return f"{filenames.stem(filename) or 'audio'}.mp3"
