"""What a program may reach: its own binary, the system's libraries, and files that it writes into its folder."""

import logging
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from converter.sandbox import kernel, landlock, seccomp
from converter.sandbox.landlock import Access

log = logging.getLogger(__name__)

T = TypeVar("T")

# s for the first start of a program.
_START = 60.0
_SYSTEM = [Path(one) for one in ("/usr", "/lib", "/lib64", "/etc/ld.so.cache")]
_READ = Access.READ_FILE | Access.READ_DIR | Access.EXECUTE
# Files that exist cannot be read, so that a program cannot reach what others have written there.
_WRITE = Access.WRITE_FILE | Access.MAKE_REG | Access.TRUNCATE


class Unavailable(Exception):
    """The kernel or the container runtime denies a part of the sandbox; the text says which and what to do."""


@dataclass(frozen=True)
class Sandbox:
    files: bool
    """Whether Landlock hides files and other processes."""
    calls: bool
    """Whether a filter denies the network and other processes."""

    @classmethod
    def detect(cls, *, required: bool = False) -> "Sandbox":
        """What this machine supports; logs what it does not, or raises Unavailable if all of it is `required`."""
        missing = set()
        for name, restrict, consequence in _LAYERS:
            try:
                _try_out(restrict)
            except OSError as error:
                text = f"The sandbox of ffmpeg is incomplete ({error}): without {name}, {consequence}."
                if required:
                    raise Unavailable(f"{text} Use nodes that support {name}, or set SANDBOX=auto.") from error
                log.warning("%s", text)
                missing.add(name)
        return cls(files="Landlock" not in missing, calls="seccomp" not in missing)

    def check(self, program: str) -> None:
        """Raises Unavailable if the program does not start in the sandbox."""
        folder = Path(tempfile.gettempdir())
        command = partial(subprocess.run, [program, "-version"], stdin=subprocess.DEVNULL, capture_output=True, env={})
        try:
            with started(partial(command, timeout=_START), lambda: self.confine(program, folder)) as finished:
                finished.check_returncode()
        except (OSError, subprocess.SubprocessError) as error:
            output = getattr(error, "stderr", None) or b""
            raise Unavailable(
                f"ffmpeg does not start in its sandbox: {error} {output[-500:].decode(errors='replace')}\n"
                "Set FFMPEG_BINARY to a static one, or to one whose libraries are in /usr or /lib, or set SANDBOX=off."
            ) from error

    def confine(self, program: str, folder: Path) -> None:
        """Confines the calling thread, and all that it starts, to running `program` in `folder`; raises OSError."""
        kernel.give_up_new_privileges()
        if self.files:
            own = {Path(program): _READ} if Path(program).is_absolute() else {}
            system = dict.fromkeys(_SYSTEM, _READ)
            # Not the files: `subprocess` lists /proc/self/fd, and otherwise tries to close all possible descriptors.
            processes = {Path("/proc"): Access.READ_DIR}
            null = {Path(os.devnull): Access.READ_FILE | Access.WRITE_FILE | Access.TRUNCATE}
            landlock.restrict({**system, **own, **processes, **null, folder: _WRITE})
        if self.calls:
            _filter()


@contextmanager
def started(start: Callable[[], T], confine: Callable[[], None]) -> Iterator[T]:
    """Calls `start` in a thread that `confine` has restricted; yields its result, or raises its error.

    The thread lives as long as the block, because PDEATHSIG is sent when the thread that started a process ends.
    """
    result: Future[T] = Future()
    done = threading.Event()

    def body() -> None:
        try:
            confine()
            result.set_result(start())
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits for the result
            result.set_exception(error)
            return
        done.wait()

    thread = threading.Thread(target=body, name="starter", daemon=True)
    thread.start()
    try:
        yield result.result()
    finally:
        done.set()
        thread.join()


def _filter() -> None:
    if not seccomp.supported():
        raise OSError("the system calls of this processor are unknown")
    seccomp.restrict()


def _try_out(restrict: Callable[[], None]) -> None:
    """Restricts a thread that ends at once."""

    def confine() -> None:
        kernel.give_up_new_privileges()
        restrict()

    with started(lambda: None, confine):
        pass


_LAYERS: tuple[tuple[str, Callable[[], None], str], ...] = (
    ("Landlock", lambda: landlock.restrict({}), "ffmpeg can read all files that the converter can read"),
    ("seccomp", _filter, "ffmpeg can reach all servers that the converter can reach"),
)
