"""A message is one of the contract, or refused with what is wrong."""

import contextlib
import json

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from common.messaging.message import InvalidMessage, Message, attempt_of, decode

FID = ObjectId()


def test_a_message_survives_encoding():
    message = Message(video_fid=FID, mp3_fid=ObjectId(), username="ü@example.com")
    assert decode(message.encode()) == message


def test_a_message_carries_just_the_fields_of_the_contract():
    fields = json.loads(Message(video_fid=FID, mp3_fid=None, username="a@example.com").encode())
    assert fields == {"video_fid": str(FID), "mp3_fid": None, "username": "a@example.com"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 10_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "username is missing"),
        (b'{"username": "a@example.com"}', "video_fid is missing"),
        (b'{"username": "a@example.com", "video_fid": "../../etc/passwd"}', "video_fid is not a file id"),
        (b'{"username": "a@example.com", "video_fid": {"$gt": ""}}', "video_fid is not a file id"),
        (b'{"username": "a@example.com", "video_fid": 12}', "video_fid is not a file id"),
        (b'{"username": ["a@example.com"], "video_fid": null}', "username is missing"),
        (b" " * 20_000, "bytes"),
    ],
)
def test_a_message_that_is_none_is_refused_with_the_reason(body, reason):
    with pytest.raises(InvalidMessage, match=reason):
        decode(body)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_parser(body):
    with contextlib.suppress(InvalidMessage):
        decode(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=30) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.fixed_dictionaries({}, optional={"video_fid": JSON, "mp3_fid": JSON, "username": JSON, "more": JSON}))
def test_no_json_breaks_the_parser(fields):
    with contextlib.suppress(InvalidMessage):
        decode(json.dumps(fields).encode())


@pytest.mark.parametrize("headers", [None, {}, {"x-attempt": "3"}, {"x-attempt": -1}, {"x-attempt": None}])
def test_a_strange_attempt_header_counts_as_the_first_attempt(headers):
    assert attempt_of(headers) == 0
