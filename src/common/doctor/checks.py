"""Runs checks in order, and prints a line for each."""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TextIO
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from common.runtime.logs import one_line

# Characters of a detail that are shown.
_SHOWN = 200
# Shorter values could be ordinary words.
_SHORTEST_SECRET = 4


@dataclass(frozen=True)
class Check:
    """One step for one server. Once a step of a server has failed, its further steps are skipped."""

    server: str
    step: str
    run: Callable[[float], str]
    """Gets its timeout (s), returns what it found; raises if the step failed."""


@dataclass
class Doctor:
    """Prints the result of each check; values in `secrets` are replaced wherever they appear."""

    timeout: float
    secrets: frozenset[str] = frozenset()
    out: TextIO = field(default_factory=lambda: sys.stdout)

    def run(self, checks: Iterable[Check]) -> bool:
        """Returns whether all checks succeeded."""
        failed: set[str] = set()
        for check in checks:
            if check.server in failed:
                self._print("skipped", check, "an earlier step failed")
                continue
            started = time.monotonic()
            try:
                detail = within(self.timeout, check.run)
            except Exception as error:  # noqa: BLE001 - whatever fails is what is shown
                failed.add(check.server)
                self._print("FAILED", check, described(error))
            else:
                self._print("ok", check, f"{detail} ({(time.monotonic() - started) * 1000:.0f} ms)")
        return not failed

    def _print(self, result: str, check: Check, detail: str) -> None:
        for secret in self.secrets:
            detail = detail.replace(secret, "***")
        self.out.write(f"{result:<8} {check.server:<10} {check.step:<12} {one_line(detail)[:_SHOWN]}\n")
        self.out.flush()


def within(timeout: float, run: Callable[[float], str]) -> str:
    """Calls it with the timeout, and ends the wait for a call that ignores it, such as a lookup of a name."""
    result: Future[str] = Future()

    def call() -> None:
        try:
            result.set_result(run(timeout))
        except BaseException as error:  # noqa: BLE001 - raised in the waiting thread
            result.set_exception(error)

    threading.Thread(target=call, name="check", daemon=True).start()
    return result.result(timeout * 2)


def described(error: Exception) -> str:
    """What failed, without the name of a class where the text is enough."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def secrets_of(settings: BaseSettings) -> frozenset[str]:
    """The secret values of the settings, and the passwords in their addresses."""
    return frozenset(value for value in _secrets(settings) if len(value) >= _SHORTEST_SECRET)


def _secrets(settings: BaseSettings) -> Iterator[str]:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            text = value.get_secret_value()
            yield text
            if "://" in text and (password := urlsplit(text).password):
                yield from (password, unquote(password))
