"""The packets of a track, as ffmpeg's `framecrc` lists them: their times, and whether they can be copied into an MP3.

https://ffmpeg.org/ffmpeg-formats.html#framecrc: a line for each packet has the number of its stream, its two time
stamps, duration and size, a checksum of its data, its flags if they are unusual, and a name, a size and a checksum for
each of its side data. A line before them gives the unit of the times. `commands.packets` says where it puts the times.
"""

import re
import struct
import zlib

from converter.ffmpeg.commands import DURATION_LIMIT, STAMP_OFFSET
from converter.media.timeline import Silence, Timeline

# ffmpeg's message when a demuxer fails in the middle of a file; its exit code is 0 nevertheless.
_FAILED = "Error during demuxing"
# Its message about a track that begins after the part in which it looks for tracks.
_NEW_TRACK = "New audio stream"
# The messages of the MP4 demuxer about samples that the index has and the file has not, and about a sample that is cut.
_PARTIAL = ("partial file", "Packet corrupt")
# The message of `tee` when the MP3 beside the list cannot be written.
_NOT_WRITTEN = "Slave muxer"

# AV_PKT_FLAG_KEY and AV_PKT_FLAG_DISCARD of libavcodec/packet.h; with the second one, a packet is decoded and dropped.
_KEY, _DISCARDED = 1, 4
# Seconds between the end of a packet and the next one's start from which a copy would lose a gap. Time stamps are
# rounded, and clocks drift.
_GAP = 0.1
# What a packet may have beside its data without any effect on the sound.
_HARMLESS = frozenset({"MPEGTS Stream ID"})
_TRIM = "Skip Samples"
_DETAILS = re.compile(r"(?: F=0x([0-9A-F]+))?,?(?: S=\d+, (.*))?")
_SIDE_DATA = re.compile(r"([^,]+), *\d+, 0x([0-9a-f]{8})(?:, |$)")


class Packets:
    """Reads the list line by line; call `finish` after the last one."""

    def __init__(self) -> None:
        self.timeline = Timeline(Silence())
        self.count = 0
        """Packets, except those that are discarded after decoding."""
        self.tick = 0.0
        """Seconds of one unit of the track's time stamps."""
        self.failed = False
        """Whether reading ended with an error in the middle of the file."""
        self.partial = False
        """Whether packets are cut, or missing in the file."""
        self.new_track = False
        """Whether another track of sound begins later, unknown until then."""
        self.discarded = 0
        """Packets at the beginning that are discarded after decoding."""
        self.problem: str | None = None
        """Why a copy of the packets would not be the same sound; None if there is no reason."""
        self._first_trim: int | None = None
        self._last_trim: int | None = None

    def feed(self, line: str) -> bool:
        if line.startswith("#"):
            self._read_header(line)
            return False
        fields = line.split(",", 6)
        try:
            duration = int(fields[1]) % DURATION_LIMIT * self.tick
            # The smallest number stands for a missing time stamp.
            stamp = (int(fields[3]) - STAMP_OFFSET) * self.tick if int(fields[3]) >= 0 else None
        except (ValueError, IndexError):
            self._refuse(f"unknown line: {line[:100]!r}")
            return False
        if self._last_trim is not None:
            self._refuse("samples are removed in the middle")
        if len(fields) > 6 and self._is_discarded(fields[6]):
            return True
        if stamp is None or (self.count and abs(stamp - self.timeline.end) > _GAP):
            self._refuse(f"the time stamp {stamp} follows {self.timeline.end:.3f} s")
        self.count += 1
        self.timeline.add(stamp, duration)
        return True

    def finish(self, log: str) -> None:
        """`log` is what ffmpeg wrote on stderr."""
        # Only messages: the lines of a listing are indented, and its tags may say anything.
        log = "\n".join(line for line in log.split("\n") if not line.startswith(" "))
        self.timeline.finish()
        self.failed = _FAILED in log
        self.partial = any(sign in log for sign in _PARTIAL)
        self.new_track = _NEW_TRACK in log
        if _NOT_WRITTEN in log:
            self._refuse(f"the MP3 cannot be written: {log[-200:]}")
        if self.count + self.discarded < 2:
            self._refuse("there are fewer than two packets")

    def trims(self, skip: int, discard: int) -> bool:
        """Whether exactly this many samples are removed before and after the sound."""
        return (self._first_trim, self._last_trim) == (
            _checksum(skip, 0) if skip else None,
            _checksum(0, discard) if discard else None,
        )

    def _read_header(self, line: str) -> None:
        name, _, value = line.partition(": ")
        if name == "#tb 0":
            number, _, divisor = value.partition("/")
            if number.isdigit() and divisor.isdigit() and int(divisor):
                self.tick = int(number) / int(divisor)
                self.timeline = Timeline(self.timeline.silence, self.tick)

    def _is_discarded(self, details: str) -> bool:
        """Reads what a line has after the checksum: flags that are unusual, and side data."""
        found = _DETAILS.fullmatch(details)
        if found is None:
            self._refuse(f"unknown details of a packet: {details[:100]!r}")
            return False
        flags = int(found[1], 16) if found[1] else _KEY
        if flags != _KEY and (flags != _KEY | _DISCARDED or self.count):
            self._refuse(f"a packet has the flags {flags}")
        for name, checksum in _SIDE_DATA.findall(found[2] or ""):
            if name == _TRIM and not self.count and not self.discarded:
                self._first_trim = int(checksum, 16)
            elif name == _TRIM:
                self._last_trim = int(checksum, 16)
            elif name not in _HARMLESS:
                self._refuse(f"a packet has {name}")
        discarded = bool(flags & _DISCARDED)
        self.discarded += discarded
        return discarded

    def _refuse(self, problem: str) -> None:
        self.problem = self.problem or problem


def _checksum(skip: int, discard: int) -> int:
    """ffmpeg's checksum of AV_PKT_DATA_SKIP_SAMPLES: the two numbers, and a reason for each, which is 0 here."""
    return zlib.adler32(struct.pack("<IIBB", skip, discard, 0, 0), 0)
