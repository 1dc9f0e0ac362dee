"""Forms of `POST /upload` in all shapes that clients send, and those that are refused."""

from typing import Any

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from common.errors import BadRequest, TooLarge, UnsupportedType
from gateway.uploads.multipart import Receiver

TYPE = "multipart/form-data; boundary=B"
VIDEO = b"\x00\x00\x00\x20ftypisom" + bytes(range(256)) * 20
END = b"--B--\r\n"


class Writer:
    """What a GridFS file receives."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.data = b""
        self.state = "open"

    @property
    def size(self) -> int:
        return len(self.data)

    def write(self, data: bytes) -> None:
        self.data += data

    def finish(self) -> str:
        self.state = "finished"
        return "id"

    def abort(self) -> None:
        if self.state == "open":
            self.state = "aborted"


class Upload:
    """A request and the files that it creates."""

    def __init__(self, body: bytes, content_type: str = TYPE, limit_mb: int = 1) -> None:
        self.files: list[Any] = []
        environ = EnvironBuilder("/upload", method="POST", data=body, content_type=content_type).get_environ()
        self.receiver = Receiver(Request(environ), limit_mb, self._create)

    def _create(self, name: str) -> Any:
        self.files.append(Writer(name))
        return self.files[-1]


def part(disposition: bytes, content: bytes) -> bytes:
    return b"--B\r\nContent-Disposition: form-data; " + disposition + b"\r\n\r\n" + content + b"\r\n"


FILE = part(b'name="file"; filename="a.mp4"', VIDEO)
EMPTY = part(b'name="second"; filename=""\r\nContent-Type: application/octet-stream', b"")


@pytest.mark.parametrize(
    ("before", "disposition", "after", "filename"),
    [
        (b"", 'name="file"; filename="Песня о весне.mp4"'.encode("cp1251"), b"", "Песня о весне.mp4"),
        (b"", b'name="file"; filename="Vid\xe9o d\'\xe9t\xe9.mp4"', b"", "Vidéo d'été.mp4"),
        (b"", 'name="file"; filename="春の歌.mp4"'.encode("cp932"), b"", "春の歌.mp4"),
        (b"", 'name="file"; filename="дом.mp4"'.encode("cp1251"), b"", "_.mp4"),
        (b"", b'name="file"; filename*="UTF-8\'\'na%C3%AFve.mp4"', b"", "naïve.mp4"),
        (b"", b"name=file; filename=a.mp4; filename*=UTF-8''na%C3%AFve.mp4", b"", "naïve.mp4"),
        (b"", b'name="file"; filename="AC\\DC.mp4"', b"", "AC\\DC.mp4"),
        (b"", b'name="file"; filename="C:\\fakepath\\talk.mp4"', b"", "talk.mp4"),
        (b"", b'name="file"; filename="../../etc/talk.mp4"', b"", "talk.mp4"),
        (b"", b'name="file";\r\n filename="talk.mp4"', b"", "talk.mp4"),
        (b"", b'name="file";\n\tfilename="talk.mp4"', b"", "talk.mp4"),
        (b"", b'name="file"; filename="talk.mp4"', EMPTY, "talk.mp4"),
        (EMPTY, b'name="file"; filename="talk.mp4"', EMPTY, "talk.mp4"),
        (b"", b'name="file"; filename="Interview with Dr. No"', b"", "Interview with Dr. No"),
    ],
)
def test_the_name_of_a_file_is_read_in_all_forms(before, disposition, after, filename):
    upload = Upload(before + part(disposition, VIDEO) + after + END)
    upload.receiver.receive()
    assert upload.receiver.filename == filename
    assert upload.receiver.finish() == ("id", len(VIDEO))
    ((file),) = upload.files
    assert (file.name, file.data, file.state) == (filename, VIDEO, "finished")


def test_the_fields_are_read_wherever_they_are_and_the_first_value_counts():
    title, bitrate = part(b'name="title"', "Grüße".encode()), part(b'name="bitrate"', b"64")
    upload = Upload(title + FILE + bitrate + part(b'name="title"', b"Other") + END)
    upload.receiver.receive()
    assert upload.receiver.fields == {"title": "Grüße", "bitrate": "64"}


@pytest.mark.parametrize(
    ("body", "content_type", "error", "text"),
    [
        (b"", TYPE, BadRequest, "-F file=@"),
        (END, TYPE, BadRequest, "no file"),
        (part(b'name="file"', VIDEO) + END, TYPE, BadRequest, "no file"),
        (part(b'name="file"; filename="a.mp4"', b"") + END, TYPE, BadRequest, "empty"),
        (part(b'name="file"; filename=""', VIDEO) + END, TYPE, BadRequest, "no name"),
        (FILE + FILE + END, TYPE, BadRequest, "one file"),
        (FILE, TYPE, BadRequest, "incomplete"),
        (FILE + END, "multipart/form-data", BadRequest, "multipart"),
        (VIDEO, "video/mp4", UnsupportedType, "multipart/form-data"),
        (b"file=x", "application/x-www-form-urlencoded", UnsupportedType, "multipart/form-data"),
        (part(b'name="f"; filename="a.mp4"', b"#EXTM3U\nfile:///etc/passwd\n") + END, TYPE, UnsupportedType, "text"),
        (part(b'name="f"; filename="a.mp4"', b"%PDF-1.7 " + VIDEO) + END, TYPE, UnsupportedType, "PDF"),
        (part(b'name="f"; filename="a.mp4"', VIDEO * 210) + END, TYPE, TooLarge, "larger than 1 MB"),
        (part(b'name="x"', b"y" * 700_000) + END, TYPE, TooLarge, "fields"),
    ],
)
def test_an_invalid_form_is_refused_and_leaves_no_file(body, content_type, error, text):
    upload = Upload(body, content_type)
    with pytest.raises(error, match=text):
        upload.receiver.receive()
    upload.receiver.close()
    assert {file.state for file in upload.files} <= {"aborted"}
