"""Detects flat margins around a photo (a mount, a scanner bed, the black bars of a film), which get no color."""

from __future__ import annotations

import dataclasses

import numpy as np

from tf_colorize.color import lab

# Shares of the picture's side: the outermost lines of a side, and the minimum width of the wider margin of a pair and
# of any margin.
STRIP, WIDE, NARROW = 0.0134, 0.03, 0.0134
LEAST_STRIP = 2  # pixels
LEAST_INSIDE = 0.3
LEAST_PIXELS = 32
# In L*: the tolerance around the margin's tone, if it surrounds the photo (to allow uneven light) and if it is on two
# sides only.
TOLERANCE, TOLERANCE_OF_PAIRS = 4.0, 2.0
MOST_FALL = 20.0  # in L*, from one end of the picture to the other
FITS = 3  # of a plane to the margin's tone
FLAT_SHARE = 0.97  # of the outermost lines
STRAIGHT_SHARE = 0.6  # of the edge between margin and photo
STRAIGHT_SHARE_OF_ONE = 0.2  # with margins on four sides: much of the photo at the edge may have the margin's tone
STRAIGHT_WITHIN = 1.5  # pixels
MOST_LAYERS = 3  # such as cardboard, a line, white paper
# Edges are computed in whole numbers, so that the same edge is found in a TensorFlow graph and in the browser, whose
# lightness differs in the last bits.
UNIT = 200  # units in a pixel
SLOPES = sorted(range(-6, 7), key=abs)  # hundredths of a pixel per line, up to 3.4 degrees


@dataclasses.dataclass
class _Edge:
    """The line at which a margin ends: at line `i`, `start + slope * (2 i + 1)` units from its side.

    `slope` is thus in hundredths of a pixel per line.
    """

    start: float
    slope: int

    def depths(self, length):
        return self.start + self.slope * (2 * np.arange(length) + 1)


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
    for layer in range(MOST_LAYERS):
        top, bottom, left, right = frame
        if min(bottom - top, right - left) < LEAST_PIXELS:
            break
        edges = _edges(levels[top:bottom, left:right], WIDE if layer == 0 else NARROW)
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
        flat = np.abs(lightness - tone) <= (TOLERANCE_OF_PAIRS if is_pair else TOLERANCE)
        edges = _straight_edges(flat, sides)
        if edges and _is_wide(edges, lightness.shape, wide):
            return edges
    return None


def _straight_edges(flat, sides):
    """Returns `{side: _Edge}`, or None if the margins do not end at straight lines."""
    found = {side: _edge(_TURNED[side](flat)) for side in sides}
    weak = [side for side, edge in found.items() if edge is None or edge[1] < STRAIGHT_SHARE]
    if weak and (len(weak) > 1 or len(sides) == 2):
        return None
    for side in weak:
        # Much of the photo has the margin's tone there, so the slope is that of the opposite edge, and lines can only
        # end too late.
        slopes = [-found[_OPPOSITE[side]][0].slope]
        edge = _edge(_TURNED[side](flat), slopes, first_share=STRAIGHT_SHARE_OF_ONE)
        if edge is None or edge[1] < STRAIGHT_SHARE_OF_ONE:
            return None
        found[side] = edge
    return {side: edge for side, (edge, _) in found.items()}


def _tone(lightness, sides, is_pair):
    """Returns the margin's tone, `(height, width)` or a number, or None if the outermost lines are not flat."""
    height, width = lightness.shape
    strip = np.zeros(lightness.shape, bool)
    for side in sides:
        turned = _TURNED[side](strip)
        turned[:, : max(LEAST_STRIP, round(STRIP * turned.shape[1]))] = True
    values = lightness[strip]
    middle = np.median(values)
    if is_pair:
        return middle if np.mean(np.abs(values - middle) <= TOLERANCE_OF_PAIRS) >= FLAT_SHARE else None
    if np.mean(np.abs(values - middle) <= MOST_FALL) < FLAT_SHARE:
        return None
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    rows, columns = rows / height - 0.5, columns / width - 0.5
    places = np.stack([np.ones_like(values), rows[strip], columns[strip]], axis=1)
    weights = np.abs(values - middle) <= MOST_FALL
    for _ in range(FITS):
        plane = np.linalg.lstsq(places[weights], values[weights], rcond=None)[0]
        distance = np.abs(values - places @ plane)
        weights = distance <= max(TOLERANCE, np.median(distance) * 3)
    if np.mean(distance <= TOLERANCE) < FLAT_SHARE or np.abs(plane[1:]).sum() > MOST_FALL:
        return None
    return plane[0] + plane[1] * rows + plane[2] * columns


def _edge(flat, slopes=SLOPES, first_share=None):
    """Returns `(_Edge, share of lines that end there)` for the margin on the left of a picture, or None.

    The edge is where most lines end, or, with `first_share`, the first place where at least that share does.
    """
    height, width = flat.shape
    depths = np.where(flat.all(axis=1), width, flat.argmin(axis=1))
    lines = np.flatnonzero(depths < width)  # the other lines are in the margins above and below
    if len(lines) / height < LEAST_INSIDE:
        return None
    depths = depths[lines]
    # Where the photo has the margin's tone, lines end too late, so the mode counts and not the median.
    best = (0, 0.0, 0)
    for slope in slopes:
        starts = UNIT * depths - slope * (2 * lines + 1)
        counts = np.bincount(np.maximum((starts + UNIT // 2) // UNIT, 0))
        ends = np.convolve(counts, [1, 1, 1])[1:-1]
        start = int(ends.argmax() if first_share is None else (ends / len(lines) >= first_share).argmax())
        is_near = np.abs(starts - UNIT * start) <= UNIT * STRAIGHT_WITHIN
        if is_near.sum() > best[0]:
            best = (is_near.sum(), np.median(starts[is_near]), slope)
    count, start, slope = best
    return (_Edge(float(start), slope), count / len(lines)) if start >= UNIT else None


def _is_wide(edges, shape, wide):
    """Returns whether the margins are wide enough and leave enough of the photo."""
    lengths = {side: shape[1] if side in ("left", "right") else shape[0] for side in edges}
    across = {side: shape[0] if side in ("left", "right") else shape[1] for side in edges}
    # The mean depth is that in the middle.
    widths = {side: (edge.start + edge.slope * across[side]) / UNIT for side, edge in edges.items()}
    for pair, length in ((("left", "right"), shape[1]), (("top", "bottom"), shape[0])):
        if pair[0] in widths and (length - widths[pair[0]] - widths[pair[1]]) / length < LEAST_INSIDE:
            return False
    shares = {side: width / lengths[side] for side, width in widths.items()}
    return min(shares.values()) >= NARROW and any(
        min(shares[a], shares[b]) >= wide for a, b in (("left", "right"), ("top", "bottom")) if a in shares
    )


def _share_inside(edges, shape):
    share = np.ones(shape, np.float32)
    for side, edge in edges.items():
        turned = _TURNED[side](share)
        height, width = turned.shape
        beyond = UNIT * np.arange(width) + UNIT // 2 - edge.depths(height)[:, np.newaxis]
        np.minimum(turned, np.clip(beyond / UNIT, 0, 1), out=turned)
    return share
