"""Of a video only the sound is sent, if it is certain that this is the same sound; the whole video otherwise."""

import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import media, thinning
from video2mp3.sound_only import extraction
from video2mp3.sound_only.extraction import SoundOnly
from video2mp3.sound_only.plan import Plan
from video2mp3.sound_only.source import GAP, WINDOW, Source, Unsure

CASES = Path(__file__).resolve().parents[2] / "cases" / "files"
EXTRACTED = {
    "mp4", "mp4_moov_first", "mp4_fragmented", "mp4_ac3", "mkv_opus", "webm", "webm_vorbis", "mov", "ts", "ts_mp2",
    "3gp", "variable_frame_rate", "surround", "mono_8khz", "two_tracks", "two_tracks_mp4", "second_track_default",
    "live_mkv", "live_webm", "short_sound", "late_sound", "late_sound_mkv", "late_sound_ts", "slides", "subtitles",
}  # fmt: skip
# The SHA-256 of outputs. A change means that another version of the client cannot continue an upload: raise
# `extraction.VERSION`, in both implementations.
DIGESTS = {
    "iphone_apac_first.mov": "6b834aeea1799a5154a39c20acfbfdc8f187f5766db995c36242b14473ba1609",
    "live_dvr_10h_offset.mp4": "b4efa60d082f6dc46756de4c73f167a18fcc3b925cd2ead1223cfdadb80379e8",
    "mkv_length_of_removed_subtitles.mkv": "516a7d4b3481fcf947aa9f2a31bfa1a1f1d2c42a459894f8aa1d0716facf6a7d",
    "pause_40min.mkv": "fd588d4c6098242e39816f74347e851642e17bcf9442e0b973e61df6e8980c51",
}


def extract(content: bytes) -> SoundOnly:
    return extraction.extract(thinning.reader(content), len(content))


def output(content: bytes) -> bytes:
    plan = extract(content).plan
    return plan.read(thinning.reader(content), 0, plan.length)


@pytest.mark.parametrize("kind", media.KINDS)
def test_the_sound_is_smaller_or_the_video_is_sent_whole(kind: str) -> None:
    content = media.make(kind).read_bytes()
    if kind in EXTRACTED:
        assert 0 < len(output(content)) <= 0.7 * len(content)
    else:
        with pytest.raises(Unsure):
            extract(content)


@pytest.mark.parametrize("name", DIGESTS)
def test_the_output_of_a_version_does_not_change(name: str) -> None:
    assert hashlib.sha256(output((CASES / name).read_bytes())).hexdigest() == DIGESTS[name]


@pytest.mark.parametrize("kind", ["mp4", "mp4_fragmented", "webm", "ts"])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_the_output_can_be_read_at_any_offset(kind: str, data: st.DataObject) -> None:
    content = media.make(kind).read_bytes()
    plan = extract(content).plan
    whole = plan.read(thinning.reader(content), 0, plan.length)
    at = data.draw(st.integers(0, plan.length))
    length = data.draw(st.integers(0, plan.length))
    assert plan.read(thinning.reader(content), at, length) == whole[at : at + length]


@pytest.mark.parametrize(
    ("kind", "start"), [("late_sound", 0.0), ("late_sound_mkv", 0.0), ("late_sound_ts", 1.4), ("ts", 1.421333)]
)
def test_the_start_of_the_pictures_is_known(kind: str, start: float) -> None:
    assert extract(media.make(kind).read_bytes()).start == start


@pytest.mark.parametrize("kind", ["mp4", "webm"])
def test_the_duration_is_known(kind: str) -> None:
    assert extract(media.make(kind).read_bytes()).duration == pytest.approx(4.0, abs=0.01)


def replaced(kind: str, old: bytes, new: bytes) -> bytes:
    content = media.make(kind).read_bytes()
    assert old in content
    return content.replace(old, new, 1)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: b"", id="an empty file"),
        pytest.param(lambda: media.make("mp4").read_bytes()[:-1], id="an MP4 that is cut"),
        pytest.param(lambda: media.make("webm").read_bytes()[:-1], id="a WebM that is cut"),
        pytest.param(lambda: media.make("ts").read_bytes()[:-1], id="a transport stream that is cut"),
        pytest.param(lambda: media.make("mp4").read_bytes() + b"TAIL" * 4, id="data after an MP4"),
        pytest.param(lambda: media.make("webm").read_bytes() + b"TAIL" * 4, id="data after a WebM"),
        pytest.param(lambda: media.without_audio().read_bytes(), id="no sound"),
        pytest.param(lambda: media.make("m4a").read_bytes(), id="no pictures"),
        pytest.param(lambda: replaced("mp4", b"mp4a", b"enca"), id="encrypted MP4"),
        pytest.param(lambda: replaced("mp4", b"udta", b"cmov"), id="a compressed index"),
        pytest.param(lambda: replaced("mp4", b"free", b"what"), id="an unknown box"),
        pytest.param(lambda: replaced("mp4", b"udta", b"what"), id="an unknown box in the index"),
        pytest.param(
            lambda: media.make("mp4").read_bytes().replace(b"url \0\0\0\1", b"url \0\0\0\0"), id="external data"
        ),
        pytest.param(lambda: replaced("mp4_fragmented", b"tfdt", b"senc"), id="an encrypted fragment"),
        pytest.param(lambda: replaced("webm", b"\xa3", b"\xaf"), id="an encrypted or unknown element"),
    ],
)
def test_the_whole_video_is_sent_when_in_doubt(make: Callable[[], bytes]) -> None:
    with pytest.raises(Unsure):
        extract(make())


def test_a_program_that_changes_is_sent_whole() -> None:
    with pytest.raises(Unsure, match="changes"):
        extract((CASES / "ts_pid_change.ts").read_bytes())


@pytest.mark.parametrize("arguments", [["-use_editlist", "0"], ["-movflags", "negative_cts_offsets"]])
def test_variants_of_mp4_have_the_right_start(arguments: list[str], tmp_path: Path) -> None:
    source = media.ffmpeg(
        [
            *media.picture(6),
            *media.tone(440),
            "-map",
            "0:v",
            "-map",
            "1:a",
            *thinning.REORDERED,
            *thinning.QUIET,
            *arguments,
        ],
        "mp4",
    )
    assert thinning.compare(source, tmp_path) == thinning.SAME


@pytest.mark.parametrize("late", [(0.0, 0.5), (0.3, 0.7), (0.7, 0.3)])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "m2ts"])
def test_the_sound_and_its_time_are_kept(suffix: str, late: tuple[float, float], tmp_path: Path) -> None:
    inputs = [
        *("-itsoffset", str(late[0]), *media.picture(4)),
        *("-itsoffset", str(late[1]), *media.tone(440, seconds=4)),
    ]
    source = media.ffmpeg([*inputs, "-map", "0:v", "-map", "1:a", *thinning.REORDERED, *thinning.QUIET], suffix)
    assert thinning.compare(source, tmp_path) == thinning.SAME


def test_reading_is_done_in_windows() -> None:
    # A gap that is a little larger than what is read in vain, after each segment but every fourth.
    content = bytes(range(256)) * (40 << 12)
    plan, at = Plan(), 0
    for number in range(200):
        plan.copy(at, 1000)
        at += 1000 + (GAP + 1 if number % 4 == 0 else 5000)
    reads: list[tuple[int, int]] = []

    def read(start: int, length: int) -> bytes:
        reads.append((start, length))
        return content[start : start + length]

    plan.read(read, 0, plan.length)

    assert len(reads) == 51
    assert max(length for _, length in reads) <= WINDOW


def test_a_window_follows_the_reads() -> None:
    reads: list[int] = []

    def read(start: int, length: int) -> bytes:
        reads.append(length)
        return bytes(length)

    source = Source(read, 100 << 20)
    for at in range(0, 20 << 20, 1000):
        source.get(at, 10)
    assert len(reads) <= 7
    source.get(90 << 20, 10)
    assert reads[-1] < WINDOW


def test_a_long_read_ends_with_the_time_limit() -> None:
    content = media.make("webm").read_bytes()
    with pytest.raises(Unsure, match="time limit"):
        extraction.extract(thinning.reader(content), len(content), timeout=-1)


def test_a_file_that_becomes_shorter_is_not_sent_on() -> None:
    content = media.make("mp4").read_bytes()
    plan = extract(content).plan
    with pytest.raises(Unsure):
        plan.read(thinning.reader(content[: len(content) // 2]), 0, plan.length)


@pytest.mark.parametrize("kind", ["mp4", "mp4_fragmented", "webm", "ts", "two_tracks_mp4"])
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damaged_files_neither_crash_nor_refer_outside(kind: str, data: st.DataObject) -> None:
    content = bytearray(media.make(kind).read_bytes())
    places = thinning.structure(bytes(content))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.sampled_from(places))
        value = data.draw(st.sampled_from([0, 1, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF, 10**9]) | st.integers(0, 0xFFFFFFFF))
        content[at : at + 4] = struct.pack(">I", value)
    try:
        found = extract(bytes(content))
    except Unsure:
        return
    assert len(found.plan.read(thinning.reader(bytes(content)), 0, found.plan.length)) == found.plan.length
