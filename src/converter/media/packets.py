"""The packets of a track, as ffmpeg's `framecrc` lists them: how many there are, when they sound, and how long."""

from dataclasses import dataclass, field

from converter.media.timeline import Silence, Timeline

# What ffmpeg says when a demuxer fails in the middle of a file; its exit code is 0 nevertheless.
_FAILED = "Error during demuxing"
# What it says of a track that begins after its look at the file.
_NEW_TRACK = "New audio stream"
# What the MP4 demuxer says of samples that the index has and the file has not, and of a sample that is cut.
_PARTIAL = ("partial file", "Packet corrupt")
# AV_PKT_FLAG_DISCARD of libavcodec/packet.h: decoded, and not heard.
_DISCARDED = 4


@dataclass
class Packets:
    """Reads the lines of the listing one by one; `finish` when there are no more."""

    timeline: Timeline = field(default_factory=lambda: Timeline(Silence()))
    count: int = 0
    _tick: float = 0.0
    _rate: int = 0
    failed: bool = False
    """Whether reading ended with an error in the middle of the file."""
    partial: bool = False
    """Whether packets are cut, or missing in the file."""
    new_track: bool = False
    """Whether another track of sound begins later, unknown until then."""

    @property
    def tick(self) -> float:
        """Seconds of one unit of the track's time stamps."""
        return self._tick

    def feed(self, line: str) -> bool:
        """Takes one line; true when it is a packet."""
        if line.startswith("#"):
            self._header(line)
            return False
        fields = line.split(",", 7)
        try:
            stamp = None if "NOPTS" in fields[2] else int(fields[2]) * self._tick
            duration = int(fields[3]) * self._tick
        except (ValueError, IndexError):
            return False
        if len(fields) > 6 and fields[6].startswith(" F=") and _flags(fields[6]) & _DISCARDED:
            return True
        self.count += 1
        self.timeline.add(stamp, duration)
        return True

    def finish(self, log: str) -> None:
        """Takes what ffmpeg wrote on stderr."""
        self.timeline.finish()
        self.failed = _FAILED in log
        self.partial = any(sign in log for sign in _PARTIAL)
        self.new_track = _NEW_TRACK in log

    def _header(self, line: str) -> None:
        name, _, value = line.partition(": ")
        if name == "#tb 0":
            number, _, divisor = value.partition("/")
            if number.isdigit() and divisor.isdigit() and int(divisor):
                self._tick = int(number) / int(divisor)
                self.timeline = Timeline(self.timeline.silence, self._tick)


def _flags(text: str) -> int:
    """The number in ` F=0x5`."""
    try:
        return int(text[3:], 16)
    except ValueError:
        return 0
