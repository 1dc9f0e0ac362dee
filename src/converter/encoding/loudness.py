"""Bringing a sound to the loudness of EBU R 128 in two passes: measure the whole, then change it all alike."""

import json
import math

# EBU R 128 (2023): -23 LUFS, true peaks of at most -1 dBTP. The range (LRA) is as wide as the filter knows, so that it
# is never a reason to compress: https://ffmpeg.org/ffmpeg-filters.html#loudnorm
_TARGET = "loudnorm=I=-23:TP=-1:LRA=50"
MEASURE = f"{_TARGET}:print_format=json"
_MEASURED = {
    "measured_I": ("input_i", -99.0, 0.0),
    "measured_TP": ("input_tp", -99.0, 99.0),
    "measured_LRA": ("input_lra", 0.0, 99.0),
    "measured_thresh": ("input_thresh", -99.0, 0.0),
    "offset": ("target_offset", -99.0, 99.0),
}


def correction(log: str) -> str | None:
    """The filter of the second pass, from what the first one wrote; None for a sound that has no loudness: silence."""
    start, end = log.rfind("{"), log.rfind("}")
    try:
        found = json.loads(log[start : end + 1])
        values = {name: float(found[key]) for name, (key, _, _) in _MEASURED.items()}
    except (ValueError, KeyError, TypeError):
        return None
    for name, (_, least, most) in _MEASURED.items():
        if not math.isfinite(values[name]) or not least <= values[name] <= most:
            return None
    measured = ":".join(f"{name}={value:.2f}" for name, value in values.items())
    return f"{_TARGET}:{measured}:linear=true"
