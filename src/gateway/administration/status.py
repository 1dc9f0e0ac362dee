"""What an administrator sees of the whole system. Each number is counted up to a limit, so that it costs little."""

from dataclasses import dataclass
from typing import Any

from flask import current_app

from common.domain.job_repository import Jobs
from common.domain.jobs import Status
from common.errors import TransientError
from common.messaging.publisher import Publisher
from common.messaging.topology import dead_queue, queues
from common.runtime.dependencies import Dependencies
from common.runtime.health import DEPENDENCIES
from common.runtime.settings import RabbitSettings
from gateway.housekeeping.repository import HousekeepingRepository

# Jobs in one state that are counted.
MOST_COUNTED = 10_000


@dataclass(frozen=True)
class SystemStatus:
    settings: RabbitSettings
    publisher: Publisher
    jobs: Jobs
    housekeeping: HousekeepingRepository

    def read(self) -> dict[str, Any]:
        """What a server that is down would say is null."""
        dependencies: Dependencies = current_app.extensions[DEPENDENCIES]
        return {
            "dependencies": {name: "up" if up else "down" for name, up in dependencies.report().items()},
            **self.counts(),
        }

    def counts(self) -> dict[str, Any]:
        """The numbers alone, also outside of the application."""
        return {"queues": self._queues(), **self._stored(), "counted_up_to": MOST_COUNTED}

    def _queues(self) -> list[dict[str, Any]] | None:
        names = queues(self.settings)
        try:
            return [self._queue(name) for name in names]
        except TransientError:
            return None

    def _queue(self, name: str) -> dict[str, Any]:
        """The gateway's user may only count the queue of the converters, and dead letters: the others are null."""
        state, dead = self.publisher.known_state(name), self.publisher.known_state(dead_queue(name))
        return {
            "name": name,
            "ready": state.ready if state else None,
            "consumers": state.consumers if state else None,
            "dead_letters": dead.ready if dead else None,
        }

    def _stored(self) -> dict[str, Any]:
        try:
            waiting = self.jobs.turns.count_waiting(MOST_COUNTED)
            counts = {status.value: self.jobs.count(status, MOST_COUNTED) for status in Status}
            oldest, report = self.jobs.oldest_queued(), self.housekeeping.report()
        except TransientError:
            return {"jobs": None, "oldest_queued_at": None, "housekeeping_at": None, "orphans_held": None}
        return {
            "jobs": {**{name: count for name, count in counts.items() if name != "deleted"}, "waiting": waiting},
            "oldest_queued_at": oldest.isoformat() if oldest else None,
            "housekeeping_at": report["at"].isoformat() if report else None,
            "orphans_held": report["held"] + report["lost"] if report else None,
        }
