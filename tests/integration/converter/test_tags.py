"""The tags of the MP3 are read correctly from any code page, or replaced by the file's name."""

from pathlib import Path

import pytest
from mutagen.id3 import ID3, TIT2, TPE1, Encoding

from tests import media
from tests.integration.converter import sounds
from tests.integration.converter.conftest import Convert

# Replaced by the bytes that are wanted, which no tool of today would write.
PLACE = "T" * 40


def riff(text: str, codec: str, suffix: str, folder: Path, *arguments: str) -> Path:
    """An AVI or WAV whose title is in a code page."""
    source = media.ffmpeg([*arguments, *media.sound(seconds=1), "-metadata", f"title={PLACE}"], suffix)
    value = text.encode(codec).ljust(len(PLACE), b"\0")
    data = source.read_bytes()
    assert data.count(PLACE.encode()) == 1
    target = folder / f"name.{suffix}"
    target.write_bytes(data.replace(PLACE.encode(), value))
    return target


def title(convert: Convert, source: Path) -> str:
    return str(sounds.mp3(convert(source).path)["TIT2"])


@pytest.mark.parametrize("suffix", ["avi", "wav"])
@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("cp1251", "Песня о весне"),
        ("cp1252", "Vidéo d'été"),
        ("cp932", "春の歌"),
        ("cp1250", "Święta w Łodzi"),
        ("utf-8", "Песня о весне"),
    ],
)
def test_a_riff_title_in_a_code_page_is_read(
    suffix: str, codec: str, text: str, convert: Convert, tmp_path: Path
) -> None:
    assert title(convert, riff(text, codec, suffix, tmp_path)) == text


def test_an_ambiguous_riff_title_is_replaced_by_the_files_name(convert: Convert, tmp_path: Path) -> None:
    assert title(convert, riff("北京欢迎你", "gb2312", "avi", tmp_path)) == "name"


IN_ID3 = [("cp1251", "Песня о весне"), ("cp932", "春の歌"), ("latin-1", "Vidéo d'été")]


def id3v1(text: bytes) -> bytes:
    """The 128 bytes at the end of an MP3."""
    return b"TAG" + text[:30].ljust(30, b"\0") + b"\0" * 94 + b"\xff"


@pytest.mark.parametrize(
    ("codec", "text"), [("cp1251", "Песня о весне"), ("cp932", "春の歌"), ("cp1252", "Vidéo d'été")]
)
def test_an_id3v1_title_in_a_code_page_is_read(codec: str, text: str, convert: Convert, tmp_path: Path) -> None:
    source = tmp_path / "name.mp3"
    arguments = [*media.sound(seconds=1), "-c:a", "libmp3lame", "-id3v2_version", "0", "-write_id3v1", "0"]
    source.write_bytes(media.ffmpeg(arguments, "mp3").read_bytes() + id3v1(text.encode(codec)))
    assert title(convert, source) == text


@pytest.mark.parametrize(
    ("codec", "text"), [("cp1251", "Песня о весне"), ("latin-1", "Vidéo d'été"), ("cp932", "春の歌")]
)
def test_an_id3v2_title_that_claims_to_be_latin1_is_read(
    codec: str, text: str, convert: Convert, tmp_path: Path
) -> None:
    source = tmp_path / "name.mp3"
    source.write_bytes(media.make("mp3").read_bytes())
    tags = ID3()
    leased = text.encode(codec).decode("latin-1")
    tags.add(TIT2(encoding=Encoding.LATIN1, text=leased))
    tags.add(TPE1(encoding=Encoding.LATIN1, text=leased))
    tags.save(source)
    made = sounds.mp3(convert(source).path)
    assert (str(made["TIT2"]), str(made["TPE1"])) == (text, text)


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov", "nut"])
def test_the_name_of_a_track_is_not_the_title(suffix: str, convert: Convert, tmp_path: Path) -> None:
    tags = ["-metadata:s:a:0", "title=Track1", "-metadata:s:a:0", "handler_name=Commentary"]
    made = media.ffmpeg([*media.picture(1), *media.tone(440, seconds=1), *media.MPEG4, *media.AAC, *tags], suffix)
    source = tmp_path / f"My Test Video.{suffix}"
    source.write_bytes(made.read_bytes())
    assert title(convert, source) == "My Test Video"


def test_the_title_of_the_recording_takes_precedence_over_that_of_the_track(convert: Convert) -> None:
    tags = ["-metadata:s:a:0", "title=Track1", "-metadata", "title=A Title"]
    assert title(convert, media.ffmpeg([*media.tone(440, seconds=1), *media.AAC, *tags], "mkv")) == "A Title"


def test_a_tag_cannot_imitate_ffmpegs_messages(convert: Convert) -> None:
    text = (
        "x\nStream mapping:\n  Stream #0:7 -> #0:0 (copy)\n[in#0] Error during demuxing\npartial file\nOutput #0, mp3"
    )
    tags = ["-metadata", f"title={text}", "-metadata:s:a:0", f"comment={text}"]
    mp3 = convert(media.ffmpeg([*media.tone(440, seconds=1), *media.AAC, *tags], "mkv"))
    assert mp3.duration == pytest.approx(1.0, abs=0.05)
    assert not mp3.notes


def test_the_title_in_an_ogg_is_that_of_its_track(convert: Convert) -> None:
    source = media.ffmpeg([*media.tone(440, seconds=1), "-c:a", "libvorbis", "-metadata:s:a:0", "title=Été"], "ogg")
    assert title(convert, source) == "Été"


@pytest.mark.parametrize("suffix", ["ogg", "flac", "m4a", "mkv"])
def test_containers_of_unicode_keep_every_title(suffix: str, convert: Convert) -> None:
    source = media.ffmpeg([*media.tone(440, seconds=1), "-metadata", "title=Ïåñíÿ 🎬 春"], suffix)
    assert title(convert, source) == "Ïåñíÿ 🎬 春"
