"""The header Upload-Metadata of tus: the file's name, options, and keys of the client's own."""

import base64

import pytest

from common.errors import BadRequest, Invalid
from gateway.uploads import tus_headers


def header(**fields: str | bytes) -> str:
    values = {name: value.encode() if isinstance(value, str) else value for name, value in fields.items()}
    return ",".join(f"{name} {base64.b64encode(value).decode()}" for name, value in values.items())


@pytest.mark.parametrize(
    ("value", "filename", "options"),
    [
        (header(filename="talk.mp4"), "talk.mp4", {}),
        (header(filename="talk.mp4", bitrate="128"), "talk.mp4", {"bitrate": "128"}),
        (header(filename="talk.mp4", filetype="video/mp4", relativePath="null"), "talk.mp4", {}),
        (header(name="talk.mp4", type="video/mp4"), "talk.mp4", {}),
        (header(name="other.mp4", filename="talk.mp4"), "talk.mp4", {}),
        # Keys of the client's own, whatever they contain.
        (header(filename="talk.mp4", caption="A talk", uid=b"\xff\x00"), "talk.mp4", {}),
        ("is_confidential," + header(filename="talk.mp4"), "talk.mp4", {}),
        ("empty ," + header(filename="talk.mp4"), "talk.mp4", {}),
        (header(filename="Песня о весне.mp4".encode("cp1251")), "Песня о весне.mp4", {}),
        (header(filename="AC\\DC.mp4"), "AC\\DC.mp4", {}),
        (header(filename="C:\\fakepath\\talk.mp4"), "talk.mp4", {}),
        (header(filename="x" * 500), "x" * 400, {}),
        (header(filename=" talk.mp4 ") + " , ", "talk.mp4", {}),
    ],
)
def test_metadata_is_parsed(value, filename, options):
    assert tus_headers.metadata(value) == (filename, options)


@pytest.mark.parametrize("value", ["", "filename", "filename ,", header(caption="A talk"), header(filename="folder/")])
def test_a_name_is_needed(value):
    with pytest.raises(Invalid, match="filename"):
        tus_headers.metadata(value)


@pytest.mark.parametrize(
    "value", ["filename talk.mp4", "filename !!!", "filename dGFsaw", "caption é," + header(filename="a")]
)
def test_values_must_be_base64(value):
    with pytest.raises(BadRequest, match="base64"):
        tus_headers.metadata(value)
