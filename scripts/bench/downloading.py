"""`download`: an MP3 from the gateway, against nginx with sendfile of a plain file."""

import time
from collections.abc import Iterator

from common.storage.bucket import Bucket
from scripts.bench import samples, servers
from scripts.bench.pairs import interleaved
from scripts.bench.results import Result, Target
from scripts.bench.system import Scale, System
from scripts.bench.usage import watching


def measure(system: System, scale: Scale) -> Iterator[Result]:
    """Speeds in MB/s, and the gateway's memory."""
    path = samples.noise(scale.of(800, 20))
    megabytes = path.stat().st_size / 1e6
    bucket = Bucket(system.mp3s)
    with bucket.create("bench.mp3", "audio/mpeg", {"username": system.email}) as writer, path.open("rb") as file:
        while data := file.read(1 << 20):
            writer.write(data)
        fid = writer.finish()

    def speed(url: str) -> float:
        begin = time.monotonic()
        got = system.curl("--fail-with-body", "-o", "/dev/null", "-w", "%{size_download}", url)
        if int(got) != path.stat().st_size:
            raise RuntimeError(f"{url} gave {got} bytes")
        return megabytes / (time.monotonic() - begin)

    try:
        ours = f"{system.url}/download?fid={fid}"
        with servers.nginx(samples.CACHE) as nginx:
            pairs = interleaved(scale.pairs, lambda: speed(ours), lambda: speed(f"{nginx}/{path.name}"))
        with watching(system.stack.pid("gateway"), system.temporary) as usage:
            speed(ours)
    finally:
        bucket.delete(fid)
    yield Result("speed", "MB/s", *pairs, "nginx, sendfile", Target(least=0.3))
    yield Result(f"{megabytes:.0f} MB: memory", "MB", [usage.memory], [], "", Target(most=120))
