"""The error tree: every failure is permanent, transient or a rejected request.

    Video2MP3Error
     ├── PermanentError            will never succeed: its text and code are shown to the user
     ├── TransientError            may succeed later: retried after a delay
     └── RejectedError             the request is wrong or cannot be served now: a 4xx or 503
          ├── BadRequest 400 · Unauthorized 401 · Forbidden 403 · NotFound 404 · RequestTimeout 408
          ├── Conflict 409 · Gone 410 · LengthRequired 411 · PreconditionFailed 412 · TooLarge 413
          ├── UnsupportedType 415 · RangeNotSatisfiable 416 · Invalid 422 · Locked 423
          └── TooManyRequests 429 · ChecksumMismatch 460 · Unavailable 503

Consumers handle it in `common.messaging.settlement`, Flask applications in `common.http.app`.

Codes are stable: clients branch on them and never on texts.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar


class Failure(StrEnum):
    """Why a job or a summary failed: its `error_code`."""

    CANCELLED = "cancelled"
    FAILED = "failed"
    CRASHED = "crashed"
    # The file.
    EMPTY_FILE = "empty_file"
    NOT_A_VIDEO = "not_a_video"
    INCOMPLETE = "incomplete"
    DAMAGED = "damaged"
    UNSUPPORTED = "unsupported"
    NO_LONGER_STORED = "no_longer_stored"
    # The sound and the options.
    NO_AUDIO = "no_audio"
    NO_SUCH_TRACK = "no_such_track"
    OUTSIDE_RECORDING = "outside_recording"
    NO_SPEECH = "no_speech"
    # The limits.
    TOO_LONG = "too_long"
    OUTPUT_TOO_LARGE = "output_too_large"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    # The provider of summaries.
    PROVIDER_REFUSED = "provider_refused"
    PROVIDER_UNAVAILABLE = "provider_unavailable"


class Video2MP3Error(Exception):
    """The base of all errors of this project."""


class PermanentError(Video2MP3Error):
    """The job or message can never succeed; the text is a sentence for the job's owner."""

    def __init__(self, message: str, code: Failure = Failure.FAILED) -> None:
        super().__init__(message)
        self.code = code


class TransientError(Video2MP3Error):
    """A dependency failed and the same work may succeed later; `retry_after` s is the delay that it asked for."""

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NewerRelease(TransientError):
    """A newer release stored something that this one cannot handle: its workers must, or this one after its update.

    The retries last for about 20 minutes with the default RETRY_DELAYS, which is longer than an update.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after=300)


class RejectedError(Video2MP3Error):
    """The request cannot be served; the text says what is wrong and what to do."""

    status: ClassVar[int] = 400
    # Used unless the error has its own code.
    default_code: ClassVar[str] = "bad_request"

    def __init__(self, message: str, *, code: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.headers: Mapping[str, str] = headers or {}


class BadRequest(RejectedError):
    """The request is malformed."""


class Unauthorized(RejectedError):
    """The caller is not authenticated; `scheme` is the authentication scheme to use."""

    status = 401
    default_code = "unauthorized"

    def __init__(self, message: str, *, code: str | None = None, scheme: str = "Bearer") -> None:
        super().__init__(message, code=code, headers={"WWW-Authenticate": f'{scheme} realm="video2mp3"'})


class Forbidden(RejectedError):
    """The caller is authenticated, and the account may not do this."""

    status = 403
    default_code = "forbidden"


class NotFound(RejectedError):
    """The resource does not exist, or belongs to another user."""

    status = 404
    default_code = "not_found"


class RequestTimeout(RejectedError):
    status = 408
    default_code = "request_timeout"


class Conflict(RejectedError):
    status = 409
    default_code = "conflict"


class Gone(RejectedError):
    status = 410
    default_code = "gone"


class LengthRequired(RejectedError):
    status = 411
    default_code = "length_required"


class PreconditionFailed(RejectedError):
    """The request is for another version of the protocol or of the resource."""

    status = 412
    default_code = "precondition_failed"


class TooLarge(RejectedError):
    status = 413
    default_code = "too_large"


class UnsupportedType(RejectedError):
    status = 415
    default_code = "unsupported_media_type"


class RangeNotSatisfiable(RejectedError):
    status = 416
    default_code = "range_not_satisfiable"


class Invalid(RejectedError):
    """A field's value is invalid; the text names the field and its valid values."""

    status = 422
    default_code = "invalid"


class Locked(RejectedError):
    """Another request is changing the same resource."""

    status = 423
    default_code = "locked"


class TooManyRequests(RejectedError):
    """The caller exceeds a rate limit or a concurrency limit."""

    status = 429
    default_code = "too_many_requests"


class ChecksumMismatch(RejectedError):
    """The body does not match its checksum (tus 1.0.0, "Checksum")."""

    status = 460
    default_code = "checksum_mismatch"


class Unavailable(RejectedError):
    """A dependency is unavailable; the caller should retry after `retry_after` s."""

    status = 503
    default_code = "unavailable"

    def __init__(self, message: str, *, code: str | None = None, retry_after: int = 5) -> None:
        super().__init__(message, code=code, headers={"Retry-After": str(retry_after)})
