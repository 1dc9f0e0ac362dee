"""What a person may choose, and the links that they get."""

import time

import pytest
from bson import BSON, ObjectId
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import TimestampSigner

from common.domain.download_links import DownloadLinks
from common.domain.options import ConversionOptions
from common.errors import Invalid
from common.runtime.settings import LinkSettings

WEEK = 7 * 24 * 3600
SECRET = "0123456789abcdef0123456789abcdef"


def test_without_fields_the_defaults_are_taken_and_nothing_is_stored():
    options = ConversionOptions.parse({})
    assert options.bitrate == 192
    assert options.as_document() == {}


def test_a_chosen_bitrate_is_stored():
    assert ConversionOptions.parse({"bitrate": "320"}).as_document() == {"bitrate": 320}


def test_a_chosen_bitrate_is_not_the_default_even_if_it_is_as_high():
    options = ConversionOptions.parse({"bitrate": "192", "channels": "keep", "reencode": "false"})
    assert options.as_document() == {"bitrate": 192}


@pytest.mark.parametrize("value", ["", "abc", "63", "100", "1e3", "-192", "192; rm -rf /"])
def test_an_invalid_bitrate_is_rejected_with_the_valid_values(value):
    with pytest.raises(Invalid, match="bitrate"):
        ConversionOptions.parse({"bitrate": value})


def test_an_unknown_option_is_named():
    with pytest.raises(Invalid, match="bitrat: is not an option"):
        ConversionOptions.parse({"bitrat": "192"})


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("quality", "10", "from 0"),
        ("channels", "5", "mono"),
        ("sample_rate", "8000", "44100"),
        ("start", "-1", "86400"),
        ("start", "1:60", "hh:mm:ss"),
        ("end", "nan", "86400"),
        ("end", "1e9", "86400"),
        ("normalize", "maybe", "true or false"),
        ("title", "x" * 501, "500"),
        ("cover", "cat.jpg", "frame"),
        ("reencode", "again", "true or false"),
        ("track", "0", "from 1"),
        ("track", "9" * 5000, "from 1"),
    ],
)
def test_an_invalid_value_is_rejected_with_the_field_and_the_range(field, value, text):
    with pytest.raises(Invalid, match=f"^{field}: must be ") as refused:
        ConversionOptions.parse({field: value})
    assert text in str(refused.value)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("83.5", 83.5), ("00:01:23.500", 83.5), ("1:23.5", 83.5), ("1:02:03", 3723), (83.5, 83.5), ("0", 0)],
)
def test_a_time_is_in_seconds_or_hours_minutes_and_seconds(value, seconds):
    assert ConversionOptions.parse({"start": value}).start == seconds


def test_bitrate_and_quality_exclude_each_other():
    with pytest.raises(Invalid, match="exclude each other"):
        ConversionOptions.parse({"bitrate": "192", "quality": "2"})


@pytest.mark.parametrize("end", ["5", "00:00:05", "4"])
def test_the_end_is_after_the_start(end):
    with pytest.raises(Invalid, match="end: must be after start"):
        ConversionOptions.parse({"start": "5", "end": end})


def test_a_tag_is_one_line_of_text():
    assert ConversionOptions.parse({"title": " a\n\0b\u202e ", "album": " "}).as_document() == {"title": "a b"}


@given(
    st.dictionaries(
        st.sampled_from(sorted(ConversionOptions.model_fields)),
        st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.lists(st.text()), st.none()),
    )
)
def test_any_options_are_rejected_or_can_be_stored_and_read(fields):
    try:
        options = ConversionOptions.parse(fields)
    except Invalid:
        return
    assert ConversionOptions.model_validate(BSON.encode(options.as_document()).decode()) == options


def links(**more):
    return DownloadLinks(LinkSettings(**{"link_secret": SECRET, "public_url": "https://example.com/", **more}))


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


def test_a_link_of_the_previous_secret_is_accepted_until_it_expires_and_none_is_signed_with_it():
    fid, old = str(ObjectId()), SECRET[::-1]
    rotated = links(link_secret_previous=old)
    assert rotated.allows(token_of(DownloadLinks(LinkSettings(link_secret=old)).url(fid)), fid)
    assert not rotated.allows(signed_in(-WEEK - 60, fid, link_secret=old), fid)
    assert not DownloadLinks(LinkSettings(link_secret=old)).allows(token_of(rotated.url(fid)), fid)
    assert links().allows(token_of(rotated.url(fid)), fid)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "\0", "é" * 100])
def test_a_forged_token_opens_nothing(token):
    assert not links().allows(token, str(ObjectId()))


def signed_in(seconds, fid, **more):
    """The token of a link that another service signs so many seconds from now."""
    signer = links(**more)
    clock = time.time() + seconds
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TimestampSigner, "get_timestamp", lambda _: int(clock))
        return token_of(signer.url(fid))


@pytest.mark.parametrize(
    ("seconds", "allowed"),
    [(1, True), (50, True), (120, False), (0, True), (-50, True), (-WEEK + 60, True), (-WEEK - 60, False)],
)
def test_clocks_may_differ_by_a_minute(seconds, allowed):
    fid = str(ObjectId())
    assert links().allows(signed_in(seconds, fid), fid) is allowed


def test_the_leeway_is_a_setting():
    fid = str(ObjectId())
    assert links(link_leeway=600).allows(signed_in(300, fid), fid)
    assert not links(link_leeway=0).allows(signed_in(30, fid), fid)
