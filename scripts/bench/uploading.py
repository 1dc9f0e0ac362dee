"""`upload`: through the gateway into GridFS, against a script's own `GridFS.put`, and against Flask's usual way."""

import shutil
import time
from collections.abc import Callable, Iterator

from gridfs import GridFS

from common.storage.bucket import Bucket
from scripts.bench import samples, servers
from scripts.bench.pairs import interleaved
from scripts.bench.results import Result, Target
from scripts.bench.system import Scale, System
from scripts.bench.usage import watching


def measure(system: System, scale: Scale) -> Iterator[Result]:
    """Speeds in MB/s, the gateway's memory, and its temporary disk."""
    path = samples.noise(scale.of(800, 20))
    megabytes = path.stat().st_size / 1e6

    def speed(upload: Callable[[], object]) -> float:
        begin = time.monotonic()
        upload()
        return megabytes / (time.monotonic() - begin)

    def ours() -> float:
        # The converters would begin with it, and find that noise is no video.
        system.stack.stop("converter")
        found = speed(lambda: system.upload(path))
        _forget(system)
        return found

    files = GridFS(system.client["bench"])

    def put() -> float:
        def run() -> None:
            with path.open("rb") as file:
                files.put(file, filename=path.name)

        found = speed(run)
        system.client.drop_database("bench")
        return found

    bucket = Bucket(system.client["bench"])

    def stored() -> float:
        def run() -> None:
            with path.open("rb") as file, bucket.create(path.name, "video/mp4", {}) as writer:
                shutil.copyfileobj(file, writer, 1 << 20)
                writer.finish()

        bucket.ensure_indexes()
        found = speed(run)
        system.client.drop_database("bench")
        return found

    with servers.flask(system.stack.environment["MONGO_URI"]) as peer:

        def spooled() -> float:
            found = speed(lambda: system.curl("--fail-with-body", "-F", f"file=@{path}", f"{peer}/upload"))
            system.client.drop_database("bench")
            return found

        try:
            yield Result("speed", "MB/s", *interleaved(scale.pairs, ours, put), "GridFS.put", Target(least=0.9))
            yield Result("speed", "MB/s", *interleaved(scale.pairs, ours, spooled), "Flask, spooled", Target(least=2))
            # What there is to be had: the gateway's writer with nothing before it.
            yield Result(
                "speed, the writer in a script",
                "MB/s",
                *interleaved(scale.pairs, stored, spooled),
                "Flask, spooled",
                Target(),
            )
            # Apart: who watches takes processor time from who is watched.
            with watching(system.stack.pid("gateway"), system.temporary) as usage:
                ours()
        finally:
            system.stack.start("converter")
            system.stack.wait_ready("converter")
    yield Result(f"{megabytes:.0f} MB: memory", "MB", [usage.memory], [], "", Target(most=120))
    yield Result(f"{megabytes:.0f} MB: temporary disk", "MB", [usage.disk], [], "", Target(most=1))


def _forget(system: System) -> None:
    """Removes what was uploaded, and its message."""
    for job in list(system.videos["jobs"].find({"username": system.email, "status": "queued"})):
        system.delete(job["_id"])
