"""Names, numbers and dates as the emails show them."""

from datetime import datetime

from common.domain.originals import Original
from common.domain.results import Result

# Characters of a file name.
_LONGEST_NAME = 80
_ELLIPSIS = "…"


def displayed(text: str) -> str:
    """The text without line breaks and characters that change the direction of the text around it."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def name(filename: str) -> str:
    """As `displayed`; a very long name is shortened in the middle, as names often differ at their end."""
    shown = displayed(filename)
    if len(shown) <= _LONGEST_NAME:
        return shown
    end = _LONGEST_NAME // 3
    return shown[: _LONGEST_NAME - len(_ELLIPSIS) - end] + _ELLIPSIS + shown[-end:]


def date(moment: datetime) -> str:
    """A time in UTC: 31 January 2026, 08:05 UTC."""
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def facts(result: Result, original: Original | None) -> str:
    """The length, size and quality of an MP3, and the size of the video, in words."""
    sound = result.sound
    video_size = original.size if original else result.video_size
    minutes, seconds = divmod(round(sound.duration), 60)
    rate = f"about {sound.bitrate} kbit/s, variable" if sound.variable else f"{sound.bitrate} kbit/s"
    return ", ".join(
        [
            f"{minutes // 60}:{minutes % 60:02}:{seconds:02}" if minutes >= 60 else f"{minutes}:{seconds:02}",
            f"{_bytes(sound.size)} (video: {_bytes(video_size)})",
            rate,
            f"{sound.sample_rate / 1000:g} kHz",
            "mono" if sound.channels == 1 else "stereo",
        ]
    )


def outcomes(ready: int, failed: int) -> str:
    """The outcomes of several videos: 3 MP3s are ready, 2 conversions failed."""
    parts = []
    if ready:
        parts.append("1 MP3 is ready" if ready == 1 else f"{ready} MP3s are ready")
    if failed:
        parts.append("1 conversion failed" if failed == 1 else f"{failed} conversions failed")
    return ", ".join(parts)


def _bytes(count: int) -> str:
    for limit, unit in ((10**9, "GB"), (10**6, "MB")):
        if count >= limit:
            return f"{count / limit:.1f} {unit}"
    return f"{count / 1000:.1f} kB"
