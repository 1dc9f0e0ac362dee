"""What a person may choose, and the links that they get."""

import pytest
from bson import ObjectId

from common.errors import Invalid
from common.links import DownloadLinks
from common.options import ConversionOptions
from common.settings import LinkSettings

SECRET = "0123456789abcdef0123456789abcdef"


def test_without_fields_the_defaults_are_taken_and_nothing_is_stored():
    options = ConversionOptions.parse({})
    assert options.bitrate == 192
    assert options.as_document() == {}


def test_a_chosen_bitrate_is_stored():
    assert ConversionOptions.parse({"bitrate": "320"}).as_document() == {"bitrate": 320}


@pytest.mark.parametrize("value", ["", "abc", "63", "100", "1e3", "-192", "192; rm -rf /"])
def test_a_bad_bitrate_is_named_with_what_it_may_be(value):
    with pytest.raises(Invalid, match="bitrate"):
        ConversionOptions.parse({"bitrate": value})


def test_an_unknown_option_is_named():
    with pytest.raises(Invalid, match="bitrat: is not an option"):
        ConversionOptions.parse({"bitrat": "192"})


def links(**more):
    return DownloadLinks(LinkSettings(link_secret=SECRET, public_url="https://example.com/", **more))


def token_of(url):
    return url.partition("&token=")[2]


def test_a_link_opens_its_own_file_only():
    fid = str(ObjectId())
    url = links().url(fid)
    assert url.startswith(f"https://example.com/download?fid={fid}&token=")
    assert links().allows(token_of(url), fid)
    assert not links().allows(token_of(url), str(ObjectId()))


def test_a_link_of_another_secret_opens_nothing():
    fid = str(ObjectId())
    foreign = DownloadLinks(LinkSettings(link_secret=SECRET[::-1]))
    assert not links().allows(token_of(foreign.url(fid)), fid)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "\0", "é" * 100])
def test_a_forged_token_opens_nothing(token):
    assert not links().allows(token, str(ObjectId()))
