"""The uploads of a day: when, by whom, and how long the videos are. All of it is determined by the seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]
DAY = 86_400
_HOUR = 3600


@dataclass(frozen=True)
class Habits:
    """How people use the system: assumptions, in costs.json."""

    accounts: int
    hours: Sequence[float]
    """The weight of each hour of the day."""
    activity: float
    """The exponent of Zipf's law: the account with rank r uploads in proportion to r ** -activity."""
    videos_at_once: float
    """How many videos an account uploads together: the mean of a geometric distribution."""
    median_length: float
    """s of video; the lengths have a log-normal distribution."""
    spread: float
    """The standard deviation of the logarithm of the length."""
    longest: float
    """s of video."""

    @property
    def busiest_hour(self) -> float:
        """The uploads of the busiest hour as a share of the day's."""
        return max(self.hours) / sum(self.hours)


@dataclass(frozen=True)
class Uploads:
    """In the order of their times."""

    times: Times
    """s since midnight."""
    owners: npt.NDArray[np.int64]
    lengths: Times
    """s of video."""

    @classmethod
    def of_a_day(cls, habits: Habits, videos: int, seed: int) -> Self:
        """Exactly `videos` uploads."""
        chance = np.random.default_rng(seed)
        # More than enough visits; what is too many is cut off.
        sizes = chance.geometric(1 / habits.videos_at_once, videos)
        visits = int(np.searchsorted(np.cumsum(sizes), videos)) + 1
        hours = np.array(habits.hours) / sum(habits.hours)
        times = (chance.choice(len(hours), visits, p=hours) + chance.random(visits)) * (DAY / len(hours))
        weights = np.arange(1, habits.accounts + 1) ** -habits.activity
        owners = chance.choice(habits.accounts, visits, p=weights / weights.sum())
        # The videos of a visit follow each other as the connection of a home sends them.
        visit = np.repeat(np.arange(visits), sizes[:visits])[:videos]
        position = np.arange(videos) - np.searchsorted(visit, visit)
        lengths = np.minimum(chance.lognormal(np.log(habits.median_length), habits.spread, videos), habits.longest)
        arrivals = times[visit] + position * _PAUSE
        order = np.argsort(arrivals, kind="stable")
        return cls(arrivals[order], owners[visit][order], lengths[order])

    def __len__(self) -> int:
        return len(self.times)


# s between the ends of two uploads of a visit.
_PAUSE = 10.0
