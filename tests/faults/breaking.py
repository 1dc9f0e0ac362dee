"""Causes faults, and waits for the recovery."""

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

# s. Until a killed server is restarted and everything that waited for it is done.
RECOVERY = 180


class Faults:
    """The faults of a test."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.touched: set[str] = set()
        self._stopped: list[psutil.Process] = []
        self._pids = stack.pids()

    def kill(self, program: str) -> None:
        """kill -9; the process manager restarts it."""
        self.touched.add(program)
        self.stack.kill(program)

    def stop(self, program: str) -> None:
        """Ends it until `start`."""
        self.touched.add(program)
        self.stack.stop(program)

    def start(self, program: str) -> None:
        """Starts it and waits until it is ready."""
        self.stack.start(program)
        self.stack.wait_ready(program, RECOVERY)

    def restart(self, program: str, **env: str) -> None:
        """Restarts it with other variables; without any, with its usual ones."""
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
        """Sets the behaviour of the mail server."""
        control = Path(self.stack.environment["MAIL_CONTROL"])
        draft = control.with_suffix(".new")
        draft.write_text(json.dumps({"mode": mode, **more}))
        draft.rename(control)

    def affected(self) -> set[str]:
        """Programs that the test did not touch and that have ended or restarted."""
        now = self.stack.pids()
        return {name for name, pid in self._pids.items() if now.get(name) != pid} - self.touched


def housekeeping(stack: Stack, **settings: str) -> None:
    """One pass, without the usual grace periods."""
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
    """Starts an upload; the result is its status, or None if the connection is lost."""
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
    """Returns a condition: the job is being converted."""
    return lambda: person.job(fid)["status"] == "converting"


def encoder(stack: Stack, program: str = "converter") -> psutil.Process | None:
    """The encoder that the worker is running, if there is one."""
    try:
        for child in psutil.Process(stack.pid(program)).children(recursive=True):
            if "ffmpeg" in child.name() and "libmp3lame" in child.cmdline():
                return child
    except (psutil.NoSuchProcess, psutil.ZombieProcess, StackError):
        return None
    return None


def ffmpeg_of(stack: Stack, program: str = "converter") -> psutil.Process:
    """Waits for the encoder of the worker."""
    return eventually(lambda: encoder(stack, program), what="an ffmpeg")
