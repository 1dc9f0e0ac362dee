"""How far ffmpeg is, from what it writes for `-progress`: shown to people, and the sign that it is alive."""

import time
from collections.abc import Callable


class Progress:
    """Reads `-progress` lines; `position` is in seconds of output since the start of the source."""

    def __init__(self, on_position: Callable[[float], None] | None = None) -> None:
        self.position = 0.0
        self._size = 0
        self._on_position = on_position

    def feed(self, line: str) -> bool:
        """Takes one line `key=value`; true when it shows that ffmpeg got further."""
        key, _, value = line.partition("=")
        try:
            number = int(value)
        except ValueError:  # "N/A" until the first packet, and the keys that are no numbers
            return False
        # ffmpeg's historic `out_time_ms` is in microseconds too: only this one is what its name says.
        if key == "out_time_us" and number / 1e6 > self.position:
            self.position = number / 1e6
            if self._on_position:
                self._on_position(self.position)
            return True
        if key == "total_size" and number > self._size:
            self._size = number
            return True
        return False


class Share:
    """Turns positions into a share of the whole, 0 to 1, that never falls, told at most once an interval."""

    INTERVAL = 0.25  # seconds: often enough for a person, seldom enough for a database

    def __init__(self, tell: Callable[[float], None]) -> None:
        self._tell = tell
        self._told = 0.0
        self._told_at = float("-inf")

    def of(self, total: float, begin: float = 0.0, end: float = 1.0) -> Callable[[float], None]:
        """A receiver of positions in a source of `total` seconds; silent for 0.

        A pass of several takes the share from `begin` to `end` of the whole.
        """

        def receive(position: float) -> None:
            done = begin + min(position / total, 1.0) * (end - begin) if total > 0 else 0.0
            share = min(done, 0.99)  # 1 is said when the MP3 is verified
            now = time.monotonic()
            if share > self._told and now - self._told_at >= self.INTERVAL:
                self._told, self._told_at = share, now
                self._tell(share)

        return receive

    def complete(self) -> None:
        """Says that nothing is left to do."""
        self._tell(1.0)
