"""The steps of this release, in their order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from common.storage.mongo import batches
from gateway.jobs.store import Store


@dataclass(frozen=True)
class Step:
    number: int
    name: str
    # Yields how many documents each batch changed; raises StorageUnavailable.
    run: Callable[[Store], Iterator[int]]
    # Whether to run it once more after the rollout, for what replicas of the previous release stored meanwhile.
    repeated: bool = field(default=False, kw_only=True)


def mark_files_of_jobs(store: Store) -> Iterator[int]:
    """Adds the marker to the files of all jobs, deleted ones included."""
    for jobs in batches(store.jobs.files()):
        fids = [video_fid for video_fid, _ in jobs]
        mp3_fids = [mp3_fid for _, mp3_fid in jobs if mp3_fid]
        yield store.videos.adoption.mark_videos(fids) + store.mp3s.adoption.mark_mp3s(mp3_fids, fids)


STEPS = (Step(1, "add the marker to the files of the jobs", mark_files_of_jobs, repeated=True),)
