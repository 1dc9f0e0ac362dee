"""Whose a stored record is: by the account's id, and for records of earlier releases by address and age."""

from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from common.domain.owners import Owner
from tests.unit.gateway.memory import Collection, matches

ADDRESS = "ann@example.com"
REGISTERED = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
BEFORE, AFTER = (ObjectId.from_datetime(REGISTERED + timedelta(seconds=s)) for s in (-1, 1))

# An account of an earlier release, and one that was registered in this one.
OLD, NEW = Owner(ADDRESS, "old"), Owner(ADDRESS, "new", REGISTERED)
# Of a request whose token was validated by a replica of the previous release, during an update.
BY_ADDRESS = Owner(ADDRESS)
OTHER = Owner("ben@example.com", "other")

RECORDS = [
    # The owner of the id, whatever the address and the age.
    ({"_id": BEFORE, "account": "old", "username": ADDRESS}, {OLD, BY_ADDRESS}),
    ({"_id": AFTER, "account": "old", "username": ADDRESS}, {OLD, BY_ADDRESS}),
    ({"_id": AFTER, "account": "new", "username": ADDRESS}, {NEW, BY_ADDRESS}),
    ({"_id": BEFORE, "account": "new", "username": "former@example.com"}, {NEW}),
    ({"_id": AFTER, "account": "other", "username": ADDRESS}, {OTHER, BY_ADDRESS}),
    # Of an earlier release: not of an account that did not exist then.
    ({"_id": BEFORE, "username": ADDRESS}, {OLD, BY_ADDRESS}),
    ({"_id": AFTER, "username": ADDRESS}, {OLD, NEW, BY_ADDRESS}),
    ({"_id": AFTER, "account": None, "username": ADDRESS}, {OLD, NEW, BY_ADDRESS}),
    ({"_id": AFTER, "username": "former@example.com"}, set()),
    ({"_id": AFTER}, set()),
]


@pytest.mark.parametrize(("record", "owners"), RECORDS)
def test_a_record_belongs_to_the_account_that_stored_it(record, owners):
    everybody = {OLD, NEW, BY_ADDRESS, OTHER}
    assert {o for o in everybody if o.owns(record["_id"], record.get("account"), record.get("username"))} == owners
    assert {o for o in everybody if matches(record, o.records)} == owners


def test_records_of_both_kinds_are_read_in_one_order():
    collection = Collection()
    ids = [ObjectId.from_datetime(REGISTERED + timedelta(seconds=s)) for s in range(6)]
    for number, record_id in enumerate(ids):
        collection.insert_one({"_id": record_id, "username": ADDRESS, "account": "new" if number % 2 else None})
    collection.insert_one({"_id": BEFORE, "username": ADDRESS, "account": None})

    def found(query, **how):
        return [row["_id"] for row in NEW.in_order(collection, query, **how)]  # type: ignore[arg-type]

    assert found({}, newest_first=False, limit=0) == ids
    assert found({}, newest_first=True, limit=4) == ids[:1:-1]
    assert found({"_id": {"$lt": ids[3]}}, newest_first=True, limit=9) == ids[2::-1]
