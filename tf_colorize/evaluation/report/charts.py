"""Charts as inline SVG text, for self-contained pages."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

# Okabe and Ito's colors, which color-blind readers can distinguish.
Pairs = Sequence[tuple[float, float]]
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 44


def scatter(points: Pairs, *, title: str, labels: tuple[str, str], color: str = COLORS[0], size: int = 364) -> str:
    """Draws pairs of the same quantity, with the diagonal where both are equal.

    Args:
        points: pairs of floats, at least 0.
        title: text for screen readers.
        labels: names of the two axes.
        color: color of the points.
        size: width and height in pixels.

    Returns:
        The text of an `<svg>` element.
    """
    step = _round_step(max((max(pair) for pair in points), default=1.0) / 4)
    top = step * math.ceil(max((max(pair) for pair in points), default=1.0) / step)
    frame = _Frame(size, size, (0, top), (0, top))
    ticks = [step * index for index in range(round(top / step) + 1)]
    parts = [
        frame.axes(labels, *2 * [[(tick, _number(tick)) for tick in ticks]]),
        frame.line([(0, 0), (top, top)], 'class="diagonal"'),
    ]
    parts += [
        f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="2.4" fill="{color}" fill-opacity=".45"/>'
        for x, y in points
    ]
    return frame.svg(title, parts)


def shares(
    edges: Sequence[float],
    truth: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    title: str,
    label: str,
    width: int = 520,
    height: int = 300,
) -> str:
    """Draws histograms on a logarithmic scale: the truth as an area, the others as lines.

    Args:
        edges: bin edges, one more than there are bins.
        truth: counts of each bin.
        series: dict of color to counts of each bin.
        title: text for screen readers.
        label: name of the horizontal axis.
        width: width in pixels.
        height: height in pixels.

    Returns:
        The text of an `<svg>` element.
    """
    centers = [(low + high) / 2 for low, high in zip(edges[:-1], edges[1:])]
    frame = _Frame(width, height, (edges[0], edges[-1]), (_FLOOR, 0.0))
    ticks = [(tick, _number(tick)) for tick in range(-100, 101, 50) if edges[0] <= tick <= edges[-1]]
    decades = [(exponent, _percent(exponent)) for exponent in range(_FLOOR, 1)]
    area = [(edges[0], _FLOOR), *zip(centers, _log_shares(truth)), (edges[-1], _FLOOR)]
    parts = [frame.line(area, 'class="truth"'), frame.axes((label, "share of all pixels"), ticks, decades)]
    parts += [
        frame.line(_without_empty_ends(centers, counts), f'fill="none" stroke="{color}" stroke-width="2"')
        for color, counts in series.items()
    ]
    return frame.svg(title, parts)


def lines(
    series: Sequence[tuple[str, Pairs, bool]],
    *,
    title: str,
    labels: tuple[str, str],
    ticks: Sequence[tuple[float, str]],
    width: int = 520,
    height: int = 300,
) -> str:
    """Draws lines over one axis.

    Args:
        series: triples of color, pairs of floats, and whether the line is dashed.
        title: text for screen readers.
        labels: names of the two axes.
        ticks: pairs of a value and its text, of the horizontal axis, from its start to its end.
        width: width in pixels.
        height: height in pixels.

    Returns:
        The text of an `<svg>` element.
    """
    values = [0.0, *(y for _, points, _ in series for _, y in points)]
    step = _round_step((max(values) - min(values) or 1.0) / 6)
    levels = [step * index for index in range(math.floor(min(values) / step), math.ceil(max(values) / step) + 1)]
    frame = _Frame(width, height, (ticks[0][0], ticks[-1][0]), (levels[0], levels[-1]))
    parts = [frame.axes(labels, ticks, [(level, _number(round(level, 9))) for level in levels])]
    for color, points, is_dashed in series:
        dashes = ' stroke-dasharray="5 4"' if is_dashed else ""
        parts.append(frame.line(points, f'fill="none" stroke="{color}" stroke-width="2"{dashes}'))
    return frame.svg(title, parts)


_FLOOR = -5  # 0.001% of all pixels


def _without_empty_ends(centers, counts):
    filled = [index for index, count in enumerate(counts) if count]
    part = slice(max(filled[0] - 1, 0), filled[-1] + 2) if filled else slice(0)
    return list(zip(centers[part], _log_shares(counts)[part]))


def _log_shares(counts):
    total = max(sum(counts), 1)
    return [math.log10(max(count / total, 10.0**_FLOOR)) for count in counts]


def _percent(exponent):
    return f"{100 * 10.0**exponent:.{max(0, -exponent - 2)}f}%"


def _number(value):
    return f"{value:g}"


def _round_step(raw):
    """Returns the smallest of 1, 2, 5 times a power of ten that is not below `raw`."""
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)


class _Frame:
    """The plot area of a chart: maps values to pixels and draws axes."""

    def __init__(self, width, height, x_range, y_range):
        self.width, self.height, self.x_range, self.y_range = width, height, x_range, y_range

    def x(self, value):
        low, high = self.x_range
        return _LEFT + (value - low) / (high - low) * (self.width - _LEFT - _RIGHT)

    def y(self, value):
        low, high = self.y_range
        return self.height - _BOTTOM - (value - low) / (high - low) * (self.height - _TOP - _BOTTOM)

    def line(self, points, attributes):
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        return f'<polyline points="{path}" {attributes}/>'

    def axes(self, labels, x_ticks, y_ticks):
        left, bottom, right = _LEFT, self.height - _BOTTOM, self.width - _RIGHT
        parts = []
        for value, text in y_ticks:
            y = self.y(value)
            parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{html.escape(text)}</text>')
        for value, text in x_ticks:
            x = self.x(value)
            parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{html.escape(text)}</text>')
        x_label, y_label = (html.escape(label) for label in labels)
        upright = f'x="{(left + right) / 2}" y="{self.height - 8}"'
        turned = f'transform="translate(12 {(_TOP + bottom) / 2}) rotate(-90)"'
        parts.append(f'<text class="label" {upright} text-anchor="middle">{x_label}</text>')
        parts.append(f'<text class="label" {turned} text-anchor="middle">{y_label}</text>')
        return "".join(parts)

    def svg(self, title, parts):
        return (
            f'<svg viewBox="0 0 {self.width} {self.height}" width="{self.width}" height="{self.height}" role="img" '
            f'aria-label="{html.escape(title)}">{"".join(parts)}</svg>'
        )
