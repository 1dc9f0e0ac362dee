"""A day in events (SimPy): each video is one job, the scheduler is the product's own code, no job is aggregated.

What is left out: uploads and emails cost resources, and delay no conversion; a transfer takes as long as it was
measured to, however busy MongoDB is (`demand` says where that ends); nothing fails.
"""

import functools
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import simpy

from common.domain.jobs import Job
from common.domain.scheduling import Scheduler
from common.messaging.publisher import QueueState
from scripts.bench.simulation.autoscaler import SYNC, Policy, Scaling
from scripts.bench.simulation.store import Store, Video
from scripts.bench.simulation.uploads import Times, Uploads

# s between two updates of the gateway's metrics: `gateway.jobs.load`.
EXPORT = 5.0


@dataclass(frozen=True)
class Outcome:
    """What happened; times in s, one for each upload, in their order."""

    started: Times
    ended: Times
    converters: Sequence[tuple[float, int]]
    """When the number of converters that run, start or finish their last job changed, and to how many."""
    jobs: float
    """The mean number of unfinished jobs from the first upload to the end of the last job."""
    busy: float
    """s of all conversions."""
    paid: float
    """s of all converters, from their creation to their end."""


class Model:
    """Converters that take jobs from the queue, in its order."""

    def __init__(
        self, uploads: Uploads, durations: Times, scaling: Scaling, *, policy: Policy | None, start: float, seed: int
    ) -> None:
        """`durations` are the s of each conversion; a converter takes `start` s from its creation to its first job."""
        self._uploads = uploads
        self._durations = durations
        self._scaling = scaling
        self._policy = policy
        self._start = start
        self._chance = np.random.default_rng(seed)
        self._env = simpy.Environment()
        self._store = Store()
        self._scheduler = Scheduler(self._store, self._publish, self._state)
        self._queue: deque[Video] = deque()
        # Videos by age, of which the first that still wait for their turn count.
        self._by_age: deque[Video] = deque()
        # Converters that start, wait for a job, have one, have their last one, and that were stopped before they ran.
        self._starting = 0
        self._idle = 0
        self._busy = 0
        self._leaving = 0
        self._discarded = 0
        self._videos = [
            Video(number, str(owner), at)
            for number, (owner, at) in enumerate(zip(uploads.owners.tolist(), uploads.times.tolist(), strict=True))
        ]
        self._left = len(self._videos)
        self._done = self._env.event()
        # What the gateway has exported last: unfinished jobs, and the autoscaler's metric.
        self._exported = (0, 0.0)
        self._changes: list[tuple[float, int]] = [(0.0, 0)]
        self._jobs, self._area, self._since = 0, 0.0, 0.0
        self._paid, self._paid_since = 0.0, 0.0

    def run(self) -> Outcome:
        """Simulates until every job has ended."""
        self._env.process(self._arrive())
        if self._policy is None:
            self._resize(self._scaling.poll(0.0, 0))
        else:
            self._env.process(self._export(self._policy))
            self._env.process(self._scale(self._policy))
        if self._left:
            self._env.run(until=self._done)
        self._count_converters()
        first = self._videos[0].uploaded if self._videos else 0.0
        span = max((video.ended for video in self._videos), default=0.0) - first
        return Outcome(
            started=np.array([video.started for video in self._videos]),
            ended=np.array([video.ended for video in self._videos]),
            converters=self._changes,
            jobs=self._area / span if span else 0.0,
            busy=float(self._durations.sum()),
            paid=self._paid,
        )

    def _arrive(self) -> Generator[simpy.Event, None, None]:
        for video in self._videos:
            if (pause := video.uploaded - self._env.now) > 0:
                yield self._env.timeout(pause)
            self._count_jobs(1)
            self._store.add(video)
            self._by_age.append(video)
            self._scheduler.advance(video.owner)
            self._assign()

    def _publish(self, job: Job) -> bool:
        video = self._store.known.pop(job.video_fid)
        video.released = self._env.now
        self._queue.append(video)
        return True

    def _state(self) -> QueueState:
        # A converter that finishes its last job is still subscribed.
        return QueueState(len(self._queue), self._idle + self._busy)

    def _assign(self) -> None:
        while self._queue and self._idle:
            video = self._queue.popleft()
            self._idle -= 1
            self._busy += 1
            self._store.converting += 1
            video.started = self._env.now
            conversion = self._env.timeout(float(self._durations[video.number]))
            assert conversion.callbacks is not None
            conversion.callbacks.append(functools.partial(self._end, video))

    def _end(self, video: Video, _event: simpy.Event) -> None:
        video.ended = self._env.now
        self._count_jobs(-1)
        self._store.end(video.owner)
        self._scheduler.advance(video.owner)
        self._busy -= 1
        if self._leaving:
            # It does not matter which of the busy ones it is.
            self._count_converters()
            self._leaving -= 1
            self._note()
        else:
            self._idle += 1
            self._assign()
        self._left -= 1
        if not self._left:
            self._done.succeed()

    def _export(self, policy: Policy) -> Generator[simpy.Event, None, None]:
        """The gateway's part."""
        while True:
            converting, jobs = self._busy, self._jobs
            messages = len(self._queue) + converting
            metric = policy.wanted(
                converting=converting, queued=jobs - converting, waited=self._waited(), messages=messages
            )
            self._exported = (jobs, metric)
            yield self._env.timeout(EXPORT)

    def _scale(self, policy: Policy) -> Generator[simpy.Event, None, None]:
        """KEDA and the HorizontalPodAutoscaler, which know nothing of the gateway's clock."""
        yield self._env.timeout(EXPORT / 2)
        synced = -SYNC
        while True:
            now, (jobs, metric) = self._env.now, self._exported
            self._resize(self._scaling.poll(now, jobs))
            if now - synced >= SYNC:
                synced = now
                self._resize(self._scaling.sync(now, metric))
            yield self._env.timeout(policy.polling)

    def _waited(self) -> float:
        """`oldest_queued`: since a job was uploaded, or, once it was published, since then."""
        while self._by_age and self._by_age[0].released >= 0:
            self._by_age.popleft()
        oldest = min(
            self._by_age[0].uploaded if self._by_age else self._env.now,
            self._queue[0].released if self._queue else self._env.now,
        )
        return self._env.now - oldest

    def _resize(self, replicas: int) -> None:
        present = self._starting + self._idle + self._busy - self._leaving
        if replicas == present:
            return
        self._count_converters()
        for _ in range(replicas - present):
            self._starting += 1
            started = self._env.timeout(self._start)
            assert started.callbacks is not None
            started.callbacks.append(self._join)
        surplus = present - replicas
        if surplus > 0:
            # Kubernetes removes pods that are not ready first, and does not know which of the others are busy.
            unready = min(surplus, self._starting)
            self._starting -= unready
            self._discarded += unready
            idle = int(self._chance.hypergeometric(self._idle, self._busy - self._leaving, surplus - unready))
            self._idle -= idle
            self._leaving += surplus - unready - idle
        self._note()

    def _join(self, _event: simpy.Event) -> None:
        if self._discarded:
            self._discarded -= 1
            return
        self._starting -= 1
        self._idle += 1
        self._scheduler.fill()
        self._assign()

    def _note(self) -> None:
        self._changes.append((self._env.now, self._starting + self._idle + self._busy))

    def _count_converters(self) -> None:
        self._paid += self._changes[-1][1] * (self._env.now - self._paid_since)
        self._paid_since = self._env.now

    def _count_jobs(self, change: int) -> None:
        self._area += self._jobs * (self._env.now - self._since)
        self._since = self._env.now
        self._jobs += change
