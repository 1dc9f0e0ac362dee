"""Finds the gaps of a sound from the time stamps of its packets or decoded frames, in one pass.

A player plays neighbouring chunks without a break, so a gap shows in the offset of a chunk: its time stamp minus the
length of all sound before it. Clock drift changes the offset slowly; rounding and jitter change it temporarily. A pause
or lost packets raise it suddenly and permanently: the lowest offset of the next `WINDOW` is above the highest one of
the last `WINDOW`. Only such a step is a gap.
"""

from collections import deque
from dataclasses import dataclass

# s of sound before and after a chunk that distinguish a step of the clock from jitter.
WINDOW = 1.5
# Chunks that are kept at most, if their durations are close to 0.
_MOST_PENDING = 4096
# s. Shorter steps are jitter of a clock.
SHORTEST_GAP = 0.010
# The longest gap that is kept as silence, and the most silence in one MP3: s. A longer one is a jump of the clock.
LONGEST_GAP = 3600.0
# s by which a clock must go back to count as set back; less is jitter or reordering.
_SET_BACK = 0.5
# s by which a step may be less than the gap between the neighbours, because of drift within the window.
_DRIFT = 0.03


@dataclass
class Silence:
    """The gaps that become silence and those that are closed; shared by all tracks of one MP3."""

    inserted: float = 0.0
    """Seconds of silence."""
    places: int = 0
    closed: float = 0.0
    """Seconds of gaps that are closed, because they are too long or too many."""
    closed_places: int = 0

    def take(self, gap: float) -> float:
        """Seconds of silence for a gap: all of it, or 0 if it is closed."""
        if self.inserted + gap > LONGEST_GAP:
            self.closed += gap
            self.closed_places += 1
            return 0.0
        self.inserted += gap
        self.places += 1
        return gap


@dataclass(slots=True)
class _Chunk:
    sound: float
    """Seconds of sound before it."""
    offset: float
    duration: float
    gap: float
    """Seconds between the end of the chunk before and its start."""


class Timeline:
    """Takes the chunks of one track in their order, and returns for each the seconds of silence before it."""

    def __init__(self, silence: Silence, tick: float = 0.0) -> None:
        """`tick` is the unit of the time stamps in seconds: the steps of a coarse clock that drifts are whole units."""
        self.silence = silence
        self.start: float | None = None
        """The first time stamp."""
        self.end = 0.0
        """Where the last chunk ends, by its time stamp."""
        self.sound = 0.0
        """Seconds of sound, by the durations."""
        self.chunks = 0
        self.set_back = 0
        self.jumps = 0
        """Neighbours whose time stamps are far apart, whether that is a gap or not."""
        self._tick = tick
        self._last = 0.0
        self._drift = 0.0
        self._pending: deque[_Chunk] = deque()
        # Later chunks whose offset may be the lowest, and earlier ones whose offset may be the highest.
        self._future: deque[_Chunk] = deque()
        self._past: deque[_Chunk] = deque()

    @property
    def regular(self) -> bool:
        """Whether the clock has no gaps and no jumps."""
        return not (self.silence.places or self.silence.closed_places or self.set_back or self.jumps)

    @property
    def length(self) -> float:
        """Seconds of sound, by the clock where it is steady, because durations may be rounded."""
        return self.sound + self._drift

    def add(self, stamp: float | None, duration: float) -> list[float]:
        """Takes a chunk (seconds; None without a time stamp); returns the silences that are decided now, by chunk."""
        if stamp is None:
            stamp = self.end
        if self.start is None:
            self.start = self.end = stamp
        gap = stamp - self.end
        if self.chunks and self._last <= 0 < gap <= LONGEST_GAP:
            # The chunk before has no duration: it lasts until this one.
            self.sound += gap
            gap = 0.0
        self._last = duration
        if abs(gap) > _SET_BACK:
            self.jumps += 1
        else:
            self._drift += gap
        chunk = _Chunk(self.sound, stamp - self.sound, duration, gap)
        self.chunks += 1
        self.sound += max(0.0, duration)
        self.end = stamp + max(0.0, duration)
        self._pending.append(chunk)
        while self._future and self._future[-1].offset >= chunk.offset:
            self._future.pop()
        self._future.append(chunk)
        decided = []
        # Never the last one: the chunks after it show whether its time stamp is wrong.
        while len(self._pending) > 1 and (
            self.sound - self._pending[0].sound > WINDOW or len(self._pending) > _MOST_PENDING
        ):
            decided.append(self._decide())
        return decided

    def finish(self) -> list[float]:
        """Returns the silences before the remaining chunks."""
        return [self._decide() for _ in range(len(self._pending))]

    def _decide(self) -> float:
        chunk = self._pending.popleft()
        lowest = self._future[0].offset
        if self._future[0] is chunk:
            self._future.popleft()
        # The last one is the chunk before, which counts whatever its length is.
        while len(self._past) > 1 and self._past[0].sound < chunk.sound - WINDOW:
            self._past.popleft()
        step = lowest - self._past[0].offset if self._past else 0.0
        if chunk.gap < -_SET_BACK:
            self.set_back += 1
            self._past.clear()
        while self._past and self._past[-1].offset <= chunk.offset:
            self._past.pop()
        self._past.append(chunk)
        if step <= SHORTEST_GAP or step <= self._least(chunk):
            return 0.0
        gap = chunk.gap if chunk.gap - step < _DRIFT else step
        if chunk.gap <= _SET_BACK:
            self._drift -= gap
        return self.silence.take(gap)

    def _least(self, chunk: _Chunk) -> float:
        return max(SHORTEST_GAP, min(chunk.duration / 2, 0.05), 1.5 * self._tick)
