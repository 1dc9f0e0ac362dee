"""Cuts a long text into parts, at the end of a sentence or word where there is one."""

import re

# Where to cut, best first.
_ENDS = (re.compile(r"[.!?…][\"'»”)]*\s"), re.compile(r"\s"))


def parts(text: str, limit: int) -> list[str]:
    """The text in parts of at most `limit` characters; none is empty."""
    found, rest = [], text.strip()
    while len(rest) > limit:
        cut = _cut(rest, limit)
        found.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [part for part in (*found, rest) if part]


def _cut(text: str, limit: int) -> int:
    # Not before the last fifth: parts that are much shorter cost more requests.
    earliest = limit * 4 // 5
    for pattern in _ENDS:
        ends = [match.end() for match in pattern.finditer(text, earliest, limit)]
        if ends:
            return ends[-1]
    return limit
