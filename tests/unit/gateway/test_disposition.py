"""The name of an uploaded file in all forms that clients send."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.uploads import disposition


@pytest.mark.parametrize(
    ("parameters", "filename"),
    [
        # As browsers, curl and requests send it.
        (b'filename="talk.mp4"', "talk.mp4"),
        ('filename="Grüße – 音楽 🎵.mp4"'.encode(), "Grüße – 音楽 🎵.mp4"),
        (b'filename="say %22hi%22.mp4"', 'say "hi".mp4'),
        (b'filename="say \\"hi\\".mp4"', 'say "hi".mp4'),
        (b'filename="100%.mp4"', "100%.mp4"),
        (b'filename="50%20.mp4"', "50%20.mp4"),
        (b'filename="a;b=c.mp4"', "a;b=c.mp4"),
        (b"filename=talk.mp4", "talk.mp4"),
        (b"filename=two words.mp4", "two words.mp4"),
        (b'FileName = "talk.mp4"', "talk.mp4"),
        (b'filename=""', ""),
        (b"filename=", ""),
        # Backslashes: of a name, and as escapes.
        (b'filename="AC\\DC.mp4"', "AC\\DC.mp4"),
        (b'filename="AC\\\\DC.mp4"', "AC\\DC.mp4"),
        (b'filename="AC\\"', "AC\\"),
        (b'filename="C:\\fakepath\\talk.mp4"', "C:\\fakepath\\talk.mp4"),
        # Old code pages.
        (b'filename="\xe9t\xe9 \xe0 Paris.mp4"', "été à Paris.mp4"),
        ('filename="Песня о весне.mp4"'.encode("cp1251"), "Песня о весне.mp4"),
        ('filename="春の歌.mp4"'.encode("cp932"), "春の歌.mp4"),
        ('filename="ソーラー表.mp4"'.encode("cp932"), "ソーラー表.mp4"),
        ('filename="Zażółć gęślą.mp4"'.encode("cp1250"), "Zażółć gęślą.mp4"),
        ('filename="дом.mp4"'.encode("cp1251"), "_.mp4"),
        (b'filename="\x81\xff\x00.mp4"', "_\0.mp4"),
        # RFC 8187, which takes precedence over the plain form, and its variant of Postman.
        (b"filename*=UTF-8''na%C3%AFve%20talk.mp4", "naïve talk.mp4"),
        (b"filename*=utf-8'en'na%C3%AFve.mp4", "naïve.mp4"),
        (b"filename*=\"UTF-8''na%C3%AFve.mp4\"", "naïve.mp4"),
        (b"filename=\"naive.mp4\"; filename*=UTF-8''na%C3%AFve.mp4", "naïve.mp4"),
        (b"filename*=UTF-8''na%C3%AFve.mp4; filename=\"naive.mp4\"", "naïve.mp4"),
        (b'filename*="UTF-8\'\'na%C3%AFve.mp4"; filename="naive.mp4"', "naïve.mp4"),
        (b"filename*=iso-8859-1''na%EFve.mp4", "naïve.mp4"),
        (b"filename*=windows-1251''%CF%E5%F1%ED%FF.mp4", "Песня.mp4"),
        (b"filename*=Shift_JIS''%8Ft.mp4", "春.mp4"),
        (b"filename*=''na%C3%AFve.mp4", "naïve.mp4"),
        (b"filename*=UTF-8''%81%FF.mp4; filename=\"b.mp4\"", "_.mp4"),
        (b"filename*=UTF-8''a'b.mp4", "a'b.mp4"),
        # Invalid parameters are ignored.
        (b"filename*=rot13''gnyx.mp4; filename=talk.mp4", "talk.mp4"),
        (b"filename*=nonsense; filename=talk.mp4", "talk.mp4"),
        (b"filename*=windows-1252''%81.mp4; filename=talk.mp4", "talk.mp4"),
        (b'filename="first.mp4"; filename="second.mp4"', "first.mp4"),
    ],
)
def test_the_filename_is_parsed(parameters, filename):
    assert disposition.parse(b'form-data; name="file"; ' + parameters) == ("file", filename)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b'form-data; name="title"', "title"),
        (b"form-data; name=title", "title"),
        (b"form-data", ""),
        ('form-data; name="Заглавие"'.encode(), "Заглавие"),
        (b"form-data; name=title; filename*=nonsense", "title"),
    ],
)
def test_a_part_without_a_filename_is_a_field(header, name):
    assert disposition.parse(header) == (name, None)


@pytest.mark.parametrize("piece", [b"\\", b'\\"', b'"', b";", b"; ", b"; a=", b"filename*=", b"%", b"\xff", b"'"])
def test_hostile_headers_take_no_time(piece):
    begun = time.process_time()
    disposition.parse(b'form-data; name="' + piece * 20_000)
    assert time.process_time() - begun < 3


@given(st.binary(max_size=200))
def test_any_bytes_give_text_that_can_be_stored(header):
    name, filename = disposition.parse(b'form-data; name="file"; filename="' + header)
    name.encode()
    (filename or "").encode()
