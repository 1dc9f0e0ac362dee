"""The errors of the commands. Each class has its own exit code, for scripts: see `video2mp3 --help`."""

from typing import Any


class CliError(Exception):
    """An error with a message for the user. `code` is the stable code of the server, or one of the CLI's own."""

    exit_code = 1

    def __init__(self, message: str, code: str = "failed", *, retry_after: float | None = None) -> None:
        """`retry_after` is in seconds: when the server said that the request may be repeated."""
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


class WrongUsage(CliError):
    exit_code = 2


class NotSignedIn(CliError):
    exit_code = 3


class Unreachable(CliError):
    """The server does not answer, or answers with a status from 500: the request may be repeated."""

    exit_code = 4


class Refused(CliError):
    """The server rejected the request: repeating it does not help."""

    exit_code = 5


class Missing(Refused):
    """What the request is about does not exist, or not any more."""


class Busy(Refused):
    """The server rejected the request for now: it may be repeated."""


class ConversionFailed(CliError):
    exit_code = 6

    def __init__(self, message: str, code: str, job: dict[str, Any] | None = None) -> None:
        super().__init__(message, code)
        self.job = job


class SummaryFailed(CliError):
    exit_code = 7


class Stopped(CliError):
    """The command was interrupted. 130 is what shells report for Ctrl-C."""

    exit_code = 130
