"""Checks and completes the copy of an MP3 track, which media/recording.py makes with `commands.copying`.

The copy has to decode to the same samples as the track does in its own container. So its frames must follow each other
without a gap, belong together, and have all their main data; and its header must remove as many samples at both ends
as the container does. A track for which this is not possible is encoded.
"""

import logging
import mmap
from pathlib import Path

from common.domain import mp3, notes
from common.domain.notes import Note
from common.domain.options import ConversionOptions
from converter.copying import frame_checks
from converter.copying.frame_checks import NotCopyable
from converter.encoding.verification import Mp3
from converter.ffmpeg.limits import Limits
from converter.media.packets import Packets
from converter.media.recording import Part
from converter.mp3 import frames, xing
from converter.mp3.frames import BadFrame

log = logging.getLogger(__name__)

# Bytes whose checksum is computed at once.
_BLOCK = 1 << 20
# The fields of the header for removed samples have 12 bits.
_MOST = 0xFFF


def wanted(options: ConversionOptions) -> bool:
    """Whether the options leave the sound as it is; a default bit rate that was not chosen does not matter."""
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


def finish(part: Part, target: Path, limits: Limits) -> Mp3 | None:
    """Checks the part's copy, corrects its header and moves it to `target`; None when the track has to be encoded.

    Raises PermanentError when the copy is too large.
    """
    if part.copy is None:
        return None
    try:
        duration = _correct(part.copy, part.packets)
    except (NotCopyable, BadFrame) as error:
        log.info("Encoding the MP3 track instead of copying it: %s", error)
        part.copy.unlink(missing_ok=True)
        return None
    if part.copy.stat().st_size > limits.max_output:
        raise limits.too_large()
    return Mp3(part.copy.rename(target), duration, (Note(notes.COPIED),))


def _correct(path: Path, packets: Packets) -> float:
    """Corrects the header that ffmpeg wrote; returns the seconds of sound. Raises what `finish` catches."""
    if packets.problem is not None:
        raise NotCopyable(packets.problem)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        head = xing.head(data)
        first = len(head)
        stream = frame_checks.check(data, first)
        if len(stream.sizes) != packets.count + packets.discarded:
            raise NotCopyable("packets are not frames")
        kind = stream.kind
        skip, discard = _trimmed(head, packets)
        if packets.discarded * kind.samples > skip:
            raise NotCopyable("more packets are discarded than the first one declares")
        sound = xing.sound(head)
        if (skip or discard) and skip < mp3.DECODER_DELAY:
            _insert_silence(data, first, kind.size)
            stream.sizes.insert(0, kind.size)
            sound = _checksum(data, first)
            skip += kind.samples
        if skip > _MOST + mp3.DECODER_DELAY or discard > _MOST - mp3.DECODER_DELAY:
            raise NotCopyable(f"an MP3 header cannot declare that {skip} and {discard} samples are removed")
        # Less padding than the decoder's delay means that nothing is removed at the end.
        added = (skip - mp3.DECODER_DELAY, discard + mp3.DECODER_DELAY if discard else 0) if skip else None
        data[:first] = xing.rewritten(head, stream.sizes, stream.bitrates, added, sound)
    return (len(stream.sizes) * kind.samples - skip - discard) / kind.rate


def _trimmed(head: bytes, packets: Packets) -> tuple[int, int]:
    """The samples that the container removes before and after the sound.

    ffmpeg writes them into its header as far as they fit, and lists a checksum of the real numbers.
    """
    delay, padding = xing.gaps(head)
    for skip in (0, delay + mp3.DECODER_DELAY):
        for discard in (0, padding - mp3.DECODER_DELAY):
            if discard >= 0 and packets.trims(skip, discard):
                return skip, discard
    raise NotCopyable("it is unknown how many samples are removed at the ends")


def _insert_silence(data: mmap.mmap, at: int, size: int) -> None:
    """Inserts a frame of silence, with the same header, before the one at that byte; decoders keep their state."""
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
