"""A sound that is encoded in parts equals one that is encoded at once: its length, its frames, its header."""

import math
import subprocess
import time
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy
import pytest
from mutagen.mp3 import MP3, BitrateMode
from numpy.typing import NDArray

from converter.ffmpeg import binary, commands
from converter.ffmpeg.commands import Encoding
from converter.ffmpeg.inputs import Piece, Source
from converter.ffmpeg.limits import Limits
from converter.ffmpeg.output import Progress
from converter.ffmpeg.process import Run, run
from converter.mp3 import frames, xing
from converter.parallel import encoding
from converter.parallel.joining import LEAD, SEARCH, Joiner, NotJoinable, Part
from tests import media

# Four parts: they have ten seconds each at least.
SECONDS = 42.3
LIMITS = Limits(timeout=600, stall=120, memory_mb=256, max_output_mb=100, max_duration=3600)
Samples = NDArray[numpy.float64]


@dataclass(frozen=True)
class Case:
    """How it is encoded."""

    rate: int
    channels: int
    bitrate: int | None

    def __str__(self) -> str:
        return f"{self.rate}-{self.channels}-{self.bitrate or 'V2'}"

    @property
    def encoding(self) -> Encoding:
        tags = {"title": "A sound"}
        return Encoding(self.bitrate, 2, None, self.rate, tags, max_seconds=3600, max_bytes=100_000_000)


CASES = [
    Case(44100, 2, 192),
    Case(48000, 2, 320),
    Case(48000, 1, 64),
    Case(32000, 2, 128),
    Case(44100, 1, None),
    Case(48000, 2, None),
    Case(22050, 2, 64),
    Case(22050, 1, None),
]


@dataclass(frozen=True)
class Encoded:
    """The same sound, encoded at once and in parts."""

    case: Case
    source: Samples
    single: Path
    joined: Path


@pytest.mark.parametrize("case", CASES, ids=str)
def test_parts_are_joined_exactly(case: Case, tmp_path: Path) -> None:
    encoded = Encoded(case, sound(case), *encode_both(case, tmp_path))
    single, joined = decode(encoded.single, case), decode(encoded.joined, case)
    assert len(joined) == len(single) == len(encoded.source)
    check_joints(encoded, single, joined)
    check_header(encoded)
    check_header_of_ffmpeg(encoded)
    check_seek_table(encoded, joined[:, 0])


def sound(case: Case) -> Samples:
    """Sweeps, plucked notes and noise, which an encoder treats in different ways."""
    at = numpy.arange(int(SECONDS * case.rate)) / case.rate
    noise = numpy.random.default_rng(7).uniform(-1, 1, (len(at), 2))
    left = 0.3 * numpy.sin(2 * numpy.pi * (200 * at + 60 * at**2)) + 0.05 * noise[:, 0]
    right = 0.4 * numpy.sin(2 * numpy.pi * 440 * at) * numpy.exp(-6 * (at % 0.4)) + 0.02 * noise[:, 1]
    return numpy.stack([left, right], axis=1)[:, : case.channels].astype("<f4").astype(numpy.float64)


def encode_both(case: Case, folder: Path) -> tuple[Path, Path]:
    source, single, joined = folder / "source.wav", folder / "single.mp3", folder / "joined.mp3"
    raw = ["-f", "f32le", "-ar", str(case.rate), "-ac", str(case.channels), "-i", "-", "-c:a", "pcm_f32le"]
    tool(*raw, str(source), given=sound(case).astype("<f4").tobytes())
    how = Run(folder, LIMITS, time.monotonic() + 600, lambda: False)
    piece = Piece(0)
    with Source(source).opened() as opened:
        command = commands.encoding(opened, piece, single, case.encoding)
        assert run(command, how, source=opened.fd, output=Progress()).code == 0
    order = encoding.Order(Source(source), piece, None, case.encoding, joined, SECONDS)
    assert encoding.encode(order, how, 4, lambda _: None).code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["joined.mp3", "single.mp3", "source.wav"]
    return single, joined


def tool(*arguments: str, given: bytes = b"") -> bytes:
    command = [binary(), "-v", "error", "-y", *arguments]
    return subprocess.run(command, input=given, check=True, capture_output=True, timeout=120).stdout


def decode(path: Path, case: Case, *before: str) -> Samples:
    out = tool(*before, "-i", str(path), "-f", "f32le", "-")
    return numpy.frombuffer(out, "<f4").astype(numpy.float64).reshape(-1, case.channels)


def errors(found: Samples, source: Samples) -> Samples:
    """How far each 1152 samples are from the source: root mean square."""
    size = len(source) // 1152 * 1152
    squares: Samples = ((found[:size] - source[:size]) ** 2).reshape(size // 1152, -1).mean(axis=1)
    return numpy.sqrt(squares)


def joints(case: Case) -> list[int]:
    """The numbers of the blocks of 1152 samples in which the parts meet."""
    samples = 1152 if case.rate >= 32000 else 576
    frames_of_joints = encoding.joints(math.ceil(SECONDS * case.rate / samples), 4)
    return [frame * samples // 1152 for frame in frames_of_joints]


def check_joints(encoded: Encoded, single_samples: Samples, joined_samples: Samples) -> None:
    """The joints are no worse than a single encoder."""
    single, joined = errors(single_samples, encoded.source), errors(joined_samples, encoded.source)
    assert numpy.median(joined) == pytest.approx(numpy.median(single), rel=0.01)
    for joint in joints(encoded.case):
        # A joint is within SEARCH frames, and it disturbs only the next few.
        near = slice(joint - 4, joint + SEARCH + 8)
        assert joined[near].max() <= single.max()
        assert joined[near].mean() <= single[near].mean() * 1.03


def check_header(encoded: Encoded) -> None:
    """The header describes the whole MP3."""
    single, joined = MP3(encoded.single), MP3(encoded.joined)  # type: ignore[no-untyped-call]
    assert joined.info.length == pytest.approx(single.info.length, abs=0.001)
    assert joined.info.bitrate_mode is (BitrateMode.VBR if encoded.case.bitrate is None else BitrateMode.CBR)
    assert str(joined["TIT2"]) == "A sound"
    [one, other] = [Part(bytearray(path.read_bytes()), 0) for path in (encoded.single, encoded.joined)]
    assert len(other.frames) == len(one.frames)
    assert xing.gaps(other.header) == xing.gaps(one.header)
    assert recomputed(other) == other.header


def recomputed(part: Part) -> bytes:
    """The correct header for the part's frames."""
    sizes = array("H", (frame.kind.size for frame in part.frames))
    bitrates = {frame.kind.bitrate for frame in part.frames}
    checksum = xing.checksum(bytes(part.data[part.frames[0].start :]))
    return xing.rewritten(part.header, sizes, bitrates, xing.gaps(part.header), checksum)


def check_header_of_ffmpeg(encoded: Encoded) -> None:
    """The recomputed header of a single encoder's MP3 is the one that ffmpeg wrote."""
    part = Part(bytearray(encoded.single.read_bytes()), 0)
    computed, written = recomputed(part), part.header
    table = written.index(b"Xing" if encoded.case.bitrate is None else b"Info") + 16
    # ffmpeg's seek table consists of whole groups of frames, and the checksum differs with it.
    different = {at - table for at in range(len(written)) if written[at] != computed[at]}
    assert different <= {*range(100), 154 - 16, 155 - 16}
    assert all(abs(written[table + entry] - computed[table + entry]) <= 2 for entry in range(100))


def check_seek_table(encoded: Encoded, whole: Samples) -> None:
    """Players find a moment by the seek table."""
    for moment in (9.0, 10.5, 25.0, 40.0):
        found = decode(encoded.joined, encoded.case, "-usetoc", "1", "-ss", str(moment))[: encoded.case.rate, 0]
        best = whole[int((moment - 1.5) * encoded.case.rate) : int((moment + 2.5) * encoded.case.rate)]
        size = len(best) + len(found)
        match = numpy.fft.irfft(numpy.fft.rfft(best, size) * numpy.conj(numpy.fft.rfft(found, size)), size)
        # A hundredth of the time is 0.4 s.
        assert abs(int(match.argmax()) / encoded.case.rate - 1.5) < 0.5


@pytest.fixture(scope="module")
def mp3() -> bytes:
    return media.make("mp3").read_bytes()


def test_parts_that_do_not_overlap_are_not_joined(mp3: bytes, tmp_path: Path) -> None:
    left = Part(bytearray(mp3), 0)
    right = Part(bytearray(mp3), len(left.frames) - LEAD)
    with (tmp_path / "joined.mp3").open("wb") as file, pytest.raises(NotJoinable):
        joiner = Joiner(file)
        joiner.add(left)
        joiner.add(right)


def test_anything_but_frames_is_refused(mp3: bytes) -> None:
    assert list(frames.frames(mp3))
    with pytest.raises(frames.BadFrame):
        list(frames.frames(mp3[:-1]))
    with pytest.raises(frames.BadFrame):
        list(frames.frames(mp3 + b"TAG"))


def test_the_log_of_a_decoder_that_fails_is_returned(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"This is no sound. " * 1000)
    how = Run(tmp_path, LIMITS, time.monotonic() + 60, lambda: False)
    order = encoding.Order(Source(source), Piece(0), None, CASES[0].encoding, tmp_path / "x.mp3", SECONDS)
    finished = encoding.encode(order, how, 2, lambda _: None)
    assert finished.code != 0
    assert "Invalid data" in finished.log
