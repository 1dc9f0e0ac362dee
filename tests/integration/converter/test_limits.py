"""ffmpeg ends when it should: at a limit, when it stalls or dies, when the conversion or the converter is stopped."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from common.errors import PermanentError, TransientError
from converter.encoding.transcoder import RESULT
from converter.ffmpeg.process import Cancelled, Stalled
from tests import media
from tests.integration.converter.conftest import Convert, running_ffmpegs

LONG = 1800  # seconds of video: no machine converts it before these tests interrupt it


def send(number: signal.Signals) -> Callable[[float], None]:
    """A listener that signals ffmpeg as soon as it has made progress."""
    return lambda _: running_ffmpegs()[0].send_signal(number)


def test_the_time_limit_ends_ffmpeg(convert: Convert) -> None:
    with pytest.raises(PermanentError, match="exceeded the time limit"):
        convert(media.long(LONG), timeout=1)
    assert running_ffmpegs() == []


def test_the_output_limit_ends_ffmpeg(convert: Convert) -> None:
    with pytest.raises(PermanentError, match="larger than the limit of 1 MB"):
        convert(media.long(LONG), max_output_mb=1, quality="0")


def test_an_mp3_that_would_be_too_large_is_not_begun(convert: Convert) -> None:
    shares: list[float] = []
    with pytest.raises(PermanentError, match="larger than the limit of 1 MB"):
        convert(media.long(120), max_output_mb=1, on_progress=shares.append)
    assert shares == []


def test_the_memory_limit_ends_ffmpeg(convert: Convert) -> None:
    with pytest.raises(PermanentError, match="more than the limit of 30 MB of memory"):
        convert(media.make("mp4"), memory_mb=30)


def test_a_stopped_ffmpeg_is_ended_and_the_error_is_transient(convert: Convert) -> None:
    with pytest.raises(Stalled, match="no progress for 2 seconds"):
        convert(media.long(LONG), stall=2, on_progress=send(signal.SIGSTOP))
    assert running_ffmpegs() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_ffmpeg_is_a_transient_error(number: signal.Signals, convert: Convert) -> None:
    with pytest.raises(TransientError, match=number.name):
        convert(media.long(LONG), on_progress=send(number))


def test_a_stopped_conversion_leaves_no_process(convert: Convert) -> None:
    shares: list[float] = []
    with pytest.raises(Cancelled):
        convert(media.long(LONG), on_progress=shares.append, should_stop=lambda: bool(shares))
    assert running_ffmpegs() == []


def test_an_error_of_the_listener_leaves_no_process(convert: Convert) -> None:
    def fail(_: float) -> None:
        raise ConnectionError("the database is gone")

    with pytest.raises(ConnectionError):
        convert(media.long(LONG), on_progress=fail)
    assert running_ffmpegs() == []


def test_ffmpeg_dies_with_its_parent(tmp_path: Path) -> None:
    source = shutil.copy(media.long(LONG), tmp_path / "source")
    program = (
        "import pathlib, sys; from common.domain.options import ConversionOptions;"
        "from converter.ffmpeg.limits import Limits; from converter.encoding.transcoder import transcode;"
        "from converter.sandbox.confinement import Sandbox;"
        "transcode(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]),"
        "filename='x', options=ConversionOptions(), limits=Limits(600, 600, 256, 500, 1e6),"
        "on_progress=lambda share: print(share, flush=True), should_stop=lambda: False, sandbox=Sandbox.detect())"
    )
    environment = {**os.environ, "PYTHONPATH": "src"}
    command = [sys.executable, "-c", program, source, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout
        parent.stdout.readline()
        children = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()
    assert len(children) == 1
    assert psutil.wait_procs(children, timeout=60)[1] == []


def test_a_full_disk_is_a_transient_error(convert: Convert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mkdir = Path.mkdir

    def with_full_disk(folder: Path) -> None:
        mkdir(folder)
        (folder / RESULT).symlink_to("/dev/full")

    monkeypatch.setattr(Path, "mkdir", with_full_disk)
    with pytest.raises(TransientError, match="disk is full"):
        # In its sandbox, ffmpeg cannot open that device.
        convert(media.make("mp4"), sandbox=None)


def test_ffmpeg_is_confined(convert: Convert) -> None:
    seen: dict[str, object] = {}

    def look(_: float) -> None:
        [ffmpeg] = running_ffmpegs()
        status = Path(f"/proc/{ffmpeg.pid}/status").read_text()
        seen.update(
            session=os.getsid(ffmpeg.pid) == ffmpeg.pid,
            privileges="NoNewPrivs:\t1" in status,
            filtered="Seccomp:\t2" in status,
            environment=sorted(ffmpeg.environ()),
            folder=ffmpeg.cwd(),
            data=ffmpeg.rlimit(psutil.RLIMIT_DATA)[1],
            size=ffmpeg.rlimit(psutil.RLIMIT_FSIZE)[1],
        )

    def look_once(share: float) -> None:
        # Another program may have taken the place of the one that was found, or none: then at the next call.
        with suppress(psutil.NoSuchProcess, OSError, ValueError):
            if not seen:
                look(share)

    mp3 = convert(media.long(60), on_progress=look_once)

    assert seen == {
        "session": True,
        "privileges": True,
        "filtered": True,
        "environment": ["LC_ALL", "MALLOC_MMAP_THRESHOLD_", "PATH"],
        "folder": str(mp3.path.parent),
        "data": 256 << 20,
        "size": 101 << 20,
    }


def test_waiting_takes_no_processor_time(convert: Convert) -> None:
    before = time.process_time()
    convert(media.long(120))
    assert time.process_time() - before < 1
