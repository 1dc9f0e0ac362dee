"""`fetch`: how much of a video the converter reads from MongoDB to get at its sound."""

from collections.abc import Iterator

from scripts.bench import samples
from scripts.bench.results import Result, Target
from scripts.bench.system import Scale, System


def measure(system: System, scale: Scale) -> Iterator[Result]:
    """What mongod sent during the conversion, against the file's size."""
    seconds = scale.of(60, 5)
    for path, target in (
        (samples.camera(seconds), Target(most=0.4)),
        (samples.mp4(seconds), Target(most=1.05)),
        (samples.matroska(seconds), Target(most=1.05)),
    ):
        fid = system.upload(path)
        system.wait(fid)
        sent = []
        for _ in range(scale.pairs):
            before = _sent(system)
            system.convert_again(fid)
            sent.append((_sent(system) - before) / 1e6)
        system.delete(fid)
        size = path.stat().st_size / 1e6
        yield Result(path.name, "MB", sent, [size] * len(sent), "the file's size", target)


def _sent(system: System) -> int:
    return int(system.client.admin.command("serverStatus")["network"]["bytesOut"])
