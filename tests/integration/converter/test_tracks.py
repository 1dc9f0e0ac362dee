"""Which track is converted, which one continues it, and how its channels are mixed."""

import shutil
import struct
from pathlib import Path

import pytest

from common.domain import notes
from common.errors import PermanentError
from tests import media
from tests.integration.converter import sounds
from tests.integration.converter.conftest import Convert

TWO = [*media.picture(), *media.tone(440), *media.tone(880), "-map", "0:v", "-map", "1:a", "-map", "2:a"]
DEFAULT = ["-disposition:a:0", "default", "-disposition:a:1", "0"]


def of_unknown_codec(suffix: str, folder: Path) -> Path:
    """Two tracks of sound, of which the first and default one is of a kind that ffmpeg cannot decode."""
    source = media.ffmpeg([*TWO, *media.MPEG4, *media.AAC, *DEFAULT], suffix)
    known, unknown = (b"mp4a", b"ac-4") if suffix != "mkv" else (b"A_AAC", b"A_XYZ")
    content = source.read_bytes()
    at = content.index(known)
    content = content[:at] + unknown + content[at + len(unknown) :]
    # In an MP4, the descriptor behind it names the codec too.
    content = content[:at] + content[at:].replace(b"esds", b"free", 1)
    target = folder / f"unknown.{suffix}"
    target.write_bytes(content)
    return target


def joined(*parts: Path, suffix: str, folder: Path) -> Path:
    target = folder / f"joined.{suffix}"
    with target.open("wb") as file:
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, file)
    return target


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_the_next_track_is_taken_when_the_default_one_cannot_be_decoded(
    suffix: str, convert: Convert, tmp_path: Path
) -> None:
    mp3 = convert(of_unknown_codec(suffix, tmp_path))

    assert sounds.pitch(sounds.decode(mp3.path)) == pytest.approx(880, abs=2)
    [note] = mp3.notes
    assert (note.code, note.values) == (notes.TRACK_SKIPPED, {"wanted": 1, "used": 2})


def test_a_chosen_track_that_cannot_be_decoded_is_not_replaced(convert: Convert, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"empty or damaged|not supported"):
        convert(of_unknown_codec("mp4", tmp_path), track="1")


def test_an_empty_default_track_is_replaced_by_one_with_sound(convert: Convert) -> None:
    late = ["-f", "lavfi", "-i", "anullsrc=d=0.1", "-map", "2:a", "-map", "1:a", *media.AAC, "-t", "4"]
    none = ["-bsf:a:0", "noise=drop=1", "-disposition:a:0", "default", "-disposition:a:1", "0"]

    mp3 = convert(media.ffmpeg([*media.picture(), *media.tone(880), *late, *none], "mkv"))

    assert sounds.pitch(sounds.decode(mp3.path)) == pytest.approx(880, abs=2)
    assert mp3.notes[0].code == notes.TRACK_SKIPPED


@pytest.mark.parametrize("suffix", ["mkv", "mov", "ts"])
def test_a_track_without_packets_fails_with_a_reason(suffix: str, convert: Convert) -> None:
    arguments = [*media.picture(), *media.sound(), *media.MPEG4, *media.AAC, "-bsf:a", "noise=drop=1"]
    with pytest.raises(PermanentError, match=r"is empty or damaged|no audio"):
        convert(media.ffmpeg(arguments, suffix))


@pytest.mark.parametrize(
    "layout",
    ["FL+FR+FC+TC+BFC", "10 channels", "7.1.4", "22.2"],
)
def test_every_layout_becomes_sound(layout: str, convert: Convert) -> None:
    count = {"10 channels": 10, "7.1.4": 12, "22.2": 24}.get(layout, 5)
    sources = media.tone(*[440] * count)
    form = [] if layout == "10 channels" else ["-af", f"aformat=channel_layouts={layout}"]
    mp3 = convert(media.ffmpeg([*sources, *form, "-c:a", "pcm_s16le"], "nut"))

    assert mp3.duration == pytest.approx(media.SECONDS, abs=0.1)
    samples = sounds.decode(mp3.path)
    assert sounds.pitch(samples) == pytest.approx(440, abs=2)
    assert abs(samples).max() > 0.1


@pytest.mark.parametrize("order", [1, 2, 3])
def test_ambisonics_become_sound(order: int, convert: Convert) -> None:
    channels = "|".join([media.TONE.format(440)] * (order + 1) ** 2)
    source = ["-f", "lavfi", "-i", f"aevalsrc='{channels}':s=48000:d={media.SECONDS}:c=ambisonic {order}"]
    arguments = [*source, "-c:a", "libopus", "-mapping_family", "2"]
    mp3 = convert(media.ffmpeg(arguments, "webm"))

    assert mp3.duration == pytest.approx(media.SECONDS, abs=0.1)
    assert sounds.pitch(sounds.decode(mp3.path)) == pytest.approx(440, abs=2)


ONE_RATE = [*media.tone(440), "-c:a", "libvorbis"]


@pytest.mark.parametrize(
    "second",
    [
        [*media.tone(880, rate=44100), "-c:a", "libvorbis"],
        [*media.tone(880, 880), "-c:a", "libvorbis"],
        [*media.tone(880), "-c:a", "libopus"],
        [*media.tone(880), "-c:a", "flac"],
        [*media.tone(880), "-c:a", "libvorbis"],
    ],
    ids=["rate", "channels", "opus", "flac", "same"],
)
def test_all_links_of_a_chain_are_converted(second: list[str], convert: Convert, tmp_path: Path) -> None:
    links = [media.ffmpeg(ONE_RATE, "ogg"), media.ffmpeg(second, "ogg"), media.ffmpeg(ONE_RATE, "ogg")]

    mp3 = convert(joined(*links, suffix="ogg", folder=tmp_path))

    assert mp3.duration == pytest.approx(3 * media.SECONDS, abs=0.2)
    samples = sounds.decode(mp3.path)
    third = len(samples) // 3
    for number, hertz in enumerate((440, 880, 440)):
        part = samples[number * third + third // 8 : (number + 1) * third - third // 8]
        assert sounds.pitch(part) == pytest.approx(hertz, abs=3)


def stream(hertz: float, pid: int, *more: str, offset: float = 0.0) -> Path:
    both = [*media.picture(), *media.tone(hertz), "-map", "0:v", "-map", "1:a", "-c:v", "mpeg2video", "-c:a", "mp2"]
    moved = ["-output_ts_offset", str(offset), "-streamid", f"0:{pid - 1}", "-streamid", f"1:{pid}"]
    return media.ffmpeg([*both, *moved, *more], "ts")


@pytest.mark.parametrize(
    "more",
    [[], ["-c:a", "aac"], ["-mpegts_service_id", "7", "-mpegts_pmt_start_pid", "4500"]],
    ids=["pid", "codec", "programme"],
)
def test_sound_that_moves_to_another_pid_is_followed_or_fails(
    more: list[str], convert: Convert, tmp_path: Path
) -> None:
    parts = [stream(440, 300), stream(880, 400, *more, offset=4)]
    source = joined(*parts, suffix="ts", folder=tmp_path)
    try:
        mp3 = convert(source)
    except PermanentError:
        return
    assert mp3.duration == pytest.approx(2 * media.SECONDS, abs=0.3)
    samples = sounds.decode(mp3.path)
    assert sounds.pitch(samples[: 3 * sounds.RATE]) == pytest.approx(440, abs=3)
    assert sounds.pitch(samples[-3 * sounds.RATE :]) == pytest.approx(880, abs=3)


def test_two_tracks_of_a_transport_stream_are_not_joined(convert: Convert) -> None:
    source = media.ffmpeg([*TWO, "-c:v", "mpeg2video", "-c:a", "mp2"], "ts")

    mp3 = convert(source)

    assert mp3.duration == pytest.approx(media.SECONDS, abs=0.15)
    assert sounds.pitch(sounds.decode(mp3.path)) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("second", [["-ac", "2"], ["-ar", "32000"]], ids=["channels", "rate"])
@pytest.mark.parametrize("codec", ["mp2", "ac3"])
def test_parameters_may_change_in_the_middle(codec: str, second: list[str], convert: Convert, tmp_path: Path) -> None:
    first = [*media.tone(440), "-c:a", codec]
    parts = [
        media.ffmpeg(first, "ts"),
        media.ffmpeg([*media.tone(880), "-c:a", codec, *second, "-output_ts_offset", "4"], "ts"),
    ]

    mp3 = convert(joined(*parts, suffix="ts", folder=tmp_path))

    assert mp3.duration == pytest.approx(2 * media.SECONDS, abs=0.2)
    assert sounds.pitch(sounds.decode(mp3.path)[-3 * sounds.RATE :]) == pytest.approx(880, abs=3)


@pytest.mark.parametrize("late", [40, 400])
def test_late_sound_is_found_in_an_flv_that_does_not_declare_it(late: int, convert: Convert, tmp_path: Path) -> None:
    pictures = media.ffmpeg([*media.picture(late + 4, fps=1), "-c:v", "flv"], "flv").read_bytes()
    sound = media.ffmpeg([*media.tone(440), "-c:a", "libmp3lame", "-ar", "44100"], "flv").read_bytes()
    source = tmp_path / "late.flv"
    # The header's flags: pictures only.
    source.write_bytes(pictures + later(sound[13:], late * 1000))

    mp3 = convert(source)

    assert mp3.duration == pytest.approx(media.SECONDS, abs=0.15)


def later(tags: bytes, milliseconds: int) -> bytes:
    """FLV's tags of sound, at later times (Adobe FLV 10.1, annex E.4.1)."""
    found = b""
    at = 0
    while at + 11 <= len(tags):
        size = int.from_bytes(tags[at + 1 : at + 4], "big")
        stamp = int.from_bytes(tags[at + 7 : at + 8] + tags[at + 4 : at + 7], "big") + milliseconds
        if tags[at] == 8:
            bytes_of = stamp.to_bytes(4, "big")
            found += tags[at : at + 4] + bytes_of[1:] + bytes_of[:1] + tags[at + 8 : at + 11 + size]
            found += struct.pack(">I", 11 + size)
        at += 15 + size
    return found


def test_an_flv_whose_codec_changes_is_converted_completely_or_fails(convert: Convert, tmp_path: Path) -> None:
    first = media.ffmpeg([*media.picture(), *media.tone(440), "-c:v", "flv", *media.AAC, "-ar", "44100"], "flv")
    second = media.ffmpeg([*media.tone(880), "-c:a", "libmp3lame", "-ar", "44100"], "flv").read_bytes()
    source = tmp_path / "changes.flv"
    source.write_bytes(first.read_bytes() + later(second[13:], 4000))
    try:
        mp3 = convert(source)
    except PermanentError:
        return
    assert mp3.duration == pytest.approx(2 * media.SECONDS, abs=0.3)
    assert sounds.pitch(sounds.decode(mp3.path)[-3 * sounds.RATE :]) == pytest.approx(880, abs=3)
