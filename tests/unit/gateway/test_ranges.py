"""Range requests, as RFC 9110 section 14.1.2 defines them, of a file of 1000 bytes."""

import pytest

from common.errors import RangeNotSatisfiable
from gateway.downloads import byte_range


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-499", (0, 500)),
        ("bytes=500-999", (500, 1000)),
        ("bytes=0-", (0, 1000)),
        ("bytes=999-", (999, 1000)),
        ("bytes=500-5000", (500, 1000)),
        ("bytes=0-99999999999999999999999999", (0, 1000)),
        ("bytes=0-" + "9" * 10_000, (0, 1000)),
        ("bytes=" + "0" * 5000 + "5-5", (5, 6)),
        ("bytes=-1", (999, 1000)),
        ("bytes=-500", (500, 1000)),
        ("bytes=-1000", (0, 1000)),
        # "If the selected representation is shorter …, the entire representation is used."
        ("bytes=-1001", (0, 1000)),
        ("bytes=-99999999999999999999999999", (0, 1000)),
        ("BYTES=0-1", (0, 2)),
        ("bytes= 0-1 ", (0, 2)),
        # Lists may have empty elements, and an unsatisfiable range of a list does not count.
        ("bytes=,0-1,", (0, 2)),
        ("bytes=0-1,2000-", (0, 2)),
        ("bytes=2000-3000, -5", (995, 1000)),
        # The whole file.
        (None, None),
        ("", None),
        ("bytes", None),
        ("bytes=", None),
        ("bytes=,", None),
        ("bytes=abc", None),
        ("bytes=5-2", None),
        ("bytes=5", None),
        ("bytes=-", None),
        ("bytes=--5", None),
        ("bytes=+1-2", None),
        ("bytes=0x0-1", None),
        ("bytes=1.0-2", None),
        ("bytes=0-1;2-3", None),
        ("bytes=5-2,0-1", None),
        ("lines=0-1", None),
        ("seconds=0-1", None),
        # A server may ignore several ranges.
        ("bytes=0-1,5-6", None),
        ("bytes=0-1,1-2", None),
        ("bytes=5-6,0-1", None),
        ("bytes=0-1,bytes=5-6", None),
    ],
)
def test_a_range_is_read(header, part):
    assert byte_range(header, 1000) == part


@pytest.mark.parametrize(
    "header",
    ["bytes=1000-", "bytes=1000-1001", "bytes=-0", "bytes=5000-", "bytes=9999999999999999999999-", "bytes=2000-,3000-"],
)
def test_an_unsatisfiable_range_is_refused_with_the_length(header):
    with pytest.raises(RangeNotSatisfiable) as refused:
        byte_range(header, 1000)
    assert refused.value.headers == {"Content-Range": "bytes */1000"}
