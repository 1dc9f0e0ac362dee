"""Copies the frames of a track that is MP3 already: the sound stays exactly what it is, and encoding takes no time.

The copy has to decode to the same samples as the track does in its own container. So it is made of frames that follow
one another without anything between them, belong together, and have all their main data; and it has a header that
removes as many samples at both ends as the container does. A track for which this does not hold is encoded.
"""

import logging
import mmap
from collections.abc import Callable, Mapping
from pathlib import Path

from common.domain import mp3
from common.domain.options import ConversionOptions
from converter.copying import soundness
from converter.copying.packets import NotCopyable, Packets
from converter.copying.soundness import Unsound
from converter.encoding.verification import Mp3
from converter.ffmpeg import commands
from converter.ffmpeg.process import Run, run
from converter.media.recording import Part
from converter.mp3 import frames, xing
from converter.mp3.frames import BadFrame
from converter.parallel.joining import NotJoinable

log = logging.getLogger(__name__)

# Bytes whose checksum is computed at once.
_BLOCK = 1 << 20
# The numbers that the header has room for are 12 bits long.
_MOST = 0xFFF


def wanted(options: ConversionOptions) -> bool:
    """Whether the options leave the sound as it is; a bit rate that was not chosen asks for nothing."""
    return not (
        options.reencode
        or options.normalize
        or "bitrate" in options.model_fields_set
        or options.quality is not None
        or options.channels != "keep"
        or options.sample_rate is not None
        or options.start  # 0 is where the sound starts anyway
        or options.end is not None
    )


def copy(
    part: Part, name: str, tags: Mapping[str, str], how: Run, tell: Callable[[float], None] | None = None
) -> Mp3 | None:
    """Writes a track as an MP3 of that name, with these tags; None when it has to be encoded, whatever the reason is.

    `tell` gets the seconds that are copied. Raises as `process.run` does.
    """
    packets = Packets(tell)
    with part.source.opened() as opened:
        finished = run(commands.copying(opened, part.piece.stream, name, tags), how, source=opened.fd, output=packets)
    if finished.code:
        log.info("Encoding the MP3 track again: ffmpeg ended with code %d: %s", finished.code, finished.log[-200:])
        return None
    try:
        packets.check(part.packets.count)
        copied = _finish(how.folder / name, packets)
    except (NotCopyable, NotJoinable, BadFrame, Unsound) as error:
        log.info("Encoding the MP3 track again: %s", error)
        return None
    if copied.path.stat().st_size > how.limits.max_output:
        raise how.limits.too_large()
    return copied


def _finish(path: Path, packets: Packets) -> Mp3:
    """Gives the MP3 that ffmpeg wrote a header that says the truth; raises as `copy` catches."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        head = xing.head(data)
        first = len(head)
        stream = soundness.check(data, first)
        if len(stream.sizes) != packets.count:
            raise NotCopyable("packets are not frames")
        kind = stream.kind
        skip, discard = _trimmed(head, packets)
        if packets.unheard * kind.samples > skip:
            raise NotCopyable("more than what the first packet says is removed")
        sound = xing.sound(head)
        if (skip or discard) and skip < mp3.DECODER_DELAY:
            _insert_silence(data, first, kind.size)
            stream.sizes.insert(0, kind.size)
            sound = _checksum(data, first)
            skip += kind.samples
        if skip > _MOST + mp3.DECODER_DELAY or discard > _MOST - mp3.DECODER_DELAY:
            raise NotCopyable(f"an MP3 cannot say that {skip} and {discard} samples are removed")
        # Less padding than the decoder's delay means that nothing is removed at the end.
        added = (skip - mp3.DECODER_DELAY, discard + mp3.DECODER_DELAY if discard else 0) if skip else None
        data[:first] = xing.rewritten(head, stream.sizes, stream.bitrates, added, sound)
    return Mp3(path, (len(stream.sizes) * kind.samples - skip - discard) / kind.rate)


def _trimmed(head: bytes, packets: Packets) -> tuple[int, int]:
    """The samples that the container removes before and after the sound.

    ffmpeg writes them into its header as far as it can, and lists a checksum of what they really are.
    """
    delay, padding = xing.gaps(head)
    skip = delay + mp3.DECODER_DELAY if packets.first_trim is not None else 0
    discard = padding - mp3.DECODER_DELAY if packets.last_trim is not None else 0
    if not packets.trims(skip, discard):
        raise NotCopyable("how much of the ends is removed is not known")
    return skip, discard


def _insert_silence(data: mmap.mmap, at: int, size: int) -> None:
    """Puts a frame of silence before the one at that byte, and of its kind: a decoder stays as it is at the start."""
    end = len(data)
    data.resize(end + size)
    data.move(at + size, at, end - at)
    header = bytearray(data[at + size : at + size + mp3.HEADER])
    header[1] |= 1  # without a checksum
    data[at : at + size] = bytes(header).ljust(size, b"\0")


def _checksum(data: mmap.mmap, first: int) -> int:
    sound = 0
    for start in range(first, len(data), _BLOCK):
        sound = xing.checksum(data[start : start + _BLOCK], sound)
        frames.forget(data, start)
    return sound
