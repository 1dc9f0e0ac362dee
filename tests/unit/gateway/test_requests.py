"""Types of files, names of downloads, and the documentation of the API."""

import pytest
from werkzeug.http import parse_options_header

from gateway.downloads import content_disposition
from gateway.openapi.document import document
from gateway.uploads.media_type import not_a_video


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"%PDF-1.7 ...", "PDF"),
        (b"PK\x03\x04....", "ZIP"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "text"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "text"),
        ("Grüße aus Köln ".encode() * 400, "text"),
        (b"<!doctype html>", "text"),
    ],
)
def test_a_file_that_is_no_video_is_named(head, kind):
    assert kind in not_a_video(head[:4096])


@pytest.mark.parametrize(
    "head", [b"\x00\x00\x00\x20ftypisom", b"\x1aE\xdf\xa3\x9fB\x86", b"RIFF\x00\x01\x02\x03AVI ", b"G@\x00\x10\x00\x00"]
)
def test_a_file_that_may_be_a_video_is_left_to_ffmpeg(head):
    assert not_a_video(head + bytes(range(256))) is None


NAMES = [
    "talk.mp3",
    'a "quoted" \\ name.mp3',
    "Grüße – 音楽 🎵.mp3",
    "evil\r\nX-Injected: 1.mp3",
    "\u202egpj.exe.mp3",
    "../../etc/passwd.mp3",
    "x" * 300 + ".mp3",
    "-rf.mp3",
    "lone \ud800 surrogate.mp3",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_download_name_is_safe_in_a_header(name):
    header = content_disposition(name)
    assert header.isascii()
    assert header.isprintable()
    kind, options = parse_options_header(header)
    assert kind == "attachment"
    assert options["filename"].endswith(".mp3")
    assert "/" not in options["filename"]


def test_a_unicode_name_is_kept():
    assert parse_options_header(content_disposition("Grüße 🎵.mp3"))[1]["filename"] == "Grüße 🎵.mp3"


def test_every_operation_is_documented_with_an_example_and_its_errors():
    for operations in document()["paths"].values():
        for method, operation in operations.items():
            if method == "parameters":
                continue
            assert operation["x-curl"].startswith(("curl", "TOKEN=$(curl"))
            assert method == "options" or "503" in operation["responses"]
