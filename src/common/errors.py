"""The one error tree: every failure is permanent, transient or a rejected request.

    Video2MP3Error
     ├── PermanentError            will never work: its text is told to the user
     ├── TransientError            may work later: tried again with a delay
     └── RejectedError             the request is wrong, or can't be served now: a 4xx or 503
          ├── BadRequest 400 · Unauthorized 401 · NotFound 404 · RequestTimeout 408
          ├── Conflict 409 · Gone 410 · LengthRequired 411 · PreconditionFailed 412 · TooLarge 413
          ├── UnsupportedType 415 · RangeNotSatisfiable 416 · Invalid 422 · Locked 423
          └── TooManyRequests 429 · ChecksumMismatch 460 · Unavailable 503

Consumers handle the tree in `common.messaging.settlement`, Flask in `common.http.app`, and nothing else does.
"""

from collections.abc import Mapping
from typing import ClassVar


class Video2MP3Error(Exception):
    """The base of all errors that this project raises."""


class PermanentError(Video2MP3Error):
    """Raised when a job can never succeed; the text is a sentence for its owner."""


class TransientError(Video2MP3Error):
    """Raised when a dependency failed and the same work may succeed later: after `retry_after` s, if it said so."""

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RejectedError(Video2MP3Error):
    """Raised when a request cannot be served; the text says what is wrong and what to do."""

    status: ClassVar[int] = 400

    def __init__(self, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.headers: Mapping[str, str] = headers or {}


class BadRequest(RejectedError):
    """Raised when a request cannot be understood."""


class Unauthorized(RejectedError):
    """Raised when the caller did not prove who they are; `scheme` is what they should have used."""

    status = 401

    def __init__(self, message: str, *, scheme: str = "Bearer") -> None:
        super().__init__(message, headers={"WWW-Authenticate": f'{scheme} realm="video2mp3"'})


class NotFound(RejectedError):
    """Raised for what does not exist, and for what belongs to somebody else."""

    status = 404


class RequestTimeout(RejectedError):
    """Raised when the client sends its request too slowly."""

    status = 408


class Conflict(RejectedError):
    """Raised when the state of the thing does not allow the request."""

    status = 409


class Gone(RejectedError):
    """Raised for what has existed and has expired."""

    status = 410


class LengthRequired(RejectedError):
    """Raised when a body has no length and needs one."""

    status = 411


class PreconditionFailed(RejectedError):
    """Raised when the request is made for another version, of the protocol or of what it asks for."""

    status = 412


class TooLarge(RejectedError):
    """Raised when a body exceeds its limit."""

    status = 413


class UnsupportedType(RejectedError):
    """Raised when a body's type is not the expected one."""

    status = 415


class RangeNotSatisfiable(RejectedError):
    """Raised when a Range header names bytes that the file does not have."""

    status = 416


class Invalid(RejectedError):
    """Raised when a field's value is not acceptable; the text names the field and what it may be."""

    status = 422


class Locked(RejectedError):
    """Raised when another request is changing the same thing."""

    status = 423


class TooManyRequests(RejectedError):
    """Raised when a caller exceeds a limit: of attempts in a time, or of requests at the same time."""

    status = 429


class ChecksumMismatch(RejectedError):
    """Raised when a body is not what its checksum says (tus 1.0.0, "Checksum")."""

    status = 460


class Unavailable(RejectedError):
    """Raised when a dependency is down and the caller should try again."""

    status = 503

    def __init__(self, message: str, *, retry_after: int = 5) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})
