"""The changes of jobs as they happen, from a change stream of MongoDB (docs/decisions/0007)."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern

from common.domain.job_repository import Jobs
from common.domain.jobs import Job, job_from
from common.errors import TransientError, Video2MP3Error
from common.storage.mongo import Document, failures

# ms. How long MongoDB waits for a change before it answers that there is none.
AWAIT = 2000
# Every change that followers must see sets `updated_at`; others only record what was sent.
_RELEVANT: list[Document] = [
    {
        "$match": {
            "$or": [
                {"operationType": {"$in": ["insert", "replace"]}},
                {"updateDescription.updatedFields.updated_at": {"$exists": True}},
                # Of two changes in the same millisecond, the second one leaves `updated_at` as it is.
                {"updateDescription.updatedFields.status": {"$exists": True}},
            ]
        }
    },
    {"$project": {"fullDocument": 1}},
]
# MongoDB's error "The $changeStream stage is only supported on replica sets".
_STANDALONE = 40573


class NoChangeStreams(Video2MP3Error):
    """MongoDB is a standalone server, which has no change streams."""


class ChangesLost(TransientError):
    """The stream cannot be resumed, so changes may have been missed; the next one begins with the next change."""


class JobChanges:
    def __init__(self, jobs: Jobs) -> None:
        self._collection = jobs.collection.with_options(read_concern=ReadConcern("majority"))
        self._token: Mapping[str, Any] | None = None

    def follow(self, opened: Callable[[], None]) -> Generator[Job | None]:
        """Yields the changed jobs of all users, including tombstones, and None if there was no change for AWAIT ms.

        Calls `opened` when it is certain that no further change is missed. A call after a failure resumes where the
        last one ended, also with another primary. Raises StorageUnavailable, ChangesLost and NoChangeStreams.
        """
        with self._classified(), self._collection.watch(
            _RELEVANT, full_document="updateLookup", resume_after=self._token, max_await_time_ms=AWAIT
        ) as stream:  # fmt: skip
            opened()
            while stream.alive:
                event = stream.try_next()
                self._token = stream.resume_token
                # Without the document if the job's tombstone has expired since.
                yield job_from(event["fullDocument"]) if event and event.get("fullDocument") else None
        self.forget()
        raise ChangesLost("The collection was dropped")

    def forget(self) -> None:
        """Has the next call begin with the next change."""
        self._token = None

    @contextmanager
    def _classified(self) -> Iterator[None]:
        with failures():
            try:
                yield
            except OperationFailure as error:
                if error.code == _STANDALONE:
                    raise NoChangeStreams from error
                if error.has_error_label("ResumableChangeStreamError"):
                    raise
                self.forget()
                raise ChangesLost(f"MongoDB cannot resume the change stream: {error}") from error
