"""Reads a service's settings at start and tells an operator everything that is wrong with them at once."""

import sys
from typing import TypeVar

from pydantic import ValidationError

from common.runtime.settings import ServiceSettings

Settings = TypeVar("Settings", bound=ServiceSettings)

# gunicorn's own code for "the application failed to load", so that a supervisor sees one code for both.
EXIT_CONFIGURATION = 4


def configuration_errors(error: ValidationError) -> list[str]:
    """One line for each problem: the variable's name and what is wrong, never its value."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        name = "_".join(str(part) for part in problem["loc"][:1]).upper()
        text = "is missing" if problem["type"] == "missing" else problem["msg"].removeprefix("Value error, ")
        lines.append(f"{name}: {text}" if name else text)
    return lines


def load(settings: type[Settings]) -> Settings:
    """Returns the settings, or prints every problem by the variable's name and exits with 4."""
    try:
        return settings()
    except ValidationError as error:
        sys.stderr.write("The configuration is not usable. Set these environment variables and start again:\n")
        for line in configuration_errors(error):
            sys.stderr.write(f"  {line}\n")
        raise SystemExit(EXIT_CONFIGURATION) from None
