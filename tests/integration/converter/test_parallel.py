"""Several ffmpegs that encode one video are stopped, limited and confined in the same way as a single one."""

import contextlib
import os
import signal
from pathlib import Path

import numpy
import psutil
import pytest

from common.errors import PermanentError, TransientError
from converter.ffmpeg.process import Cancelled
from converter.parallel import encoding
from tests import media
from tests.integration.converter import sounds
from tests.integration.converter.conftest import Convert, running_ffmpegs

# s; enough to interrupt two encoders.
LONG = 240


def alike(one: Path, other: Path) -> bool:
    """Whether two MP3s hold the same samples, except for rounding to 16 bits."""
    left, right = sounds.decode(one), sounds.decode(other)
    return len(left) == len(right) and bool(numpy.abs(left - right).max() < 2e-3)


def both(convert: Convert, source: Path, tmp_path: Path, **options: str) -> tuple[Path, Path]:
    """Converts on one processor and on two."""
    folder = tmp_path / "conversion"
    single = convert(source, **options).path.rename(tmp_path / "single.mp3")
    for left in folder.iterdir():
        left.unlink()
    folder.rmdir()
    return single, convert(source, threads=2, **options).path


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"quality": "2", "channels": "mono"},
        {"bitrate": "320", "sample_rate": "44100"},
        {"start": "7.3", "end": "00:00:55.1"},
        {"normalize": "true", "cover": "frame"},
    ],
    ids=str,
)
def test_the_mp3_equals_that_of_a_single_encoder(options: dict[str, str], convert: Convert, tmp_path: Path) -> None:
    single, joined = both(convert, media.long(60), tmp_path, **options)
    assert alike(single, joined)
    assert str(sounds.mp3(joined)["TIT2"]) == str(sounds.mp3(single)["TIT2"])
    assert len(sounds.mp3(joined).tags) == len(sounds.mp3(single).tags)


def test_surround_is_mixed_as_by_a_single_encoder(convert: Convert, tmp_path: Path) -> None:
    six = ["-c", "copy", "-stream_loop", "12", "-i", str(media.make("surround"))]
    source = media.ffmpeg([*six[2:], *six[:2]], "mp4")
    assert alike(*both(convert, source, tmp_path))


def test_gaps_are_filled(convert: Convert, tmp_path: Path) -> None:
    sound = ["-f", "lavfi", "-i", f"aevalsrc='{media.CHIRP}':s=48000:d=60"]
    select = "aselect='lt(t,20)+gte(t,25)'"
    source = media.ffmpeg([*media.picture(60, fps=1), *sound, *media.MPEG4, "-c:a", "pcm_s16le", "-af", select], "mkv")
    single, joined = both(convert, source, tmp_path)
    assert sounds.mp3(joined).info.length == pytest.approx(60, abs=0.1)
    assert alike(single, joined)


def test_a_short_sound_is_encoded_on_one_processor(convert: Convert, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(encoding, "encode")
    assert convert(media.long(30), threads=2).duration == pytest.approx(30, abs=0.1)


def test_a_truncated_video_is_refused(convert: Convert, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="incomplete"):
        convert(media.truncated(media.long(60), 0.7, tmp_path), threads=2)


def test_a_bomb_is_refused(convert: Convert) -> None:
    with pytest.raises(PermanentError, match="longer than the limit"):
        convert(media.bomb(3), threads=2)


def test_the_output_limit_ends_it(convert: Convert) -> None:
    with pytest.raises(PermanentError, match="larger than the limit of 1 MB"):
        convert(media.long(LONG), threads=2, max_output_mb=1, quality="0")
    assert running_ffmpegs() == []


def test_the_time_limit_ends_it(convert: Convert) -> None:
    with pytest.raises(PermanentError, match="exceeded the time limit"):
        convert(media.long(1800), threads=2, timeout=1)
    assert running_ffmpegs() == []


def test_a_stopped_conversion_leaves_no_process_and_no_part(convert: Convert, tmp_path: Path) -> None:
    shares: list[float] = []
    with pytest.raises(Cancelled):
        convert(media.long(LONG), threads=2, on_progress=shares.append, should_stop=lambda: bool(shares))
    assert running_ffmpegs() == []
    assert list((tmp_path / "conversion").glob("part-*")) == []


def test_an_error_of_the_listener_leaves_no_process(convert: Convert) -> None:
    def fail(_: float) -> None:
        raise ConnectionError("the database is gone")

    with pytest.raises(ConnectionError):
        convert(media.long(LONG), threads=2, on_progress=fail)
    assert running_ffmpegs() == []


def has_the_end(process: psutil.Process) -> bool:
    """Whether it encodes the last part."""
    return not any("end_sample" in word for word in process.cmdline())


@pytest.mark.parametrize("last", [True, False])
def test_one_that_is_killed_ends_all_with_a_transient_error(last: bool, convert: Convert) -> None:
    def kill(_: float) -> None:
        for process in running_ffmpegs():
            with contextlib.suppress(psutil.NoSuchProcess):
                if has_the_end(process) is last:
                    process.send_signal(signal.SIGKILL)

    with pytest.raises(TransientError, match="SIGKILL"):
        convert(media.long(1800), threads=2, on_progress=kill)
    assert running_ffmpegs() == []


def test_one_that_stalls_ends_all_with_a_transient_error(convert: Convert) -> None:
    def hold(_: float) -> None:
        for process in running_ffmpegs():
            if not has_the_end(process):
                process.send_signal(signal.SIGSTOP)

    with pytest.raises(TransientError, match="no progress for 2 seconds"):
        convert(media.long(1800), threads=2, stall=2, on_progress=hold)
    assert running_ffmpegs() == []


def test_every_ffmpeg_is_confined(convert: Convert) -> None:
    seen: list[dict[str, object]] = []

    def look(_: float) -> None:
        found = [describe(process) for process in running_ffmpegs()]
        seen.extend(one for one in found if one)

    mp3 = convert(media.long(LONG), threads=2, on_progress=look)

    assert {one.pop("memory") for one in seen} == {256 << 20}
    folder = str(mp3.path.parent)
    expected = {
        "session": True, "privileges": True, "environment": ["LC_ALL", "MALLOC_MMAP_THRESHOLD_", "PATH"],
        "folder": folder, "size": 101 << 20, "whitelist": True,
    }  # fmt: skip
    assert all(one == expected for one in seen)


def describe(process: psutil.Process) -> dict[str, object]:
    """How it is confined; nothing for one that has ended in the meantime."""
    try:
        return {
            "session": os.getsid(process.pid) == process.pid,
            "privileges": "NoNewPrivs:\t1" in Path(f"/proc/{process.pid}/status").read_text(),
            "environment": sorted(process.environ()),
            "folder": process.cwd(),
            "size": process.rlimit(psutil.RLIMIT_FSIZE)[1],
            "memory": process.rlimit(psutil.RLIMIT_DATA)[1],
            "whitelist": "fd" in process.cmdline() and "-protocol_whitelist" in process.cmdline(),
        }
    except (psutil.Error, OSError):
        return {}


def test_progress_rises_to_the_end(convert: Convert) -> None:
    shares: list[float] = []
    convert(media.long(LONG), threads=2, on_progress=shares.append)
    assert shares == sorted(shares)
    assert len(shares) > 2
    assert shares[-1] == 1.0


def test_parts_on_the_disk_are_no_larger_than_the_mp3(convert: Convert, tmp_path: Path) -> None:
    sizes: list[int] = []

    def look(_: float) -> None:
        sizes.append(sum(map(size_of, (tmp_path / "conversion").glob("part-*"))))

    mp3 = convert(media.long(300), threads=2, on_progress=look)
    # Including their overlaps.
    assert 0 < max(sizes) < 1.05 * mp3.path.stat().st_size


def test_a_sound_that_ends_before_the_last_part_is_encoded_on_one_processor(convert: Convert, tmp_path: Path) -> None:
    sound = ["-f", "lavfi", "-i", f"aevalsrc='{media.CHIRP}':s=48000:d=30"]
    source = media.ffmpeg([*media.picture(120, fps=1), *sound, *media.MPEG4, "-c:a", "aac"], "mkv")
    single, joined = both(convert, source, tmp_path)
    assert single.read_bytes() == joined.read_bytes()


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
