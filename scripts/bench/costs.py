"""`costs`: what a video costs each part of the system, from videos of two lengths, for the simulation."""

import datetime
import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from scripts.bench import report, samples
from scripts.bench.results import Result, Target, progress
from scripts.bench.system import TIMEOUT, Scale, System
from scripts.bench.usage import processor_time

FILE = Path(__file__).with_name("costs.json")
_MEGABYTE = 1e6
# The programs of the stack by what they cost.
_PROGRAMS = {
    "converter processor": ("converter",),
    "gateway processor": ("gateway", "gateway-nginx"),
    "auth processor": ("auth",),
    "notification processor": ("notification",),
    "MongoDB processor": ("mongodb",),
    "RabbitMQ processor": ("rabbitmq",),
}
_OPERATIONS = ("insert", "query", "update", "delete", "getmore")
# s between two looks at a job.
_EVERY = 0.2


@dataclass(frozen=True)
class Straight:
    """A cost that grows with the length of the video."""

    fixed: float
    """Of each job."""
    rate: float
    """For each second of video."""

    @classmethod
    def through(cls, short: tuple[float, float], long: tuple[float, float]) -> "Straight":
        """Through two points: s of video, and the cost. Noise can make neither part negative."""
        rate = max(0.0, (long[1] - short[1]) / (long[0] - short[0]))
        return cls(max(0.0, short[1] - rate * short[0]), rate)


def measure(system: System, scale: Scale) -> Iterator[Result]:
    """Uploads and converts videos of two lengths, one at a time; what the idle system costs meanwhile is subtracted."""
    lengths = (scale.of(60, 5), scale.of(300, 20))
    numbers = (scale.of(12, 2), scale.of(3, 1))
    # While others wait, which is the case at the loads that matter, a video has one encoder.
    system.stack.restart("converter", {"CONVERTER_THREADS": "1"})
    # An email for each job, as for accounts that upload one video at a time.
    system.stack.restart("notification", {"EMAIL_DIGEST_SECONDS": "0"})
    for length in lengths:
        _convert(system, length)
    idle = _idle(system, scale.of(60, 5))
    found = [_cost_of(system, length, number, idle) for length, number in zip(lengths, numbers, strict=True)]
    for name in found[0]:
        line = Straight.through((lengths[0], found[0][name]), (lengths[1], found[1][name]))
        unit = _unit(name)
        yield Result(f"{name}, of each job", unit, [line.fixed], [], "", Target())
        yield Result(f"{name}, for each second of video", unit, [line.rate], [], "", Target())


def save(results: Sequence[Result]) -> None:
    """Puts the figures into costs.json, which keeps its other parts."""
    source = f"./scripts/bench/run.sh costs --write, {datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {report.machine()}"
    source = re.sub(r"; load.*", "", source)
    content = json.loads(FILE.read_text())
    measured: dict[str, dict[str, Any]] = {}
    for result in results:
        name, _, part = result.name.partition(", ")
        key = "fixed" if part == "of each job" else "per_second"
        known = measured.setdefault(_key(name), {"unit": result.unit, "source": source})
        known[key] = float(f"{result.value:.4g}")
    content["measured"] = {**content["measured"], **measured}
    FILE.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _key(name: str) -> str:
    return name.lower().replace(" ", "_")


def _unit(name: str) -> str:
    words = {"processor": "s", "time": "s", "operations": "operations", "messages": "messages"}
    return words.get(name.rpartition(" ")[2], "MB")


def _cost_of(system: System, length: int, number: int, idle: dict[str, float]) -> dict[str, float]:
    before = _counters(system)
    begin = time.monotonic()
    walls, looks = [], 0
    for one in range(number):
        wall, looked = _convert(system, length)
        walls.append(wall)
        looks += looked
        progress(f"{length} s: {one + 1}/{number}")
    _settled(system)
    passed = time.monotonic() - begin
    after = _counters(system)
    cost = {name: (after[name] - before[name] - idle[name] * passed) / number for name in before}
    cost["MongoDB operations"] -= looks / number
    return {"converter time": sum(walls) / number, **cost}


def _convert(system: System, length: int) -> tuple[float, int]:
    """Uploads a video and waits until its notice is handled; s from the upload to the MP3, and how often it looked."""
    fid = system.upload(samples.mp4(length))
    begin = time.monotonic()
    looks, wall = 0, 0.0
    while time.monotonic() - begin < TIMEOUT:
        looks += 1
        job = system.videos["jobs"].find_one({"_id": fid}) or {}
        if job.get("status") == "failed":
            raise RuntimeError(f"the job {fid} failed: {job['error']}")
        if job.get("status") == "completed":
            wall = wall or time.monotonic() - begin
            if job.get("notice_sent"):
                return wall, looks
        time.sleep(_EVERY)
    raise RuntimeError(f"the job {fid} did not end")


def _settled(system: System) -> None:
    """Waits until MongoDB has written everything to its files, so that it is counted."""
    system.client.admin.command("fsync")


def _idle(system: System, seconds: int) -> dict[str, float]:
    """What everything costs in a second without jobs."""
    _settled(system)
    before, begin = _counters(system), time.monotonic()
    time.sleep(seconds)
    _settled(system)
    after, passed = _counters(system), time.monotonic() - begin
    progress(f"idle for {passed:.0f} s")
    return {name: (after[name] - before[name]) / passed for name in before}


def _counters(system: System) -> dict[str, float]:
    """Counters since the start of the stack."""
    status = system.client.admin.command("serverStatus")
    written = status["wiredTiger"]["block-manager"]["bytes written"] + status["wiredTiger"]["log"]["log bytes written"]
    pids = system.stack.pids()
    return {
        **{name: sum(processor_time(pids[one]) for one in programs) for name, programs in _PROGRAMS.items()},
        "MongoDB received": status["network"]["bytesIn"] / _MEGABYTE,
        "MongoDB sent": status["network"]["bytesOut"] / _MEGABYTE,
        "MongoDB disk": written / _MEGABYTE,
        "MongoDB oplog": _oplog(system) / _MEGABYTE,
        "MongoDB operations": sum(status["opcounters"][kind] for kind in _OPERATIONS),
        "RabbitMQ messages": sum(_deliveries(system, name) for name in ("converter", "notification")),
    }  # fmt: skip


def _oplog(system: System) -> float:
    """Bytes of all entries: a stack is too young for any to have been removed."""
    return float(system.client["local"].command("collStats", "oplog.rs")["size"])


def _deliveries(system: System, program: str) -> float:
    """Messages that a worker has handled: each was published, delivered and acknowledged."""
    text = requests.get(f"http://127.0.0.1:{system.stack.state.ports[program]}/metrics", timeout=60).text
    return sum(float(value) for value in re.findall(r"^video2mp3_deliveries_total\{.*\} (\S+)$", text, re.MULTILINE))
