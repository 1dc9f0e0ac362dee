"""What becomes of a video whose last byte has arrived, whichever way it came: a job, and a message about it."""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from bson import ObjectId

from common.domain.jobs import Job, Status
from common.errors import Gone, TransientError
from common.storage.mongo import StorageUnavailable
from gateway.jobs.outbox import Outbox
from gateway.jobs.store import Store
from gateway.uploads.resumable import Upload, Uploads

log = logging.getLogger(__name__)


class UploadAcceptance:
    """Accepts videos."""

    def __init__(self, store: Store, uploads: Uploads, outbox: Outbox) -> None:
        self._store = store
        self._uploads = uploads
        self._outbox = outbox

    def accept(self, video_fid: ObjectId, username: str, filename: str, options: Mapping[str, Any]) -> Job:
        """Makes the job of a stored video, and has it converted; nothing stays behind when it fails."""
        with self._undone_on_failure(video_fid, username, filename):
            job = self._store.jobs.create(video_fid, username, filename, options)
            if not self._store.videos.accept(video_fid):
                raise StorageUnavailable("The stored video is gone: housekeeping took it for an orphan")
        log.info("Accepted the video %s: %s", job.video_fid, job.filename)
        self._outbox.announce(job)
        return job

    def complete(self, upload: Upload) -> Job:
        """Makes the job of an upload that has all its bytes. Every step may be repeated after a crash.

        Raises Gone when it was ended meanwhile.
        """
        self._store.videos.publish(upload.id, upload.length, upload.filename, "video/*", upload.metadata)
        known = self._store.jobs.get(upload.id)
        job = known or self._store.jobs.create(upload.id, upload.username, upload.filename, upload.options)
        if job.status is Status.DELETED or not self._store.videos.accept(upload.id):
            self._store.refuse(upload.id, upload.username, upload.filename)
            raise Gone("The upload has ended meanwhile.")
        if known is None:
            log.info("Accepted the video %s: %s", job.video_fid, job.filename)
            self._outbox.announce(job)
        self._uploads.forget(upload)
        return job

    @contextlib.contextmanager
    def _undone_on_failure(self, video_fid: ObjectId, username: str, filename: str) -> Iterator[None]:
        try:
            yield
        except TransientError:
            # The job may have been recorded although the answer was lost: it goes as well, as the client gets an error.
            try:
                self._store.refuse(video_fid, username, filename)
            except TransientError as error:
                log.warning("The refused upload %s is left to housekeeping: %s", video_fid, error)
            raise
