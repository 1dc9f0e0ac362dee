"""`python -m common.doctor [SERVICE] [--timeout SECONDS]`: one line for each check; exits with 1 if one failed."""

import argparse
import importlib
from collections.abc import Iterable
from pathlib import Path

from pydantic_settings import BaseSettings

from common.doctor.checks import Check, Doctor, secrets_of
from common.runtime import logs


def main(arguments: list[str] | None = None) -> int:
    """Checks from inside a pod whether the service can use each server that it depends on. Changes nothing."""
    services = sorted(path.parent.name for path in Path(__file__).parents[2].glob("*/doctor.py"))
    parser = argparse.ArgumentParser(prog="python -m common.doctor", description=main.__doc__)
    parser.add_argument(
        "service", nargs="?", choices=services, default=services[0] if len(services) == 1 else None,
        help="needed outside of an image, which has one service only",
    )  # fmt: skip
    parser.add_argument("--timeout", type=float, default=5.0, metavar="SECONDS", help="of each check (default: 5)")
    options = parser.parse_args(arguments)
    if options.service is None:
        parser.error(f"which service? One of {', '.join(services)}.")
    # The lines of the checks say everything.
    logs.configure("CRITICAL")
    settings, checks = _of(options.service)
    return 0 if Doctor(options.timeout, secrets_of(settings)).run(checks) else 1


def _of(service: str) -> tuple[BaseSettings, Iterable[Check]]:
    found: tuple[BaseSettings, Iterable[Check]] = importlib.import_module(f"{service}.doctor").checks()
    return found


if __name__ == "__main__":
    raise SystemExit(main())
