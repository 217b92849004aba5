"""Detects flat margins around a photo (a mount, a scanner bed, the black bars of a film), which get no color."""

from __future__ import annotations

import dataclasses

import numpy as np

from tf_colorize.color import lab

# Shares of the picture's side: the outermost lines of a side, and the minimum width of the wider margin of a pair and
# of any margin.
_STRIP, _WIDE, _NARROW = 0.0134, 0.03, 0.0134
_LEAST_INSIDE = 0.3
_LEAST_PIXELS = 32
# In L*: the tolerance around the margin's tone, if it surrounds the photo (to allow uneven light) and if it is on two
# sides only.
_TOLERANCE, _TOLERANCE_OF_PAIRS = 4.0, 2.0
_MOST_FALL = 20.0  # in L*, from one end of the picture to the other
_FLAT_SHARE = 0.97  # of the outermost lines
_STRAIGHT_SHARE = 0.6  # of the edge between margin and photo
_STRAIGHT_SHARE_OF_ONE = 0.2  # with margins on four sides: much of the photo at the edge may have the margin's tone
_STRAIGHT_WITHIN = 1.5  # pixels
_STEEPEST = 0.06  # of the edge: 3.4 degrees
_SLOPES = np.array(sorted(np.linspace(-_STEEPEST, _STEEPEST, 13), key=abs))
_MOST_LAYERS = 3  # such as cardboard, a line, white paper


@dataclasses.dataclass
class _Edge:
    """The line at which a margin ends, in pixels from its side: `start + slope * position`."""

    start: float
    slope: float

    def depths(self, length):
        return self.start + self.slope * (np.arange(length) + 0.5)


def color_share(lightness: np.ndarray) -> np.ndarray:
    """Returns the share of color to keep at each place: 0 in a flat margin, 1 in the photo or without a margin.

    A margin is flat within a few L*, surrounds the photo or lies on two opposite sides, takes up at least 3% of the
    picture there, and ends at a straight edge, which may be rotated by three degrees. Skies and backdrops do not meet
    these conditions.

    Args:
        lightness: float32 `(height, width)` in [-1, 1], L* / 50 - 1.

    Returns:
        float32 `(height, width)` in [0, 1], with a soft edge of two pixels.
    """
    levels = (np.asarray(lightness, np.float32) + 1) * lab.LIGHTNESS_SCALE
    share, frame = np.ones(lightness.shape, np.float32), (0, lightness.shape[0], 0, lightness.shape[1])
    for layer in range(_MOST_LAYERS):
        top, bottom, left, right = frame
        if min(bottom - top, right - left) < _LEAST_PIXELS:
            break
        edges = _edges(levels[top:bottom, left:right], _WIDE if layer == 0 else _NARROW)
        if edges is None:
            break
        found = np.zeros_like(share)
        found[top:bottom, left:right] = _share_inside(edges, (bottom - top, right - left))
        np.minimum(share, found, out=share)
        frame = _inner(share)
    return share


def _inner(share):
    """Returns `(top, bottom, left, right)` of the photo, without pixels that are blurred with the margin."""
    ranges = []
    for axis in (1, 0):
        places = np.flatnonzero(share.max(axis=axis) >= 1)
        ranges += [int(places[0]) + 1, int(places[-1])] if len(places) else [0, 0]
    return tuple(ranges)


# How to rotate a side to the left, and back.
_TURNED = {
    "left": (lambda a: a),
    "right": (lambda a: a[:, ::-1]),
    "top": (lambda a: a.T),
    "bottom": (lambda a: a[::-1].T),
}
_OPPOSITE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
_GROUPS = (("left", "right", "top", "bottom"), ("left", "right"), ("top", "bottom"))


def _edges(lightness, wide):
    """Returns `{side: _Edge}` of the first group of sides with a margin, or None."""
    for sides in _GROUPS:
        is_pair = len(sides) == 2
        tone = _tone(lightness, sides, is_pair)
        if tone is None:
            continue
        flat = np.abs(lightness - tone) <= (_TOLERANCE_OF_PAIRS if is_pair else _TOLERANCE)
        edges = _straight_edges(flat, sides)
        if edges and _is_wide(edges, lightness.shape, wide):
            return edges
    return None


def _straight_edges(flat, sides):
    """Returns `{side: _Edge}`, or None if the margins do not end at straight lines."""
    found = {side: _edge(_TURNED[side](flat)) for side in sides}
    weak = [side for side, edge in found.items() if edge is None or edge[1] < _STRAIGHT_SHARE]
    if weak and (len(weak) > 1 or len(sides) == 2):
        return None
    for side in weak:
        # Much of the photo has the margin's tone there, so the slope is that of the opposite edge, and lines can only
        # end too late.
        edge = _edge(_TURNED[side](flat), [-found[_OPPOSITE[side]][0].slope], first_share=_STRAIGHT_SHARE_OF_ONE)
        if edge is None or edge[1] < _STRAIGHT_SHARE_OF_ONE:
            return None
        found[side] = edge
    return {side: edge for side, (edge, _) in found.items()}


def _tone(lightness, sides, is_pair):
    """Returns the margin's tone, `(height, width)` or a number, or None if the outermost lines are not flat."""
    height, width = lightness.shape
    strip = np.zeros(lightness.shape, bool)
    for side in sides:
        turned = _TURNED[side](strip)
        turned[:, : max(2, round(_STRIP * turned.shape[1]))] = True
    values = lightness[strip]
    middle = np.median(values)
    if is_pair:
        return middle if np.mean(np.abs(values - middle) <= _TOLERANCE_OF_PAIRS) >= _FLAT_SHARE else None
    if np.mean(np.abs(values - middle) <= _MOST_FALL) < _FLAT_SHARE:
        return None
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    rows, columns = rows / height - 0.5, columns / width - 0.5
    places = np.stack([np.ones_like(values), rows[strip], columns[strip]], axis=1)
    weights = np.abs(values - middle) <= _MOST_FALL
    for _ in range(3):
        plane = np.linalg.lstsq(places[weights], values[weights], rcond=None)[0]
        distance = np.abs(values - places @ plane)
        weights = distance <= max(_TOLERANCE, np.median(distance) * 3)
    if np.mean(distance <= _TOLERANCE) < _FLAT_SHARE or np.abs(plane[1:]).sum() > _MOST_FALL:
        return None
    return plane[0] + plane[1] * rows + plane[2] * columns


def _edge(flat, slopes=_SLOPES, first_share=None):
    """Returns `(_Edge, share of lines that end there)` for the margin on the left of a picture, or None.

    The edge is where most lines end, or, with `first_share`, the first place where at least that share does.
    """
    height, width = flat.shape
    depths = np.where(flat.all(axis=1), width, flat.argmin(axis=1))
    lines = np.flatnonzero(depths < width)  # the other lines are in the margins above and below
    if len(lines) < _LEAST_INSIDE * height:
        return None
    positions, depths = lines + 0.5, depths[lines]
    # Where the photo has the margin's tone, lines end too late, so the mode counts and not the median.
    best = (0.0, 0.0, 0.0)
    for slope in slopes:
        starts = depths - slope * positions
        counts = np.bincount(np.maximum(np.rint(starts), 0).astype(np.intp))
        ends = np.convolve(counts, [1, 1, 1])[1:-1] / len(lines)
        start = int(ends.argmax() if first_share is None else (ends >= first_share).argmax())
        is_near = np.abs(starts - start) <= _STRAIGHT_WITHIN
        if is_near.mean() > best[0]:
            best = (is_near.mean(), np.median(starts[is_near]), slope)
    share, start, slope = best
    return (_Edge(float(start), float(slope)), share) if start >= 1 else None


def _is_wide(edges, shape, wide):
    """Returns whether the margins are wide enough and leave enough of the photo."""
    widths = {
        side: edge.depths(shape[0] if side in ("left", "right") else shape[1]).mean() for side, edge in edges.items()
    }
    for pair, length in ((("left", "right"), shape[1]), (("top", "bottom"), shape[0])):
        if pair[0] in widths and length - widths[pair[0]] - widths[pair[1]] < _LEAST_INSIDE * length:
            return False
    shares = {side: width / (shape[1] if side in ("left", "right") else shape[0]) for side, width in widths.items()}
    return min(shares.values()) >= _NARROW and any(
        min(shares[a], shares[b]) >= wide for a, b in (("left", "right"), ("top", "bottom")) if a in shares
    )


def _share_inside(edges, shape):
    share = np.ones(shape, np.float32)
    for side, edge in edges.items():
        turned = _TURNED[side](share)
        height, width = turned.shape
        beyond = np.arange(width) + 0.5 - edge.depths(height)[:, np.newaxis]
        np.minimum(turned, np.clip(beyond, 0, 1), out=turned)
    return share
