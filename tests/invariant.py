"""The invariant, looked up in the databases: what must be true whenever nothing is under way."""

from collections.abc import Iterator, Mapping
from typing import Any

import pika
import requests
from pymongo import MongoClient
from pymongo.database import Database

from common.domain.jobs import NOTIFIED
from tests.waiting import eventually


def violations(environment: Mapping[str, str], username: str | None = None) -> list[str]:
    """Everything that contradicts the invariant, in words; of one user's jobs, or of all."""
    with MongoClient(environment["MONGO_URI"], serverSelectionTimeoutMS=10_000) as client:
        videos, mp3s = client["videos"], client["mp3s"]
        owned = {"metadata.username": username} if username else {}
        jobs = {job["_id"]: job for job in videos["jobs"].find({"username": username} if username else {})}
        results: dict[object, list[object]] = {}
        for file in mp3s["fs.files"].find(owned):
            results.setdefault(file["metadata"]["video_fid"], []).append(file["_id"])
        found = [fault for fid, job in jobs.items() for fault in _faults(job, results.pop(fid, []))]
        found += [f"the MP3s {ids} belong to no job ({fid})" for fid, ids in results.items()]
        for file in videos["fs.files"].find(owned):
            if file["_id"] not in jobs or jobs[file["_id"]]["status"] == "deleted":
                found.append(f"the video {file['_id']} has no job")
        for database in (videos, mp3s):
            found += _torn_files(database, owned)
    return found


def _faults(job: Mapping[str, Any], mp3s: list[object]) -> Iterator[str]:
    fid, status = job["_id"], job["status"]
    if status not in {"completed", "failed", "deleted"}:
        yield f"job {fid} has not ended: {status}"
    # A job that failed in a retry keeps the MP3 of the earlier run.
    kept = status == "failed" and job["mp3_fid"] and job.get("round")
    expected = [job["mp3_fid"]] if status == "completed" or kept else []
    if mp3s != expected:
        yield f"job {fid} is {status} and has the MP3s {mp3s}, not {expected}"
    if status == "failed" and not job["error"]:
        yield f"job {fid} failed without a reason"
    if not job[NOTIFIED]:
        yield f"the owner of job {fid} ({status}) was not notified"


def _torn_files(database: Database[dict[str, Any]], owned: Mapping[str, Any]) -> Iterator[str]:
    count = {"$group": {"_id": "$files_id", "bytes": {"$sum": {"$binarySize": "$data"}}}}
    sizes = {row["_id"]: row["bytes"] for row in database["fs.chunks"].aggregate([count], allowDiskUse=True)}
    for file in database["fs.files"].find(owned):
        stored = sizes.pop(file["_id"], 0)
        if stored != file["length"]:
            yield f"{database.name} {file['_id']} has {stored} bytes of {file['length']}"
    if not owned:
        # Of uploads that can be resumed.
        for upload in database["uploads"].find({}, {"_id": 1}):
            sizes.pop(upload["_id"], None)
        yield from (f"chunks without a file in {database.name}: {fid}" for fid in sizes)


def depth(environment: Mapping[str, str], queue: str) -> int:
    """Messages that are ready in a queue."""
    connection = pika.BlockingConnection(pika.URLParameters(environment["RABBITMQ_URI"]))
    try:
        declared = connection.channel().queue_declare(queue, passive=True)
        return int(declared.method.message_count)
    finally:
        connection.close()


def unsettled(environment: Mapping[str, str]) -> dict[str, int]:
    """Messages that are ready, or delivered and not acknowledged, by queue; without dead letters and their count.

    The management API's numbers are some seconds old.
    """
    answer = requests.get(
        f"{environment['RABBITMQ_MANAGEMENT_URL']}/api/queues/%2F",
        auth=(environment["RABBITMQ_USER"], environment["RABBITMQ_PASSWORD"]),
        timeout=30,
    )
    answer.raise_for_status()
    queues = {queue["name"]: int(queue.get("messages", 0)) for queue in answer.json()}
    return {name: messages for name, messages in queues.items() if messages and ".dead" not in name}


def holds(environment: Mapping[str, str], username: str | None = None, seconds: float = 120) -> None:
    """Waits until the invariant holds; fails with what contradicts it."""

    def check() -> bool:
        found = violations(environment, username)
        assert not found, "\n".join(found[:20])
        return True

    eventually(check, seconds=seconds, pause=0.3, what="the invariant")
