"""Accepts a video whose bytes are all stored, by either way of uploading: creates its job and queues it."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bson import ObjectId

from common.domain.jobs import Job, Status
from common.domain.outbox import Outbox
from common.domain.owners import Owner
from common.domain.quotas import Amounts
from common.errors import Gone, TransientError
from common.storage.mongo import StorageUnavailable
from gateway.jobs.store import Store
from gateway.uploads import tus_headers
from gateway.uploads.repository import Upload, UploadRepository

log = logging.getLogger(__name__)


class UploadAcceptance:
    def __init__(self, store: Store, uploads: UploadRepository, outbox: Outbox) -> None:
        self._store = store
        self._uploads = uploads
        self._outbox = outbox

    def accept(
        self,
        video_fid: ObjectId,
        owner: Owner,
        filename: str,
        options: Mapping[str, Any],
        size: int,
        *,
        charged: str,
    ) -> Job:
        """Accepts a stored video of `size` bytes, which were added to the account's usage on the day `charged`.

        Deletes the video and gives its bytes back when that fails.
        """
        try:
            job = self._store.jobs.create(
                video_fid, owner.username, filename, options, account=owner.account, size=size
            )
            if not self._store.videos.accept(video_fid):
                raise StorageUnavailable("The stored video is gone: housekeeping deleted it as an orphaned file")
        except TransientError:
            # The job may have been stored although MongoDB's answer was lost. The client gets an error, so it must go.
            try:
                had_job = self._store.refuse(video_fid, owner.username, filename, account=owner.account)
                cost = Amounts.of_upload(size)
                # The bytes of a job have been given back with it.
                self._store.usage.give_back(owner.key, replace(cost, stored=0) if had_job else cost, charged)
            except TransientError as error:
                log.warning("The refused upload %s is left for housekeeping: %s", video_fid, error)
            raise
        log.info("Accepted the video %s: %s", job.video_fid, job.filename)
        self._outbox.publish_next(job.owner)
        return job

    def complete(self, upload: Upload) -> Job:
        """Accepts a resumable upload; idempotent, so that it can be repeated after a crash.

        Raises Gone when the upload was ended in the meantime.
        """
        self._store.videos.publish(upload.id, upload.length, upload.filename, "video/*", upload.metadata)
        known = self._store.jobs.get(upload.id)
        size = upload.length if upload.charged else None
        job = known or self._store.jobs.create(
            upload.id, upload.username, upload.filename, upload.options, account=upload.account, size=size,
            original=tus_headers.original(upload.header),
        )  # fmt: skip
        if job.status is Status.DELETED or not self._store.videos.accept(upload.id):
            self._store.refuse(upload.id, upload.username, upload.filename, account=upload.account)
            # The bytes of a job have been given back with it.
            self._end(upload, Amounts(unfinished=1) if job.size is not None else upload.cost)
            raise Gone("The upload has ended.")
        if known is None:
            log.info("Accepted the video %s: %s", job.video_fid, job.filename)
            self._outbox.publish_next(job.owner)
        self._end(upload, Amounts(unfinished=1))
        return job

    def _end(self, upload: Upload, cost: Amounts) -> None:
        if self._uploads.delete(upload) and upload.charged:
            self._store.usage.give_back(upload.owner, cost, upload.charged)
