"""Converts a video: uploads it unless that was done before, waits, and writes the MP3."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from video2mp3.api import Api, Job
from video2mp3.conversion.content import Content, content
from video2mp3.conversion.progress import DONE, FAILED, Stages
from video2mp3.display import file_size
from video2mp3.errors import Busy, CliError, ConversionFailed, Missing, Refused, Stopped
from video2mp3.http_client import Retries
from video2mp3.new_files import new_file, require_absent
from video2mp3.records import Record, Records
from video2mp3.uploads import Uploader


@dataclass(frozen=True)
class Outcome:
    video: Path
    mp3: Path | None = None
    job: Job | None = None
    error: CliError | None = None

    def public(self) -> dict[str, Any]:
        return {
            "video": str(self.video),
            "mp3": str(self.mp3) if self.mp3 else None,
            "job": self.job,
            "error": str(self.error) if self.error else None,
            "error_code": self.error.code if self.error else None,
        }


@dataclass(frozen=True)
class Converter:
    api: Api
    records: Records
    options: Mapping[str, str]
    stages: Stages
    wait: bool = True
    force: bool = False
    whole: bool = False
    """Whether the pictures are uploaded in any case."""

    def convert(self, video: Path, target: Path) -> Outcome:
        """Every error of the file is in the outcome."""
        try:
            outcome = self._convert(video, target)
        except CliError as error:
            outcome = Outcome(video, job=error.job if isinstance(error, ConversionFailed) else None, error=error)
        except OSError as error:
            outcome = Outcome(video, error=CliError(f"{error.strerror}: {error.filename}"))
        if not isinstance(outcome.error, Stopped):
            self.stages.update(video, FAILED if outcome.error else DONE)
        return outcome

    def completed(self, video: Path) -> Job:
        """The completed job of the video, which is uploaded as far as the server does not have it yet.

        Raises ConversionFailed, or another CliError.
        """
        key = self.records.key(video, self.options)
        with self._forgetting_failures(key):
            fid = self._uploaded(video, key)
            job = self.api.wait(fid, partial(self._progressed, video), partial(self.stages.repeats, video))
            if job["status"] != "completed":
                raise ConversionFailed(str(job["error"]), job.get("error_code") or "failed", job=job)
        return job

    def _convert(self, video: Path, target: Path) -> Outcome:
        key = self.records.key(video, self.options)
        if not self.wait:
            with self._forgetting_failures(key):
                fid = self._uploaded(video, key)
            return Outcome(video, job=self._retries(video).until_success(lambda: self.api.job(fid)))
        record = self.records.find(key)
        if record and record.has_written(target) and not self.force:
            return Outcome(video, target, self._known(video, record.job))
        require_absent(target, force=self.force)
        # Before the upload: the folder may be impossible.
        target.parent.mkdir(parents=True, exist_ok=True)
        job = self.completed(video)
        self.stages.update(video, "downloading")
        with new_file(target, force=self.force) as file:
            self.api.download(job["mp3_fid"], file, partial(self.stages.repeats, video))
            self.records.save(key, Record(job["video_fid"], str(target.absolute()), file.tell()))
        return Outcome(video, target, job)

    def _uploaded(self, video: Path, key: str) -> str:
        """The id of the job."""
        record = self.records.find(key)
        with video.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size == 0:
                raise CliError(f"{video.name} is empty.", "empty_file")
            if record:
                self.stages.update(video, "resuming", job=record.job)
                if self._known(video, record.job):
                    return record.job
            if not self.whole:
                self.stages.update(video, "finding the sound")
            sent = content(stream, size, self.options, whole=self.whole)
            if sent.size < size:
                self.stages.announce(video, f"sending the sound only: {file_size(sent.size)} of {file_size(size)}")
            return self._sent(video, key, sent, record)

    def _sent(self, video: Path, key: str, sent: Content, record: Record | None) -> str:
        """Continues the upload of an earlier command, or begins one."""

        def on_bytes(count: int) -> None:
            self.stages.update(video, "uploading", 100 * count / sent.size)

        uploader = Uploader(self.api.request, self.api.stop, on_bytes, partial(self.stages.repeats, video))
        if record and record.content == sent.id:
            with suppress(Missing):
                uploader.finish(record.job, sent.stream, sent.size)
                return record.job
        fid = uploader.create(video.name, sent.size, {**self.options, **sent.metadata})
        self.records.save(key, Record(fid, content=sent.id))
        self.stages.update(video, "uploading", 0, fid)
        uploader.finish(fid, sent.stream, sent.size, offset=0)
        return fid

    def _known(self, video: Path, fid: str) -> Job | None:
        with suppress(Missing):
            return self._retries(video).until_success(lambda: self.api.job(fid))
        return None

    def _progressed(self, video: Path, job: Job) -> None:
        if job["status"] in {"queued", "converting"}:
            self.stages.update(video, job["status"], job["progress"], job["video_fid"])

    def _retries(self, video: Path) -> Retries:
        return Retries(self.api.stop, partial(self.stages.repeats, video))

    @contextmanager
    def _forgetting_failures(self, key: str) -> Iterator[None]:
        """What failed for good would fail again: the next command begins with an upload."""
        try:
            yield
        except (Refused, ConversionFailed) as error:
            if not isinstance(error, Busy):
                self.records.delete(key)
            raise
