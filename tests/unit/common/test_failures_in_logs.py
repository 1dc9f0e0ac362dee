"""Failures of a server that is down: short lines, and not many of them."""

import logging

import pytest
from pymongo.errors import AutoReconnect, OperationFailure, ServerSelectionTimeoutError

from common.runtime.logs import Sparse
from common.storage.mongo import StorageUnavailable, failures

TOPOLOGY = (
    "mongodb:27017: [Errno 111] Connection refused (configured timeouts: socketTimeoutMS: 20000.0ms, connectTimeoutMS:"
    " 10000.0ms), Timeout: 10.0s, Topology Description: <TopologyDescription id: 65, topology_type: Unknown, servers:"
    " [<ServerDescription ('mongodb', 27017) server_type: Unknown, rtt: None>]>"
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ServerSelectionTimeoutError(TOPOLOGY), "MongoDB unavailable: mongodb:27017: Connection refused"),
        (
            ServerSelectionTimeoutError(
                'No replica set members match selector "Primary()", Timeout: 10s, Topology ...'
            ),
            'MongoDB unavailable: No replica set members match selector "Primary()"',
        ),
        (
            AutoReconnect("mongodb:27017: [Errno -3] Temporary failure in name resolution (configured timeouts: a: 1)"),
            "MongoDB unavailable: mongodb:27017: Temporary failure in name resolution",
        ),
        (AutoReconnect(""), "MongoDB unavailable: AutoReconnect"),
        (OperationFailure("not authorized", 13), "MongoDB: OperationFailure: not authorized"),
    ],
    ids=["refused", "no primary", "no name", "no text", "not about the connection"],
)
def test_an_error_of_mongodb_is_one_short_sentence(error: Exception, text: str):
    with pytest.raises(StorageUnavailable) as raised, failures():
        raise error
    assert str(raised.value) == text


def test_a_repeated_failure_is_logged_once_and_then_with_its_number(caplog: pytest.LogCaptureFixture):
    sparse = Sparse(logging.getLogger("test"), every=3600)
    for _ in range(5):
        sparse.warning("Not yet: %s", "MongoDB unavailable")
    assert [record.getMessage() for record in caplog.records] == ["Not yet: MongoDB unavailable"]

    caplog.clear()
    at_once = Sparse(logging.getLogger("test"), every=0)
    at_once.warning("Not yet")
    at_once._unlogged = 4
    at_once.warning("Not yet")
    assert [record.getMessage() for record in caplog.records] == ["Not yet", "Not yet (4 times before)"]
