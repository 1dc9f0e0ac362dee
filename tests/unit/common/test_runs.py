"""Messages say which run of a job or a summary they are about."""

import pytest
from bson import ObjectId

from common.messaging.message import RUN, Message, SummaryMessage, run_of

FID = ObjectId()


@pytest.mark.parametrize(
    "kind", [Message(FID, None, "a@example.com", run=2), SummaryMessage(FID, "a@example.com", run=2)]
)
def test_the_run_travels_in_the_headers(kind):
    assert kind.headers == {RUN: 2}
    assert run_of(kind.headers) == 2


def test_a_message_of_the_previous_release_has_no_run():
    assert Message(FID, None, "a@example.com").headers == {}


@pytest.mark.parametrize(("run", "current", "outdated"), [(0, 1, True), (1, 1, False), (2, 1, False), (None, 1, False)])
def test_a_message_is_outdated_when_its_record_is_in_a_later_run(run, current, outdated):
    assert Message(FID, None, "a@example.com", run=run).outdated(current) is outdated


@pytest.mark.parametrize("headers", [None, {}, {"x-run": "3"}, {"x-run": -1}, {"x-run": None}])
def test_an_invalid_run_header_counts_as_none(headers):
    assert run_of(headers) is None
