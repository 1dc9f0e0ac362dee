"""The errors of the commands. Each class has its own exit code, for scripts: see `video2mp3 --help`."""


class CliError(Exception):
    """An error with a message for the user. `code` is the stable code of the server, or one of the CLI's own."""

    exit_code = 1

    def __init__(self, message: str, code: str = "failed") -> None:
        super().__init__(message)
        self.code = code


class WrongUsage(CliError):
    exit_code = 2


class NotSignedIn(CliError):
    exit_code = 3


class Unreachable(CliError):
    exit_code = 4


class Refused(CliError):
    exit_code = 5


class ConversionFailed(CliError):
    exit_code = 6


class SummaryFailed(CliError):
    exit_code = 7
