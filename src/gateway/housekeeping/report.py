"""What the last pass of housekeeping left to an operator: its process has ended when somebody asks for metrics."""

import logging
import threading

from common.errors import TransientError
from common.runtime import metrics
from common.runtime.clock import now
from common.storage.mongo import failures
from gateway.jobs.store import Store

log = logging.getLogger(__name__)

# s between two looks of a gateway at the report.
_EVERY = 30.0


class UpkeepReport:
    """The report, one document of the collection `housekeeping`."""

    def __init__(self, store: Store) -> None:
        self._collection = store.jobs.collection.database["housekeeping"]

    def write(self, *, held: int, lost: int) -> None:
        """Notes what a complete pass found; raises StorageUnavailable."""
        with failures():
            self._collection.replace_one({"_id": "last"}, {"at": now(), "held": held, "lost": lost}, upsert=True)

    def export(self) -> None:
        """Sets this process's metrics from the report, if there is one; raises StorageUnavailable."""
        with failures():
            report = self._collection.find_one({"_id": "last"})
        if report is not None:
            metrics.HOUSEKEEPING_TIME.set(report["at"].timestamp())
            metrics.ORPHANS_HELD.labels("limit").set(report["held"])
            metrics.ORPHANS_HELD.labels("lost").set(report["lost"])

    def keep_exporting(self) -> None:
        """Exports from time to time, for ever; for a thread."""
        pause = threading.Event()
        while not pause.wait(_EVERY):
            try:
                self.export()
            except TransientError as error:
                log.warning("The metrics of housekeeping are old: %s", error)
