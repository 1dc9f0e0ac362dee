"""A chart of lines with logarithmic axes, as SVG, for the documentation."""

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 40, 50
# Distinguishable without colours as well: each line has its own dashes.
_COLOURS = ("#1f5fa8", "#b3541e", "#2e7d4f", "#7a4fa3")
_DASHES = ("", "6 3", "2 3", "8 3 2 3")


def chart(title: str, across: str, up: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """All numbers must be above 0; `across` and `up` name the axes."""
    points = [point for line in lines.values() for point in line]
    columns = _decades([point[0] for point in points])
    rows = _decades([point[1] for point in points])

    def place(point: tuple[float, float]) -> tuple[float, float]:
        x = _share(point[0], columns) * (_WIDTH - _LEFT - _RIGHT) + _LEFT
        y = _HEIGHT - _BOTTOM - _share(point[1], rows) * (_HEIGHT - _TOP - _BOTTOM)
        return round(x, 1), round(y, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"',
        f' font-family="sans-serif" font-size="12"><title>{escape(title)}</title>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="18" font-size="14">{escape(title)}</text>',
        f'<text x="{(_WIDTH + _LEFT) / 2}" y="{_HEIGHT - 10}" text-anchor="middle">{escape(across)}</text>',
        f'<text transform="translate(14 {_HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(up)}</text>',
    ]
    for power in range(columns[0], columns[1] + 1):
        x, bottom = place((10.0**power, 10.0 ** rows[0]))
        parts.append(f'<path d="M{x} {_TOP}V{bottom}" stroke="#ddd"/>')
        parts.append(f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{10**power:,g}</text>')
    for power in range(rows[0], rows[1] + 1):
        left, y = place((10.0 ** columns[0], 10.0**power))
        parts.append(f'<path d="M{left} {y}H{_WIDTH - _RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{10.0**power:,g}</text>')
    for number, (name, line) in enumerate(lines.items()):
        colour, dashes = _COLOURS[number], _DASHES[number]
        path = "L".join("{} {}".format(*place(point)) for point in line)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in map(place, line)]
        y = _TOP + 14 + 16 * number
        parts.append(
            f'<path d="M{_LEFT + 10} {y - 4}h24" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>'
        )
        parts.append(f'<text x="{_LEFT + 40}" y="{y}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """The powers of ten below and above all of them."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _share(value: float, decades: tuple[int, int]) -> float:
    return (math.log10(value) - decades[0]) / (decades[1] - decades[0])
