"""Mixes layouts of channels that swresample cannot mix to one channel or two, the most that LAME accepts."""

# The layouts of `ffmpeg -layouts` that swresample mixes; a test tries all of them.
_NAMES = (
    "mono stereo 2.1 3.0 3.0(back) 4.0 quad quad(side) 3.1 5.0 5.0(side) 4.1 5.1 5.1(side) 6.0 6.0(front) 3.1.2"
    " hexagonal 6.1 6.1(back) 6.1(front) 7.0 7.0(front) 7.1 7.1(wide) 7.1(wide-side) 5.1.2 5.1.2(back) octagonal cube"
    " 5.1.4 7.1.2 7.1.4 7.2.3 9.1.4 9.1.6 hexadecagonal downmix 22.2"
)
KNOWN = frozenset(_NAMES.split())
# ffmpeg's names of channels by their position. Channels of low frequencies are omitted, as in swresample.
_LEFT = frozenset(("FL", "BL", "FLC", "SL", "TFL", "TBL", "DL", "WL", "SDL", "TSL", "BFL", "SSL", "TTL", "BIL"))
_RIGHT = frozenset(("FR", "BR", "FRC", "SR", "TFR", "TBR", "DR", "WR", "SDR", "TSR", "BFR", "SSR", "TTR", "BIR"))
_SILENT = frozenset(("LFE", "LFE2", "UNUSED", "UNSD", "NONE"))
# The most channels that ffmpeg's filters accept.
_MOST = 64


def mix(layout: str) -> str | None:
    """The filter that mixes a layout, as ffmpeg describes it, to mono or stereo; None where ffmpeg needs no filter."""
    name = layout.partition(" (")[0] if not layout.partition(" ")[0].isdecimal() else layout
    if not layout or name in KNOWN or layout.startswith(("1 channels", "2 channels")):
        return None
    if layout == "binaural":
        return "pan=stereo|c0=c0|c1=c1"
    if layout.startswith("ambisonic "):
        return _ambisonic(layout)
    count, _, names = layout.partition(" channels")
    if not count.isdecimal() or not 2 < int(count[:6]) <= _MOST:
        return None
    listed = names.strip(" ()").split("+") if "(" in names else []
    return _named(listed) if len(listed) == int(count) else _numbered(int(count))


def _ambisonic(layout: str) -> str:
    """Two cardioids to the left and the right, from W and Y (ACN order, SN3D), which are the first two channels.

    Channels after those of the sphere are a stereo sound that does not turn with the head.
    """
    order = layout.removeprefix("ambisonic ").partition("+")[0].strip()
    if order == "0" or not order.isdecimal():
        return "pan=mono|c0=c0"
    extra = (int(order[:2]) + 1) ** 2
    if layout.endswith(("+FL+FR", "+stereo")):
        return f"pan=stereo|c0=0.5*c0+0.5*c1+c{extra}|c1=0.5*c0-0.5*c1+c{extra + 1}"
    return "pan=stereo|c0=0.5*c0+0.5*c1|c1=0.5*c0-0.5*c1"


def _named(names: list[str]) -> str:
    """Mixes by position; channels in the middle, or at an unknown position, go to both sides."""
    left, right = [], []
    for number, name in enumerate(names):
        short = name.partition("@")[0]
        if short in _SILENT:
            continue
        weight = "" if short in _LEFT | _RIGHT else "0.7071*"
        if short not in _RIGHT:
            left.append(f"{weight}c{number}")
        if short not in _LEFT:
            right.append(f"{weight}c{number}")
    if not left and not right:
        return _numbered(len(names))
    # `<`: the gains of a side add up to 1.
    return f"pan=stereo|c0<{'+'.join(left or right)}|c1<{'+'.join(right or left)}"


def _numbered(count: int) -> str:
    """Without positions: odd channels go to the left, even ones to the right, which keeps pairs apart."""
    left, right = ("+".join(f"c{number}" for number in range(first, count, 2)) for first in (0, 1))
    return f"pan=stereo|c0<{left}|c1<{right}"
