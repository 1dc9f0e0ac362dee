"""The MP3's tags are the video's; the title falls back to the file's name."""

import pytest

from converter.mp3 import tags


@pytest.mark.parametrize(
    ("filename", "stem"),
    [
        ("film.mp4", "film"),
        ("film.final.cut.mkv", "film.final.cut"),
        ("-film.mp4", "-film"),
        ("../../etc/film.mp4", "film"),
        ("C:\\Videos\\film.avi", "film"),
        (".mp4", ".mp4"),
        ("film", "film"),
        ("Ferien – Köln 🎬.mov", "Ferien – Köln 🎬"),
        ("one\ntwo\x00.mp4", "one two"),
        ("lone \udcff surrogate.mp4", "lone surrogate"),
        ("", "audio"),
        ("folder/", "audio"),
    ],
)
def test_the_stem_is_the_name_without_folder_and_suffix(filename: str, stem: str) -> None:
    assert tags.stem(filename) == stem


def test_tags_of_the_video_are_used() -> None:
    assert tags.choose({"TITLE": "A", "Artist": "B", "album": "C", "comment": "D"}, "file.mp4") == {
        "title": "A",
        "artist": "B",
        "album": "C",
    }


def test_missing_and_blank_tags_are_omitted() -> None:
    assert tags.choose({"title": " ", "artist": ""}, "file.mp4") == {"title": "file"}


def test_an_avi_calls_its_album_a_product() -> None:
    assert tags.choose({"product": "C"}, "file.avi")["album"] == "C"


def test_a_tag_is_one_short_line() -> None:
    assert tags.choose({"title": "a\n\tb\x00" + "c" * 10_000}, "")["title"] == "a b " + "c" * 496
