"""The state of what a process depends on: shown by a metric and `/status`, and never a reason to be unready."""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from common.errors import RejectedError, TransientError
from common.runtime import metrics

log = logging.getLogger(__name__)

# Raises TransientError (or a RejectedError) when its dependency does not answer.
Check = Callable[[], None]

# s. How long a report waits for an answer, and how long an answer is used for further reports.
TIMEOUT = 3.0
FRESH = 5.0


class Dependency:
    """Checked by at most one thread at a time."""

    def __init__(self, name: str, check: Check) -> None:
        self.name = name
        self._check = check
        self._lock = threading.Lock()
        self._running: threading.Thread | None = None
        self._checked_at = float("-inf")
        self._up: bool | None = None

    def refresh(self, fresh: float) -> threading.Thread | None:
        """Returns the thread that checks it, None while the last answer is at most `fresh` seconds old."""
        with self._lock:
            if self._running is None and time.monotonic() - self._checked_at > fresh:
                # Daemon threads: a dependency that does not answer must not delay the end of the process.
                self._running = threading.Thread(target=self._run, name=f"check-{self.name}", daemon=True)
                self._running.start()
            return self._running

    def late(self) -> None:
        """Records that its check did not end in time; the check continues."""
        with self._lock:
            if self._running is not None:
                self._record("no answer in time")

    @property
    def up(self) -> bool:
        return self._up is True

    def _run(self) -> None:
        error: str | None = None
        try:
            self._check()
        except (TransientError, RejectedError) as failure:
            error = str(failure)
        except Exception as failure:
            log.exception("The check of %s failed unexpectedly", self.name)
            error = type(failure).__name__
        with self._lock:
            self._record(error)
            self._checked_at = time.monotonic()
            self._running = None

    def _record(self, error: str | None) -> None:
        up = error is None
        if not up and self._up is not False:
            log.warning("Dependency unavailable: %s: %s", self.name, error)
        elif up and self._up is False:
            log.info("Dependency available again: %s", self.name)
        self._up = up
        metrics.DEPENDENCY_UP.labels(self.name).set(up)


class Dependencies:
    def __init__(self, checks: Mapping[str, Check], *, timeout: float = TIMEOUT, fresh: float = FRESH) -> None:
        self._all = [Dependency(name, check) for name, check in checks.items()]
        self._timeout = timeout
        self._fresh = fresh

    def report(self) -> dict[str, bool]:
        """Whether each dependency is up, by name; also sets the metric. Returns within `timeout` seconds."""
        deadline = time.monotonic() + self._timeout
        running = [(dependency, dependency.refresh(self._fresh)) for dependency in self._all]
        for dependency, thread in running:
            if thread is not None:
                thread.join(max(0.0, deadline - time.monotonic()))
                if thread.is_alive():
                    dependency.late()
        return {dependency.name: dependency.up for dependency in self._all}
