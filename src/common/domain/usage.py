"""The collection `usage` of the database `videos`: what each account uses, and the quotas that only it has.

Each act changes the counters in one update, with the condition that no quota is exceeded: concurrent requests on
several replicas cannot exceed one together. Days are days of UTC, by MongoDB's clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from pymongo import ReturnDocument

from common.domain.owners import Owner
from common.domain.quotas import Amounts, Quotas, refusal
from common.errors import TooManyRequests
from common.runtime.clock import now
from common.storage.mongo import NOW, Db, Document, failures, in_seconds, incremented, literals

_TODAY: Document = {"$dateToString": {"date": NOW, "format": "%Y-%m-%d"}}
_HOUR: Document = {"$dateToString": {"date": NOW, "format": "%Y-%m-%dT%H"}}
# Counters that begin at 0 every day or hour: the field with the one that they are about, and the current one.
_PERIODS = {
    **dict.fromkeys(("uploaded", "conversions", "seconds"), ("$day", _TODAY)),
    "emails": ("$hour", _HOUR),
}
# s. The counters of an account are compared with what is stored this long after the first change since the last time,
# and not just after a change: the job of an upload is created after the upload has been counted.
_RECOUNT_AFTER = 24 * 3600.0
_QUIET = 60.0

_NAMES = tuple(field.name for field in fields(Amounts))


class UsageRepository:
    """Every method raises StorageUnavailable when MongoDB does not answer; `owner` is the key of an account."""

    def __init__(self, db: Db) -> None:
        self.collection = db["usage"]

    def ensure_indexes(self) -> None:
        with failures():
            self.collection.create_index([("recount_at", 1)], sparse=True)

    def open(self, owner: Owner) -> None:
        """Records whose usage it is, once; then housekeeping counts what earlier releases stored for the account."""
        with failures():
            if self.collection.find_one({"_id": owner.key, "username": owner.username}, {"_id": 1}) is None:
                known = literals({"username": owner.username, "since": owner.since})
                # A count in progress has not counted these files, and must not end the wait for the next one.
                change = {**known, "recount_at": NOW, "changes": incremented("changes")}
                self.collection.update_one({"_id": owner.key}, [{"$set": change}], upsert=True)

    def quotas(self, owner: str, defaults: Quotas) -> Quotas:
        """The account's own quotas (`quotas` in its record) before the defaults."""
        with failures():
            record = self.collection.find_one({"_id": owner}, {"quotas": 1})
        return defaults.overridden((record or {}).get("quotas") or {})

    def used(self, owner: str) -> Amounts:
        with failures():
            found = list(self.collection.aggregate([{"$match": {"_id": owner}}, {"$project": _current()}]))
        return Amounts(**{name: found[0][name] for name in _NAMES}) if found else Amounts()

    def check(self, owner: str, cost: Amounts, defaults: Quotas) -> None:
        """Raises as `charge`, and changes nothing."""
        quotas = self.quotas(owner, defaults)
        if quotas != Quotas() and (refused := refusal(self.used(owner), cost, quotas)):
            raise refused

    def charge(self, owner: str, cost: Amounts, defaults: Quotas) -> str:
        """Adds what an act costs, and returns the day (YYYY-MM-DD) for `give_back`.

        Raises TooManyRequests or TooLarge if a quota would be exceeded.
        """
        quotas = self.quotas(owner, defaults)
        where = {"_id": owner, "$expr": {"$and": [*_conditions(cost, quotas)]}}
        change = [{"$set": _added({name: getattr(cost, name) for name in _NAMES})}]
        with failures():
            # `$expr` cannot be used in an upsert.
            self.collection.update_one({"_id": owner}, {"$setOnInsert": {"changes": 0}}, upsert=True)
            document = self.collection.find_one_and_update(where, change, return_document=ReturnDocument.AFTER)
        if document is None:
            raise refusal(self.used(owner), cost, quotas) or TooManyRequests(
                "The usage of the account has just changed. Try again.", headers={"Retry-After": "1"}
            )
        return str(document["day"])

    def add(self, owner: str, cost: Amounts) -> None:
        """Adds what has been used already, without a condition."""
        amounts = {name: getattr(cost, name) for name in _NAMES}
        with failures():
            self.collection.update_one({"_id": owner}, [{"$set": _added(amounts)}], upsert=True)

    def give_back(self, owner: str, cost: Amounts, day: str | None = None) -> None:
        """Subtracts what an act has cost; from the daily counters only if they are still those of `day`."""
        amounts: dict[str, Any] = {name: -getattr(cost, name) for name in _NAMES}
        for name, (field, _) in _PERIODS.items():
            if field == "$day":
                amounts[name] = {"$cond": [{"$eq": [day, _TODAY]}, amounts[name], 0]}
        with failures():
            self.collection.update_one({"_id": owner}, [{"$set": _added(amounts)}])

    def of_accounts(self, owners: Sequence[str]) -> dict[str, tuple[Amounts, Document]]:
        """What each of these accounts has used, and its own quotas as they are stored (empty if it has none)."""
        stages = [{"$match": {"_id": {"$in": list(owners)}}}, {"$project": {**_current(), "quotas": 1}}]
        with failures():
            found = {row["_id"]: row for row in self.collection.aggregate(stages)}
        rows = {owner: found.get(owner, {}) for owner in owners}
        return {
            owner: (Amounts(**{name: row[name] for name in _NAMES if name in row}), row.get("quotas") or {})
            for owner, row in rows.items()
        }

    def set_quotas(self, owner: str, seen: Mapping[str, Any], quotas: Mapping[str, Any]) -> bool:
        """Replaces the account's own quotas; False if they have changed since they were `seen`."""
        change = {"$set": {"quotas": dict(quotas)}} if quotas else {"$unset": {"quotas": ""}}
        where = {"_id": owner, "quotas": dict(seen) if seen else {"$in": [None, {}]}}
        with failures():
            self.collection.update_one({"_id": owner}, {"$setOnInsert": {"changes": 0}}, upsert=True)
            return self.collection.update_one(where, change).matched_count == 1

    def delete(self, *owners: str) -> None:
        """For deleted accounts."""
        with failures():
            self.collection.delete_many({"_id": {"$in": owners}})

    def to_recount(self, limit: int) -> list[Document]:
        """The records that are to be compared with what is stored, and that are not changing."""
        moment = now()
        quiet = moment - timedelta(seconds=_QUIET)
        query = {"recount_at": {"$lte": moment}, "changed_at": {"$not": {"$gt": quiet}}}
        with failures():
            return list(self.collection.find(query).sort("recount_at", 1).limit(limit))

    def recount(self, seen: Document, stored: int, unfinished: int) -> bool:
        """Stores what was counted, unless the record has changed since it was `seen`; whether it was wrong."""
        counted = {"stored": stored, "unfinished": unfinished}
        where = {"_id": seen["_id"], "changes": seen.get("changes")}
        with failures():
            result = self.collection.update_one(where, {"$set": counted, "$unset": {"recount_at": ""}})
        return result.matched_count == 1 and any(seen.get(name, 0) != value for name, value in counted.items())


def owner_in(record: Mapping[str, Any]) -> Owner | None:
    """Whose usage it is; None if the account's owner has not sent a request yet."""
    if "username" not in record:
        return None
    account = record["_id"] if record["_id"] != record["username"] else None
    since: datetime | None = record["since"]
    return Owner(record["username"], account, since)


def _now(name: str) -> Document:
    value = {"$ifNull": [f"${name}", 0]}
    return {"$cond": [{"$eq": list(_PERIODS[name])}, value, 0]} if name in _PERIODS else value


def _current() -> Document:
    return {name: _now(name) for name in _NAMES}


def _added(amounts: Mapping[str, Any]) -> Document:
    """Fields of an update; a counter is never negative."""
    counters = {name: {"$max": [0, {"$add": [_now(name), amount]}]} for name, amount in amounts.items()}
    return {**counters, "day": _TODAY, "hour": _HOUR, "changed_at": NOW, "changes": incremented("changes"),
            "recount_at": {"$ifNull": ["$recount_at", in_seconds(_RECOUNT_AFTER)]}}  # fmt: skip


def _conditions(cost: Amounts, quotas: Quotas) -> list[Document]:
    conditions = []
    for name, amount in vars(cost).items():
        if amount and (limit := getattr(quotas, name)) is not None:
            conditions.append({"$lte": [{"$add": [_now(name), amount]}, limit]})
    if cost.conversions and quotas.seconds is not None:
        # How much sound a video has is known after its conversion only.
        conditions.append({"$lt": [_now("seconds"), quotas.seconds]})
    return conditions
