"""A file's name: without folders, without its suffix, and in no unknown encoding."""

import pytest

from common.domain import filenames


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("talk.mp4", "talk.mp4"),
        ("../../etc/passwd", "passwd"),
        ("folder/", ""),
        ("C:\\fakepath\\talk.mp4", "talk.mp4"),
        ("c:\\talk.mp4", "talk.mp4"),
        ("\\\\server\\share\\talk.mp4", "talk.mp4"),
        ("..\\talk.mp4", "talk.mp4"),
        (".\\talk.mp4", "talk.mp4"),
        # A backslash that is no folder's.
        ("AC\\DC.mp4", "AC\\DC.mp4"),
        ("AC\\DC - T\\N\\T.mp4", "AC\\DC - T\\N\\T.mp4"),
        ("C:The End.mp4", "C:The End.mp4"),
    ],
)
def test_folders_are_no_part_of_a_name(name, base):
    assert filenames.base_name(name) == base


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("talk.mp4", "talk"),
        ("TALK.MP4", "TALK"),
        ("talk.final.cut.mkv", "talk.final.cut"),
        ("Interview with Dr. No", "Interview with Dr. No"),
        ("Interview with Dr. No.mp4", "Interview with Dr. No"),
        ("Mambo No. 5", "Mambo No. 5"),
        ("S.W.A.T", "S.W.A.T"),
        ("report.final", "report.final"),
        ("Version 2.0", "Version 2.0"),
        (".mp4", ".mp4"),
        ("talk .mp4", "talk"),
        ("talk.", "talk."),
        ("talk", "talk"),
        ("Ferien – Köln 🎬.mov", "Ferien – Köln 🎬"),
        ("C:\\videos\\AC.avi", "AC"),
        ("AC\\DC.webm", "AC\\DC"),
        ("recording.3gp", "recording"),
        ("", ""),
    ],
)
def test_only_the_suffix_of_a_media_file_is_removed(name, stem):
    assert filenames.stem(name) == stem


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Grüße 🎵".encode(), "Grüße 🎵"),
        ("Песня о весне".encode("cp1251"), "Песня о весне"),
        ("дом".encode("cp1251"), "_"),
        (b"a\xffb\xff\xfec", "a_b_c"),
        (b"", ""),
    ],
)
def test_bytes_become_text(raw, name):
    assert filenames.decode(raw) == name
