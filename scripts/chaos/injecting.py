"""Carries out the planned faults, one after the other, and resumes what it suspended."""

import sched
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from scripts.chaos.plan import Action, Fault
from scripts.chaos.targets import TARGETS, candidates, family
from scripts.stack import StackError

_SIGNALS = {Action.KILL: signal.SIGKILL, Action.TERMINATE: signal.SIGTERM}
# s, and between two looks. An ffmpeg runs only during a conversion, and a killed program is about to be started again.
_WAIT, _PAUSE = 5.0, 0.05
# s for which a primary that steps down cannot be elected again, and which it waits for a secondary to catch up.
_STEP_DOWN, _CATCH_UP = 10, 5


@dataclass(frozen=True)
class Injected:
    fault: Fault
    what: str
    """The program, and its process id; or why there was no fault."""
    done: bool


class Injector:
    """Runs in one thread of its own; `stop` ends it early. `pids` returns the running programs."""

    def __init__(self, pids: Callable[[], Mapping[str, int]], mongo_uri: str, faults: Sequence[Fault]) -> None:
        self.injected: list[Injected] = []
        self._pids = pids
        self._mongo_uri = mongo_uri
        self._suspended: set[psutil.Process] = set()
        self._stop = threading.Event()
        self._begin = time.monotonic()
        self._schedule = sched.scheduler(time.monotonic, self._stop.wait)
        for fault in faults:
            self._schedule.enterabs(self._begin + fault.at, 1, self._next, (fault,))
        self._thread = threading.Thread(target=self._schedule.run, name="faults", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wait(self) -> None:
        """Returns when all faults have happened and all suspended processes run again."""
        self._thread.join()

    def stop(self) -> None:
        """Cancels what is planned, and resumes all suspended processes."""
        self._stop.set()
        while True:
            for event in self._schedule.queue:
                # It may have happened meanwhile.
                with suppress(ValueError):
                    self._schedule.cancel(event)
            if not self._thread.is_alive():
                break
            self._thread.join(0.1)
        self._resume(list(self._suspended))

    def _next(self, fault: Fault) -> None:
        if self._stop.is_set():
            return
        try:
            result = Injected(fault, self._inject(fault), done=True)
        except (LookupError, StackError, psutil.Error, PyMongoError) as error:
            result = Injected(fault, f"{type(error).__name__}: {error}", done=False)
        self.injected.append(result)
        length = f" for {fault.seconds:.1f} s" if fault.seconds else ""
        outcome = "" if result.done else "no fault: "
        print(f"{fault.at:7.1f} s  {fault.action} {fault.target}{length} ({outcome}{result.what})", file=sys.stderr)

    def _inject(self, fault: Fault) -> str:
        if fault.action is Action.STEP_DOWN:
            return self._step_down()
        program, process = self._choose(fault)
        alone = bool(TARGETS[fault.target].children)
        victims = family(process, alone=alone)
        if fault.action is Action.SUSPEND:
            for victim in victims:
                self._suspended.add(victim)
                with suppress(psutil.NoSuchProcess):
                    victim.suspend()
            self._schedule.enter(fault.seconds, 0, self._resume, (victims,))
        else:
            # SIGKILL ends the children too, as in a container; SIGTERM is for the program, which ends them.
            for victim in victims if fault.action is Action.KILL else [process]:
                with suppress(psutil.NoSuchProcess):
                    victim.send_signal(_SIGNALS[fault.action])
        return f"{program}, process {process.pid}"

    def _choose(self, fault: Fault) -> tuple[str, psutil.Process]:
        """Raises LookupError if no process of the target runs for some seconds."""
        deadline = time.monotonic() + _WAIT
        while time.monotonic() < deadline:
            if found := candidates(TARGETS[fault.target], self._pids()):
                return found[int(fault.pick * len(found))]
            time.sleep(_PAUSE)
        raise LookupError("no such process was running")

    def _step_down(self) -> str:
        client: MongoClient[dict[str, Any]] = MongoClient(
            self._mongo_uri, serverSelectionTimeoutMS=5000, socketTimeoutMS=10_000
        )
        with client:
            client.admin.command("replSetStepDown", _STEP_DOWN, secondaryCatchUpPeriodSecs=_CATCH_UP)
        return "the primary"

    def _resume(self, processes: Sequence[psutil.Process]) -> None:
        for process in processes:
            self._suspended.discard(process)
            # psutil compares start times: a process that took over the id gets no signal.
            with suppress(psutil.NoSuchProcess):
                process.resume()
