"""Time stamps of every kind: no sound is lost, and silence is where the recording has none, and nowhere else."""

import random
from dataclasses import dataclass, replace
from pathlib import Path

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.domain import notes
from converter.encoding.verification import Mp3
from converter.media.timeline import LONGEST_GAP
from tests import matroska, media
from tests.integration.converter import sounds
from tests.integration.converter.conftest import Convert, convert_in
from tests.matroska import FRAME

# Each example is a conversion.
EXAMPLES = 12 if settings.get_current_profile_name() == "gate" else 40
SECONDS = 24.0
# s between two places that are edited: more than the window that distinguishes a step of the clock from jitter.
APART = 4.0
PLACES = int(SECONDS / APART) - 1


def silences(decoded: sounds.Samples) -> list[tuple[float, float]]:
    """Where a sound is silent for more than 6 ms: start and length in seconds."""
    samples = numpy.abs(decoded)
    size = sounds.RATE // 500
    quiet = samples[: len(samples) // size * size].reshape(-1, size).max(axis=1) < 0.02
    edges = numpy.flatnonzero(numpy.diff(numpy.concatenate([[False], quiet, [False]]).astype(int)))
    runs = [(start * 0.002, (end - start) * 0.002) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    whole = len(samples) / sounds.RATE
    return [run for run in runs if run[1] > 0.006 and run[0] > 0.06 and run[0] + run[1] < whole - 0.1]


@dataclass(frozen=True)
class Recording:
    """Packets with their time stamps, and what is missing between them."""

    stamps: list[tuple[float, int]]
    gaps: dict[int, float]
    """Seconds of silence that belong before a packet, by its number."""


def steady(count: int) -> Recording:
    return Recording([(number * FRAME, number) for number in range(count)], {})


def edit(recording: Recording, place: int, kind: str, amount: float) -> Recording:
    """One of the faults of real recordings, at a packet."""
    before, after = list(recording.stamps[:place]), list(recording.stamps[place:])
    gaps = dict(recording.gaps)
    number = after[0][1]
    match kind:
        case "gap":
            after = [(stamp + amount, one) for stamp, one in after]
            gaps[number] = amount
        case "jump":
            after = [(stamp + LONGEST_GAP + amount, one) for stamp, one in after]
        case "set back":
            # Matroska has no negative time stamps; later edits may already have set the clock back.
            least = min(amount, min(stamp for stamp, _ in after) - 0.1)
            after = [(stamp - max(least, 0.0), one) for stamp, one in after]
        case "missing":
            lost = 1 + int(amount) % 20
            after = after[lost:]
            gaps[after[0][1]] = lost * FRAME
        case "swapped":
            after[0], after[1] = after[1], after[0]
        case "wrong":
            after[0] = (after[0][0] + amount * 100, after[0][1])
    return Recording(before + after, gaps)


KINDS = ["gap", "jump", "set back", "missing", "swapped", "wrong"]


@pytest.mark.parametrize("codec", ["pcm", "aac"])
def test_edited_time_stamps_lose_no_sound_and_add_no_silence(
    codec: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sound = (matroska.pcm if codec == "pcm" else matroska.aac)(SECONDS)

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(
        edits=st.lists(
            st.tuples(st.integers(1, PLACES), st.sampled_from(KINDS), st.floats(0.1, 30.0)),
            min_size=1,
            max_size=4,
            unique_by=lambda one: one[0],
        ),
        drift=st.floats(-0.002, 0.002),
        jitter=st.sampled_from([0.0, 0.002]),
    )
    def check(edits: list[tuple[int, str, float]], drift: float, jitter: float) -> None:
        shake = random.Random(5)
        recording = steady(len(sound.packets))
        recording = replace(
            recording,
            stamps=[(at * (1 + drift) + shake.uniform(0, jitter), number) for at, number in recording.stamps],
        )
        # From the end, so that the numbers of earlier packets stay the same.
        for place, kind, amount in sorted(edits, reverse=True):
            recording = edit(recording, int(place * APART / FRAME), kind, amount)
        folder = tmp_path_factory.mktemp("edited")
        source = matroska.write(folder / "edited.mkv", sound, recording.stamps)

        mp3 = convert_in(folder, source)

        silent = sum(recording.gaps.values())
        played = len(recording.stamps) * FRAME
        decoded = sounds.decode(mp3.path)
        assert len(decoded) / sounds.RATE == pytest.approx(played + silent, abs=0.1 + 0.04 * len(edits))
        found = silences(decoded)
        assert sum(length for _, length in found) == pytest.approx(silent, abs=0.05 * len(edits))
        assert len(found) == len(recording.gaps)

    check()


def test_a_pause_longer_than_the_limit_is_closed_with_a_note(convert: Convert, tmp_path: Path) -> None:
    sound = matroska.pcm(4)
    recording = edit(steady(len(sound.packets)), 90, "jump", 100.0)

    mp3 = convert(matroska.write(tmp_path / "jump.mkv", sound, recording.stamps))

    assert mp3.duration == pytest.approx(4, abs=0.1)
    [note] = mp3.notes
    assert (note.code, note.values["places"]) == (notes.GAP_CLOSED, 1)
    assert silences(sounds.decode(mp3.path)) == []


@pytest.mark.parametrize(("suffix", "codec"), [("flv", "libmp3lame"), ("ts", "mp2"), ("nut", "flac")])
def test_a_jump_of_the_clock_is_closed_in_every_container(suffix: str, codec: str, convert: Convert) -> None:
    jump = ["-af", "asetpts='PTS+gte(T,2)*7200/TB'", "-c:a", codec, "-ar", "44100"]

    mp3 = convert(media.ffmpeg([*media.tone(440), *jump], suffix))

    assert mp3.duration == pytest.approx(media.SECONDS, abs=0.15)
    assert mp3.notes[0].code == notes.GAP_CLOSED
    assert silences(sounds.decode(mp3.path)) == []


@pytest.mark.parametrize("codec", ["pcm", "aac"])
def test_one_time_stamp_far_ahead_changes_nothing(codec: str, convert: Convert, tmp_path: Path) -> None:
    sound = (matroska.pcm if codec == "pcm" else matroska.aac)(8)
    recording = edit(steady(len(sound.packets)), 100, "wrong", 36.0)

    mp3 = convert(matroska.write(tmp_path / "wrong.mkv", sound, recording.stamps))

    assert mp3.duration == pytest.approx(8, abs=0.1)
    assert mp3.notes == ()
    assert silences(sounds.decode(mp3.path)) == []


def test_each_of_many_gaps_is_silence(convert: Convert, tmp_path: Path) -> None:
    sound = matroska.pcm(30)
    stamps = [(number * FRAME + number // 10 * 0.2, number) for number in range(len(sound.packets))]

    mp3 = convert(matroska.write(tmp_path / "gaps.mkv", sound, stamps))

    assert mp3.duration == pytest.approx(30 + 140 * 0.2, abs=0.3)
    [note] = mp3.notes
    assert (note.code, note.values["places"]) == (notes.SILENCE_INSERTED, (len(sound.packets) - 1) // 10)


@pytest.mark.parametrize("suffix", ["ts", "flv", "mkv", "nut"])
@pytest.mark.parametrize("pause", [0.5, 20.0])
def test_a_pause_is_silence_in_every_container(pause: float, suffix: str, convert: Convert) -> None:
    arguments = [
        *media.tone(440, seconds=6),
        "-af",
        f"aselect='lt(t,2)+gte(t,4)',asetpts='PTS+gte(T,4)*{pause - 2}/TB'",
    ]
    codec = ["-c:a", "libmp3lame", "-ar", "44100"] if suffix == "flv" else ["-c:a", "mp2"]

    mp3 = convert(media.ffmpeg([*arguments, *codec], suffix))

    assert mp3.duration == pytest.approx(4 + pause, abs=0.15)
    [(start, length)] = silences(sounds.decode(mp3.path))
    assert start == pytest.approx(2, abs=0.1)
    assert length == pytest.approx(pause, abs=0.1)


@pytest.mark.parametrize("drift", [0.997, 1.003])
@pytest.mark.parametrize("suffix", ["flv", "ts", "mkv"])
def test_drift_adds_no_silence(suffix: str, drift: float, convert: Convert) -> None:
    source = media.ffmpeg([*media.tone(440, seconds=60), "-c:a", "libmp3lame", "-ar", "44100"], "mkv")
    moved = media.ffmpeg(["-i", str(source), "-c", "copy", "-bsf:a", f"setts=ts=TS*{drift}"], suffix)

    mp3 = convert(moved, reencode="true")

    assert mp3.duration == pytest.approx(60, abs=0.15)
    assert mp3.notes == ()
    assert sounds.quietest(sounds.decode(mp3.path)) > 0.1


@pytest.mark.parametrize("options", [{"start": "3"}, {"start": "1.5", "end": "5"}, {"end": "3"}, {"normalize": "true"}])
def test_a_section_of_a_recording_with_gaps_is_the_requested_one(
    options: dict[str, str], convert: Convert, tmp_path: Path
) -> None:
    sound = matroska.pcm(4)
    place = int(2 / FRAME)
    source = matroska.write(tmp_path / "gap.mkv", sound, edit(steady(len(sound.packets)), place, "gap", 2.0).stamps)
    begin, end = float(options.get("start", 0)), float(options.get("end", 6))

    mp3 = convert(source, **options)

    assert mp3.duration == pytest.approx(end - begin, abs=0.15)
    samples = numpy.abs(sounds.decode(mp3.path))
    for at in numpy.arange(begin + 0.15, end - 0.15, 0.1):
        heard = samples[int((at - begin - 0.03) * sounds.RATE) : int((at - begin + 0.03) * sounds.RATE)].max() > 0.02
        if abs(at - 2) > 0.1 and abs(at - 4) > 0.1:
            assert heard == (at < 2 or at > 4), at


def test_one_processor_and_two_make_the_same_mp3(convert: Convert, tmp_path: Path) -> None:
    sound = matroska.pcm(60)
    source = matroska.write(tmp_path / "gap.mkv", sound, edit(steady(len(sound.packets)), 2000, "gap", 5.0).stamps)
    single: Mp3 = convert(source)
    kept = single.path.rename(tmp_path / "single.mp3")
    for left in (tmp_path / "conversion").iterdir():
        left.unlink()
    (tmp_path / "conversion").rmdir()

    assert convert(source, threads=2).path.read_bytes() == kept.read_bytes()


def test_damaged_sound_is_silence_with_a_note(convert: Convert, tmp_path: Path) -> None:
    sound = matroska.aac(20)
    packets = list(sound.packets)
    packets[400:420] = [b"\xff" * len(one) for one in packets[400:420]]
    source = matroska.write(tmp_path / "damaged.mkv", replace(sound, packets=packets), steady(len(packets)).stamps)

    mp3 = convert(source)

    assert mp3.duration == pytest.approx(20, abs=0.15)
    [note] = mp3.notes
    assert note.code == notes.SOUND_DAMAGED
    assert note.values["seconds"] == pytest.approx(20 * FRAME, abs=0.15)
