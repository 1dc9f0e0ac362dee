"""Which bytes of a file are missing, according to its structure; hostile sizes only end the search."""

import io
import struct
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converter.media import completeness, ogg, pcm_headers, probe
from converter.media.completeness import Extent
from tests import media as videos


def box(name: bytes, size: int) -> bytes:
    return struct.pack(">I4s", size, name) + bytes(size - 8)


def extent(content: bytes, container: str) -> Extent:
    return completeness.extent(io.BytesIO(content), container)


FTYP = box(b"ftyp", 16)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (FTYP + box(b"moov", 100), Extent.WHOLE),
        (FTYP + box(b"moov", 100)[:50], Extent.CUT),
        (FTYP + box(b"moov", 100) + box(b"moof", 100)[:50], Extent.CUT),
        (FTYP + box(b"moov", 100) + box(b"mdat", 100)[:50], Extent.DOUBTFUL),
        (FTYP + box(b"moov", 100) + box(b"free", 100)[:50], Extent.WHOLE),
        (FTYP + struct.pack(">I4sQ", 1, b"mdat", 1 << 33), Extent.DOUBTFUL),
        (FTYP + struct.pack(">I4s", 0, b"mdat") + bytes(100), Extent.WHOLE),
        (FTYP + box(b"moov", 100) + b"\xff\xff\xff\xffjunk of a camera", Extent.WHOLE),
        (b"", Extent.WHOLE),
    ],
)
def test_an_mp4_is_cut_if_a_box_with_sound_is_cut(content: bytes, expected: Extent) -> None:
    assert extent(content, probe.MP4) is expected


@pytest.mark.parametrize(
    ("kind", "container", "share", "expected"),
    [
        ("mkv", "matroska,webm", 1, Extent.WHOLE),
        ("mkv", "matroska,webm", 0.5, Extent.CUT),
        ("live_mkv", "matroska,webm", 0.5, Extent.WHOLE),
        ("avi", "avi", 1, Extent.WHOLE),
        ("avi", "avi", 0.5, Extent.CUT),
        ("avi", "avi", 0.02, Extent.CUT),
        ("wmv", "asf", 1, Extent.WHOLE),
        ("wmv", "asf", 0.5, Extent.CUT),
        ("flv", "flv", 1, Extent.WHOLE),
        ("flv", "flv", 0.5, Extent.CUT),
        ("live_flv", "flv", 1, Extent.WHOLE),
        ("live_flv", "flv", 0.5, Extent.DOUBTFUL),
        ("wav", "wav", 1, Extent.WHOLE),
        ("wav", "wav", 0.5, Extent.CUT),
        ("mp3", "mp3", 0.5, Extent.WHOLE),
    ],
)
def test_the_structure_shows_whether_a_file_is_cut(kind: str, container: str, share: float, expected: Extent) -> None:
    content = videos.make(kind).read_bytes()
    assert extent(content[: int(len(content) * share)], container) is expected


CONTAINERS = [probe.MP4, "matroska,webm", "avi", "asf", "flv", "wav", "au"]
STARTS = [
    b"",
    FTYP,
    b"RIFF\xff\xff\xff\x7fAVI ",
    b"RIFF\0\0\0\0WAVE",
    b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67",
    b"FORM",
    b".snd",
]


@given(st.sampled_from(STARTS), st.binary(max_size=200), st.sampled_from(CONTAINERS), st.integers(1, 300))
def test_any_sizes_are_read_in_bounded_time(start: bytes, content: bytes, container: str, times: int) -> None:
    file = io.BytesIO(start + content * times)
    before = time.process_time()
    completeness.extent(file, container)
    pcm_headers.correct(file)
    assert time.process_time() - before < 2


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFDB])
def test_placeholders_are_recognised(size: int) -> None:
    assert pcm_headers.is_placeholder(size)


@pytest.mark.parametrize("size", [1, 1000, 100_000_000, 2_000_000_000, 3_000_000_000])
def test_real_sizes_are_not_placeholders(size: int) -> None:
    assert not pcm_headers.is_placeholder(size)


def test_a_placeholder_gets_the_real_size() -> None:
    whole = videos.make("wav").read_bytes()
    at = whole.index(b"data") + 4
    file = io.BytesIO(whole[:at] + b"\xff\xff\xff\xff" + whole[at + 4 :])
    assert pcm_headers.correct(file)
    assert file.getvalue() == whole
    assert not pcm_headers.correct(file)


def page(head: bytes, flags: int) -> bytes:
    return b"OggS\0" + bytes([flags]) + bytes(20) + bytes([1, len(head)]) + head


VORBIS, OTHER, OPUS = b"\x01vorbis\0\0\0\0\x02\x80\xbb\0\0", b"\x01vorbis\0\0\0\0\x02\x44\xac\0\0", b"OpusHead\x01\x02"


@pytest.mark.parametrize(
    ("heads", "stretches"),
    [([VORBIS], 1), ([VORBIS, VORBIS], 1), ([VORBIS, OTHER], 2), ([VORBIS, OTHER, OTHER, VORBIS, OPUS], 4)],
)
def test_a_chain_is_cut_where_its_links_differ(heads: list[bytes], stretches: int, tmp_path) -> None:
    links = [page(head, 2) + page(b"x" * 50, 0) for head in heads]
    path = tmp_path / "chain.ogg"
    path.write_bytes(b"".join(links))
    with path.open("rb") as file:
        found = ogg.stretches(file)
    assert len(found) == stretches
    assert (found[0].start, found[-1].end) == (0, path.stat().st_size)
    assert all(one.end == other.start for one, other in pairwise(found))


@pytest.mark.parametrize(
    ("end", "declared", "frame", "short"),
    [
        (6.0, 6.0, 0.04, False),
        (5.8, 6.0, 0.04, False),
        (5.0, 6.0, 0.04, True),
        (3590.0, 3600.0, 0.04, True),
        (3599.5, 3600.0, 0.04, False),
        (9.0, 12.0, 1.0, False),  # four pictures of a second each may lag
        (1.0, 86400.0, 0.04, True),
    ],
)
def test_a_file_is_short_when_it_ends_clearly_before_its_length(
    end: float, declared: float, frame: float, *, short: bool
) -> None:
    assert completeness.is_short(end, declared, frame) is short
