"""The errors of the commands. Each class has its own exit code, for scripts."""


class CliError(Exception):
    """An error with a message for the user. `code` is the stable code of the server, or one of the CLI's own."""

    exit_code = 1

    def __init__(self, message: str, code: str = "failed") -> None:
        super().__init__(message)
        self.code = code


class NotSignedIn(CliError):
    """Raised when there is no token, or it has expired."""

    exit_code = 3


class Unreachable(CliError):
    """Raised when the server does not answer or is unavailable."""

    exit_code = 4


class Refused(CliError):
    """Raised when the server rejects a request."""

    exit_code = 5


class ConversionFailed(CliError):
    """Raised when a video cannot be converted; message and code are those of the job."""

    exit_code = 6


class SummaryFailed(CliError):
    """Raised when a recording cannot be summarised; message and code are those of the summary."""

    exit_code = 7
