"""Messages that violate the contract are rejected with the reason."""

import contextlib
import json

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st
from pika import BasicProperties

from common.messaging.message import InvalidMessage, Message, Received, decode

FID = ObjectId()


def test_a_message_survives_encoding():
    message = Message(video_fid=FID, mp3_fid=ObjectId(), username="ü@example.com")
    assert decode(message.encode()) == message


def test_a_message_has_only_the_fields_of_the_contract():
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
def test_an_invalid_message_is_rejected_with_the_reason(body, reason):
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
def test_an_invalid_attempt_header_counts_as_the_first_attempt(headers):
    received = Received.read(BasicProperties(headers=headers), b"{}", probing=False)
    assert received == Received(b"{}")


def test_deliveries_are_those_that_the_broker_counts_and_those_of_earlier_copies():
    headers = {"x-delivery-count": 3, "x-deliveries": 20}
    received = Received.read(BasicProperties(headers=headers), b"{}", probing=False)
    assert (received.deliveries, received.uncounted) == (23, 3)
