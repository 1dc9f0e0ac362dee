"""`upload` and `download`: the gateway against GridFS, Flask's usual way and nginx with sendfile."""

import shutil
from collections.abc import Callable, Iterator

from gridfs import GridFS

from common.storage.bucket import Bucket
from scripts.bench import samples, servers
from scripts.bench.results import Result, Target, interleaved, seconds
from scripts.bench.system import Scale, System
from scripts.bench.usage import watching


def measure_upload(system: System, scale: Scale) -> Iterator[Result]:
    """Speeds in MB/s, the gateway's memory, and its temporary disk."""
    path = samples.noise(scale.of(800, 20))
    megabytes = path.stat().st_size / 1e6
    files, bucket = GridFS(system.client["bench"]), Bucket(system.client["bench"])

    def own() -> float:
        # Converters would start, and fail because random bytes are no video.
        system.stack.stop("converter")
        found = megabytes / seconds(lambda: system.upload(path))
        for job in list(system.videos["jobs"].find({"username": system.email, "status": "queued"})):
            system.delete(job["_id"])
        return found

    def speed(store: Callable[[], object]) -> float:
        found = megabytes / seconds(store)
        system.client.drop_database("bench")
        return found

    def put() -> None:
        with path.open("rb") as file:
            files.put(file, filename=path.name)

    def write() -> None:
        with path.open("rb") as file, bucket.create(path.name, "video/mp4", {}) as writer:
            shutil.copyfileobj(file, writer, 1 << 20)
            writer.finish()

    def stored() -> float:
        bucket.ensure_indexes()
        return speed(write)

    with servers.flask(system.stack.environment["MONGO_URI"]) as peer:

        def spooled() -> float:
            return speed(lambda: system.curl("--fail-with-body", "-F", f"file=@{path}", f"{peer}/upload"))

        try:
            pairs = interleaved(scale.pairs, own, lambda: speed(put))
            yield Result("speed", "MB/s", *pairs, "GridFS.put", Target(least=0.9))
            yield Result("speed", "MB/s", *interleaved(scale.pairs, own, spooled), "Flask, spooled", Target(least=2))
            # The upper bound: the gateway's writer without a request.
            pairs = interleaved(scale.pairs, stored, spooled)
            yield Result("speed, the writer in a script", "MB/s", *pairs, "Flask, spooled", Target())
            # Separately: watching takes processor time from the watched process.
            with watching(system.stack.pid("gateway"), system.temporary) as usage:
                own()
        finally:
            system.stack.start("converter")
            system.stack.wait_ready("converter")
    yield Result(f"{megabytes:.0f} MB: memory", "MB", [usage.memory], [], "", Target(most=120))
    yield Result(f"{megabytes:.0f} MB: temporary disk", "MB", [usage.disk], [], "", Target(most=1))


def measure_download(system: System, scale: Scale) -> Iterator[Result]:
    """Speeds in MB/s, and the gateway's memory."""
    path = samples.noise(scale.of(800, 20))
    megabytes = path.stat().st_size / 1e6
    bucket = Bucket(system.mp3s)
    with bucket.create("bench.mp3", "audio/mpeg", {"username": system.email}) as writer, path.open("rb") as file:
        shutil.copyfileobj(file, writer, 1 << 20)
        fid = writer.finish()

    def download(url: str) -> None:
        got = system.curl("--fail-with-body", "-o", "/dev/null", "-w", "%{size_download}", url)
        if int(got) != path.stat().st_size:
            raise RuntimeError(f"{url} gave {got} bytes")

    def speed(url: str) -> float:
        return megabytes / seconds(lambda: download(url))

    try:
        own = f"{system.url}/download?fid={fid}"
        with servers.nginx(samples.CACHE) as nginx:
            pairs = interleaved(scale.pairs, lambda: speed(own), lambda: speed(f"{nginx}/{path.name}"))
        with watching(system.stack.pid("gateway"), system.temporary) as usage:
            download(own)
    finally:
        bucket.delete(fid)
    yield Result("speed", "MB/s", *pairs, "nginx, sendfile", Target(least=0.3))
    yield Result(f"{megabytes:.0f} MB: memory", "MB", [usage.memory], [], "", Target(most=120))
