"""The collections `audit` and `audit_outcomes` of the database `videos`: who has done what, on whom, when.

Both are append-only: an act is inserted before it is done, and its outcome afterwards, under the same id. An act
without an outcome was interrupted, or is being done. MongoDB lets the services find and insert only, and times are
texts, so that no index that expires documents can delete any.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bson import ObjectId

from common.domain.owners import Owner
from common.errors import PermanentError, RejectedError, TransientError, Unavailable
from common.runtime import logs
from common.runtime.clock import now
from common.runtime.logs import one_line
from common.storage.mongo import Db, Document, failures

log = logging.getLogger(__name__)


class Act(StrEnum):
    DISABLE = "disable"
    ENABLE = "enable"
    SET_QUOTAS = "set_quotas"
    # By commands.
    REPLAY = "replay"
    DROP = "drop"
    ADOPT = "adopt"


class Outcome(StrEnum):
    DONE = "done"
    FAILED = "failed"
    """Nothing was changed."""
    UNKNOWN = "unknown"
    """The process or a server failed before the end was known: it may have been done."""


@dataclass(frozen=True)
class Actor:
    """An administrator, or the command that an operator has run."""

    account: str | None = None
    email: str | None = None
    command: str | None = None

    @classmethod
    def administrator(cls, owner: Owner) -> "Actor":
        return cls(account=owner.account, email=owner.username)


@dataclass(frozen=True)
class Target:
    """An account; or for commands, the job or summary, and its queue."""

    account: str | None = None
    email: str | None = None
    subject: str | None = None
    queue: str | None = None


@dataclass(frozen=True)
class Entry:
    """An act; `before` and `after` are the values that it changes."""

    actor: Actor
    act: Act
    target: Target
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


class AuditLog:
    """Every method raises StorageUnavailable when MongoDB does not answer."""

    def __init__(self, db: Db) -> None:
        self.acts = db["audit"]
        self.outcomes = db["audit_outcomes"]

    def ensure_indexes(self) -> None:
        with failures():
            self.acts.create_index([("target.account", 1), ("_id", -1)])

    @contextmanager
    def recording(self, entry: Entry) -> Iterator[None]:
        """Records the act before the block, which must do it, and its outcome afterwards.

        An exception ends the block as usual. Raises StorageUnavailable before the block if the act cannot be recorded.
        """
        entry_id = self._record(entry)
        try:
            yield
        except (RejectedError, PermanentError) as error:
            outcome = Outcome.UNKNOWN if isinstance(error, Unavailable) else Outcome.FAILED
            self._end(entry_id, entry, outcome, error.code)
            raise
        except BaseException as error:
            code = "unavailable" if isinstance(error, TransientError) else "internal_error"
            self._end(entry_id, entry, Outcome.UNKNOWN, code)
            raise
        self._end(entry_id, entry, Outcome.DONE, None)

    def page(self, limit: int, after: ObjectId | None = None, account: str | None = None) -> list[Document]:
        """The acts as the API shows them, newest first, after this one; with `account`, those on this account."""
        query: Document = {"target.account": account} if account else {}
        if after is not None:
            query["_id"] = {"$lt": after}
        with failures():
            rows = list(self.acts.find(query).sort("_id", -1).limit(limit))
            ends = self.outcomes.find({"_id": {"$in": [row["_id"] for row in rows]}})
            outcomes = {row["_id"]: row for row in ends}
        return [_public(row, outcomes.get(row["_id"])) for row in rows]

    def _record(self, entry: Entry) -> ObjectId:
        entry_id = ObjectId()
        document = {
            "_id": entry_id, "at": now().isoformat(), "act": entry.act.value, "actor": vars(entry.actor),
            "target": vars(entry.target), "before": dict(entry.before), "after": dict(entry.after),
            "request": logs.REQUEST.get() or None,
        }  # fmt: skip
        with failures():
            self.acts.insert_one(document)
        return entry_id

    def _end(self, entry_id: ObjectId, entry: Entry, outcome: Outcome, code: str | None) -> None:
        actor, target = entry.actor, entry.target
        log.info(
            "Audit: %s by %s on %s: %s %s, %s to %s",
            entry.act, actor.command or f"{actor.account} {one_line(actor.email or '')}",
            target.account or target.subject or target.queue, outcome, code or "", dict(entry.before),
            dict(entry.after),
        )  # fmt: skip
        try:
            with failures():
                self.outcomes.insert_one(
                    {"_id": entry_id, "at": now().isoformat(), "outcome": outcome.value, "code": code}
                )
        except TransientError as error:
            # The act has its record, and is done or not: neither can be changed here.
            log.warning("The outcome of act %s was not recorded: %s", entry_id, error)


def _public(row: Document, end: Document | None) -> Document:
    return {
        "id": str(row["_id"]),
        "at": row["at"],
        "act": row["act"],
        "actor": row["actor"],
        "target": row["target"],
        "before": row["before"],
        "after": row["after"],
        "request_id": row["request"],
        "outcome": end["outcome"] if end else Outcome.UNKNOWN.value,
        "error_code": end["code"] if end else None,
    }
