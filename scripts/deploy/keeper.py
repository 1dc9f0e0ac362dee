"""Keeps one port-forward alive: `python -m scripts.deploy.keeper RECORD`, one process a forward.

kubectl's port-forward is bound to one pod and ends, or hangs, when that pod is replaced. The keeper starts it again,
and asks over HTTP whether it still leads somewhere.
"""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from scripts.deploy import folders
from scripts.deploy.process_identity import Process

# s between two starts: at once after a replaced pod, slower while there is none.
_FIRST_PAUSE, _LAST_PAUSE = 0.5, 5.0
# s. A forward that lasted this long was a good one.
_GOOD = 10.0
# s between two questions, for an answer, and how many may stay without one in a row: a pod may be busy.
_EVERY, _ANSWER, _FAILURES = 2.0, 10.0, 3


class Keeper:
    """One forward, until SIGTERM."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._record = json.loads(path.read_text())
        me = Process.of(os.getpid())
        assert me is not None  # it runs
        self._record |= me.record
        folders.write_json(path, self._record)
        self._ended = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Returns after SIGTERM, its child ended."""
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        pause = _FIRST_PAUSE
        while not self._ended.is_set():
            seconds = self._forward(self._record["command"])
            if self._ended.is_set():
                return
            pause = _FIRST_PAUSE if seconds >= _GOOD else min(2 * pause, _LAST_PAUSE)
            _log(f"The port-forward ended; starting it again in {pause:g} s.")
            self._ended.wait(pause)

    def _end(self, *_: object) -> None:
        self._ended.set()
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                self._child.terminate()

    def _forward(self, command: Sequence[str]) -> float:
        """Runs kubectl until it ends or leads nowhere; returns how many seconds that was."""
        began = datetime.now(UTC)
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as child:
            self._child = child
            try:
                self._note(child.pid)
                if self._ended.is_set():  # the signal came before there was a child
                    child.terminate()
                self._watch(child)
            finally:
                self._child = None
                if child.poll() is None:
                    child.kill()
        return (datetime.now(UTC) - began).total_seconds()

    def _watch(self, child: subprocess.Popen[bytes]) -> None:
        failures = 0
        while True:
            try:
                child.wait(_EVERY)
            except subprocess.TimeoutExpired:
                try:
                    failures = 0 if self._answers() else failures + 1
                except (OSError, http.client.HTTPException):  # the pod is going, and takes no more connections
                    failures = _FAILURES
                if failures >= _FAILURES:
                    _log("It leads nowhere any more.")
                    child.terminate()
                    failures = 0
            else:
                return

    def _answers(self) -> bool:
        """False when no answer came in time. Raises when the connection was refused or broken off."""
        connection = http.client.HTTPConnection("127.0.0.1", self._record["port"], timeout=_ANSWER)
        try:
            connection.request("GET", self._record["probe"])
            connection.getresponse().read()
        except TimeoutError:
            return False
        else:
            return True
        finally:
            connection.close()

    def _note(self, pid: int) -> None:
        """If this process is killed, `stop` still knows the child."""
        child = Process.of(pid)
        self._record["child"] = child.record if child else None
        folders.write_json(self._path, self._record)


def _log(sentence: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {sentence}", flush=True)


if __name__ == "__main__":
    Keeper(Path(sys.argv[1])).run()
