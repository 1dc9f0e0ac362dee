"""Breaks things on purpose, and finds out whether they mend."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psutil
import requests
from pymongo import MongoClient

from scripts.stack import Stack, StackError
from tests import invariant, media
from tests.person import Person
from tests.waiting import eventually

# s. A server that was killed is back and everything that waited for it has been done.
RECOVERY = 180


class Faults:
    """What a test breaks, and on purpose."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.touched: set[str] = set()
        self._stopped: list[psutil.Process] = []
        self._pids = stack.pids()

    def kill(self, program: str) -> None:
        """kill -9; the process manager starts it again."""
        self.touched.add(program)
        self.stack.kill(program)

    def stop(self, program: str) -> None:
        """Ends it until `start`."""
        self.touched.add(program)
        self.stack.stop(program)

    def start(self, program: str) -> None:
        """Starts it again and waits for it."""
        self.stack.start(program)
        self.stack.wait_ready(program, RECOVERY)

    def restart(self, program: str, **env: str) -> None:
        """Starts it anew with other variables; without any, with its usual ones."""
        self.touched.add(program)
        self.stack.restart(program, env=env, timeout=RECOVERY)

    def freeze(self, process: psutil.Process) -> None:
        """SIGSTOP, until the test is over at the latest."""
        process.suspend()
        self._stopped.append(process)

    def hang(self, program: str) -> None:
        """SIGSTOP for all its processes: it keeps its connections and does not answer."""
        main = psutil.Process(self.stack.pid(program))
        for process in [main, *main.children(recursive=True)]:
            self.freeze(process)

    def thaw(self) -> None:
        """SIGCONT for everything that was frozen."""
        while self._stopped:
            process = self._stopped.pop()
            if process.is_running():
                process.resume()

    def mail(self, mode: str, **more: object) -> None:
        """How the mail server treats its clients from now on."""
        control = Path(self.stack.environment["MAIL_CONTROL"])
        draft = control.with_suffix(".new")
        draft.write_text(json.dumps({"mode": mode, **more}))
        draft.rename(control)

    def fallen(self) -> set[str]:
        """Programs that were not touched and run no more, or as another process."""
        now = self.stack.pids()
        return {name for name, pid in self._pids.items() if now.get(name) != pid} - self.touched


def housekeeping(stack: Stack, **settings: str) -> None:
    """One pass, by an operator who knows that nothing is under way."""
    subprocess.run(
        [sys.executable, "-m", "gateway.housekeeping"],
        env={
            **os.environ,
            **stack.program("housekeeping").environment,
            "ORPHAN_GRACE": "0",
            "PUBLISH_GRACE": "0",
            "ORPHAN_MINIMUM": "10000",
            **settings,
        },
        check=True,
        timeout=120,
    )


def recovered(stack: Stack, environment: dict[str, str]) -> None:
    """Waits for the invariant, with the housekeeping that a CronJob would do."""
    deadline = time.monotonic() + RECOVERY
    while found := invariant.violations(environment):
        assert time.monotonic() < deadline, "\n".join(found[:20])
        time.sleep(1)
        if not any("has not ended" in line for line in found):
            housekeeping(stack)


def uploading(stack: Stack, person: Person, megabytes: int) -> "Future[int | None]":
    """Begins an upload; gives the status it ends with, None when the connection breaks."""
    path = media.large(megabytes, media.CACHE)

    def upload() -> int | None:
        try:
            return person.upload(path).status_code
        except requests.RequestException:
            return None

    pool = ThreadPoolExecutor(1, thread_name_prefix="upload")
    status = pool.submit(upload)
    pool.shutdown(wait=False)
    with MongoClient(stack.environment["MONGO_URI"]) as client:
        videos = client["videos"]

        def begun() -> bool:
            """Whether chunks of a file that has no record yet are in the database."""
            newest = videos["fs.chunks"].find_one({}, {"files_id": 1}, sort=[("_id", -1)])
            return newest is not None and videos["fs.files"].find_one({"_id": newest["files_id"]}) is None

        eventually(begun, pause=0.02, what="the upload")
    return status


def converting(person: Person, fid: str) -> Callable[[], bool]:
    """Whether that job is being converted, and visibly so."""
    return lambda: person.job(fid)["status"] == "converting"


def encoder(stack: Stack, program: str = "converter") -> psutil.Process | None:
    """The encoder that the worker runs now, if it runs one."""
    try:
        for child in psutil.Process(stack.pid(program)).children(recursive=True):
            if "ffmpeg" in child.name() and "libmp3lame" in child.cmdline():
                return child
    except (psutil.NoSuchProcess, psutil.ZombieProcess, StackError):
        return None
    return None


def ffmpeg_of(stack: Stack, program: str = "converter") -> psutil.Process:
    """The encoder that the worker runs, as soon as it runs one."""
    return eventually(lambda: encoder(stack, program), what="an ffmpeg")
