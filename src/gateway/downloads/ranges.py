"""The header `Range` as RFC 9110 section 14 defines it."""

import re

from common.errors import RangeNotSatisfiable

_INT_RANGE = re.compile(r"([0-9]+)[ \t]*-[ \t]*([0-9]*)")
_SUFFIX = re.compile(r"-[ \t]*([0-9]+)")
# A number with more digits is larger than any file.
_DIGITS = 18


def requested(header: str | None, length: int) -> tuple[int, int] | None:
    """The bytes that are asked for, from and up to (exclusive); None when the whole file is to be sent.

    That is so without the header, for other units than bytes, for ranges that are not valid, and for several ranges:
    section 14.2 allows a server to ignore them. Raises RangeNotSatisfiable when the file has none of the bytes.
    """
    unit, equals, ranges = (header or "").partition("=")
    if not equals or unit.strip(" \t").lower() != "bytes":
        return None
    specs = [spec for spec in (part.strip(" \t") for part in ranges.split(",")) if spec]
    found = [_bounds(spec, length) for spec in specs]
    if not found or None in found:
        return None
    there = [(start, stop) for start, stop in filter(None, found) if start < stop]
    if not there:
        raise RangeNotSatisfiable(f"The file has {length} bytes.", headers={"Content-Range": f"bytes */{length}"})
    return there[0] if len(there) == 1 else None


def _bounds(spec: str, length: int) -> tuple[int, int] | None:
    """Where a range begins and ends in the file; it is empty when it is not satisfiable, None when it is not valid."""
    if match := _SUFFIX.fullmatch(spec):
        return max(0, length - _number(match[1])), length
    if match := _INT_RANGE.fullmatch(spec):
        first, last = _number(match[1]), _number(match[2]) if match[2] else length - 1
        if match[2] and last < first:
            return None
        return first, min(last + 1, length)
    return None


def _number(digits: str) -> int:
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _DIGITS else 10**_DIGITS
