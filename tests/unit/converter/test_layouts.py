"""How channels become two."""

import pytest

from converter.media import channel_layouts
from converter.media.channel_layouts import mix
from tests import media


@pytest.mark.parametrize(
    ("layout", "filter_"),
    [
        ("mono", None),
        ("stereo", None),
        ("5.1(side)", None),
        ("", None),
        ("1 channels", None),
        ("2 channels (FL+USR70)", None),
        ("0 channels", None),
        ("999999999999999999999 channels", None),
        ("ambisonic 0", "pan=mono|c0=c0"),
        ("ambisonic 1", "pan=stereo|c0=0.5*c0+0.5*c1|c1=0.5*c0-0.5*c1"),
        ("ambisonic 1+FL+FR", "pan=stereo|c0=0.5*c0+0.5*c1+c4|c1=0.5*c0-0.5*c1+c5"),
        ("4 channels", "pan=stereo|c0<c0+c2|c1<c1+c3"),
        ("3 channels (FL+FR+TC)", "pan=stereo|c0<c0+0.7071*c2|c1<c1+0.7071*c2"),
        ("4 channels (FL+UNUSED+FR+LFE)", "pan=stereo|c0<c0|c1<c2"),
        ("3 channels (FL+BL+SL)", "pan=stereo|c0<c0+c1+c2|c1<c0+c1+c2"),
        ("3 channels (UNUSED+UNUSED+LFE)", "pan=stereo|c0<c0+c2|c1<c1"),
    ],
)
def test_a_layout_is_mixed(layout: str, filter_: str | None) -> None:
    assert mix(layout) == filter_


@pytest.mark.parametrize("layout", sorted(channel_layouts.KNOWN))
def test_a_layout_that_ffmpeg_mixes_needs_no_filter(layout: str) -> None:
    assert mix(layout) is None
    mixed = media.ffmpeg(["-f", "lavfi", "-i", f"anullsrc=cl={layout}:d=0.1", "-ac", "2"], "wav")
    assert mixed.stat().st_size > 1000
