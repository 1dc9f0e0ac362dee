"""Exports how much there is to convert, which the number of converters follows (docs/decisions/0049)."""

import logging
import threading

from common.domain.job_repository import Jobs
from common.domain.jobs import Status
from common.errors import TransientError
from common.runtime import metrics
from common.runtime.clock import now

log = logging.getLogger(__name__)

# s. A new job should not wait much longer for a converter than a pod takes to start.
_INTERVAL = 5.0
# A count of more would not change the number of converters: see maxReplicaCount.
_MOST_COUNTED = 10_000


def read_load(jobs: Jobs) -> None:
    """Sets the metrics from three queries, each by an index; raises StorageUnavailable, having changed nothing."""
    queued, converting = jobs.count(Status.QUEUED, _MOST_COUNTED), jobs.turns.count_converting(_MOST_COUNTED)
    oldest = jobs.oldest_queued()
    metrics.JOBS_QUEUED.set(queued)
    metrics.JOBS_CONVERTING.set(converting)
    # The time is MongoDB's, whose clock may be ahead of this one.
    metrics.OLDEST_JOB_SECONDS.set(max(0.0, (now() - oldest).total_seconds()) if oldest else 0.0)


def export_load(jobs: Jobs) -> None:
    """Repeats `read_load` for ever. While MongoDB is unavailable, the metrics keep their values."""
    pause = threading.Event()
    while True:
        try:
            read_load(jobs)
        except TransientError as error:
            log.warning("The numbers of jobs for the autoscaler are out of date: %s", error)
        pause.wait(_INTERVAL)
