"""A worker that stops at a named point, with all its threads, as with SIGSTOP, until it is resumed."""

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator

from common.runtime import checkpoints
from common.runtime.checkpoints import Point
from tests.waiting import eventually

# s. Longer than anything that a rival does meanwhile, on a busy machine.
_LONGEST = 60

_started: list["Worker"] = []
_current: contextvars.ContextVar["Worker | None"] = contextvars.ContextVar("worker", default=None)


class Worker:
    """Runs `work` in a thread until it gets to `point`; `on` has what others do when it passes an earlier point."""

    def __init__(self, work: Callable[[], object], point: Point, on: dict[Point, Callable[[], object]] | None = None):
        self.error: BaseException | None = None
        self._work = work
        self._point = point
        self._on = on or {}
        self._reached = threading.Event()
        self._resumed = threading.Event()
        context = contextvars.copy_context()
        context.run(_current.set, self)
        self._thread = threading.Thread(target=context.run, args=(self._run,), name="stopped worker", daemon=True)
        _started.append(self)
        self._thread.start()
        eventually(
            lambda: self._reached.is_set() or not self._thread.is_alive(), pause=0.005, what=f"the point {point}"
        )
        assert self._reached.is_set(), f"it ended without getting to {point}: {self.error!r}"

    def resume(self) -> BaseException | None:
        """Resumes it until its end; returns the error that it raised, which decides how its message is settled."""
        self._resumed.set()
        self._thread.join(_LONGEST)
        assert not self._thread.is_alive()
        return self.error

    def pass_by(self, point: Point) -> None:
        """Called in each of its threads at each point."""
        if action := self._on.pop(point, None):
            action()
        if point is self._point:
            self._reached.set()
        # The thread that renews its lease stops at its next point.
        if self._reached.is_set():
            assert self._resumed.wait(_LONGEST), "it was not resumed"

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001  it is the test's to judge
            self.error = error


@contextlib.contextmanager
def installed() -> Iterator[None]:
    """Installs the hook for the workers above."""

    def hook(point: Point) -> None:
        worker = _current.get()
        if worker is not None:
            worker.pass_by(point)

    checkpoints.install(hook)
    try:
        yield
    finally:
        checkpoints.install(None)
        # The workers of a test that failed.
        while _started:
            _started.pop().resume()
