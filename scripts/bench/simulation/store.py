"""What MongoDB knows of the jobs, as the product's scheduler asks for it (`common.domain.scheduling.Turns`)."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bson import ObjectId

from common.domain.jobs import Job, Status

_EPOCH = datetime.fromtimestamp(0, UTC)
_NONE: Sequence[str] = ()


@dataclass
class Video:
    """An upload's way through the system; times in s."""

    number: int
    owner: str
    uploaded: float
    released: float = -1.0
    started: float = -1.0
    ended: float = -1.0


class Store:
    def __init__(self) -> None:
        self.waiting: dict[str, deque[Video]] = {}
        self.released: Counter[str] = Counter()
        self.converting = 0
        self.known: dict[ObjectId, Video] = {}

    def add(self, video: Video) -> None:
        self.waiting.setdefault(video.owner, deque()).append(video)

    def is_released(self, owner: str) -> bool:
        return self.released[owner] > 0

    def released_owners(self, limit: int) -> Sequence[str]:
        """Only accounts with waiting jobs: nothing can be released of the others, for which the scheduler asks too."""
        if not self.waiting:
            return _NONE
        found: list[str] = []
        for owner in self.waiting:
            found += [owner] * self.released[owner]
            if len(found) >= limit:
                break
        return found

    def count_converting(self, limit: int) -> int:
        return min(self.converting, limit)

    def owners_due(self) -> Sequence[str]:
        return [owner for owner in self.waiting if not self.released[owner]]

    def release(self, owner: str) -> Job | None:
        waiting = self.waiting.get(owner)
        if not waiting:
            return None
        video = waiting.popleft()
        if not waiting:
            del self.waiting[owner]
        self.released[owner] += 1
        job = Job(ObjectId(), owner, "", Status.QUEUED, 0, None, None, _EPOCH, _EPOCH, owner=owner)
        self.known[job.video_fid] = video
        return job

    def end(self, owner: str) -> None:
        self.converting -= 1
        self.released[owner] -= 1
        if not self.released[owner]:
            del self.released[owner]
