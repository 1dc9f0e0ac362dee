"""What can go wrong, each with the exit code that a script can tell it by."""


class CliError(Exception):
    """Raised with a sentence for the person at the terminal."""

    exit_code = 1


class NotSignedIn(CliError):
    """Raised when there is no token, or it has expired."""

    exit_code = 3


class Unreachable(CliError):
    """Raised when the server does not answer."""

    exit_code = 4


class Refused(CliError):
    """Raised when the server refuses a request; the text is the server's."""

    exit_code = 5


class ConversionFailed(CliError):
    """Raised when a video cannot be converted; the text is the server's reason."""

    exit_code = 6


class SummaryFailed(CliError):
    """Raised when a recording cannot be summarised; the text is the server's reason."""

    exit_code = 7
