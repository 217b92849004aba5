"""The detection of flat margins as TensorFlow operations, for graphs that run without Python.

It follows `color/margins.py` step by step. All sides are processed at once, as rotated copies of the square in which
the side is on the left; the part of the square that is searched (`frame`) is a mask, so that shapes stay constant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tf_colorize.color import lab, margins

# Left, right, top, bottom.
_GROUPS = ((1.0, 1.0, 1.0, 1.0), (1.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 1.0))
_OPPOSITE = (1, 0, 3, 2)
_NEVER = 1e9


def without_color_in_margins(image_size: int) -> Callable[..., Any]:
    """Returns a function that removes the color in flat margins, as `Colorizer` does.

    Args:
        image_size: int, side of the network's square input.

    Returns:
        A function of lightness, float32 `(batch, image_size, image_size, 1)`, ab, float32 `(batch, image_size,
        image_size, 2)`, and optionally hints, float32 `(batch, image_size, image_size, 3)`, that returns ab. Pictures
        with a hint in a margin keep all color.
    """
    square = tf.TensorSpec((image_size, image_size), tf.float32)
    # A function of its own is stored once for all signatures.
    color_share = tf.function(_color_share, autograph=False, input_signature=[square])

    def removed(lightness, ab, hints=None):
        planes = lightness[..., 0]
        if planes.shape[0] == 1:
            share = color_share(planes[0])[tf.newaxis]
        else:
            share = tf.map_fn(color_share, planes, fn_output_signature=square)
        share = share[..., tf.newaxis]
        if hints is not None:
            is_hinted = tf.reduce_any((hints[..., 2:] > 0) & (share < 0.5), axis=(1, 2, 3), keepdims=True)
            share = tf.where(is_hinted, 1.0, share)
        return ab * share

    return removed


def _color_share(lightness):
    """Returns the same as `margins.color_share`, float32 `(size, size)`."""
    size = lightness.shape[0]
    levels = (lightness + 1.0) * lab.LIGHTNESS_SCALE

    # Each step tries one group of sides on one layer.
    def goes_on(layer, group, _, frame):
        top, bottom, left, right = tf.unstack(frame)
        is_large = tf.minimum(bottom - top, right - left) >= margins.LEAST_PIXELS
        return is_large & (layer < margins.MOST_LAYERS) & (group < len(_GROUPS))

    def step(layer, group, share, frame):
        wide = tf.where(layer == 0, margins.WIDE, margins.NARROW)
        found, inside = _share_inside_margins(levels, frame, tf.gather(_GROUPS, group), wide)
        next_frame = tf.where(found, _inner(tf.minimum(share, inside)), frame)
        return tf.where(found, layer + 1, layer), tf.where(found, 0, group + 1), tf.minimum(share, inside), next_frame

    state = (tf.constant(0), tf.constant(0), tf.ones((size, size)), tf.constant([0.0, size, 0.0, size]))
    return tf.while_loop(goes_on, step, state)[2]


def _shaped(*tensors):
    """Sets the shapes of tensors again, because converters do not know those of a branch's outer tensors."""
    return [tf.reshape(tensor, tensor.shape) for tensor in tensors]


def _inner(share):
    """Returns the frame `(top, bottom, left, right)` of the photo, float32 `(4,)`."""
    places = tf.range(share.shape[0], dtype=tf.float32)
    ends = []
    for axis in (1, 0):
        is_photo = tf.reduce_max(share, axis=axis) >= 1.0
        first = tf.reduce_min(tf.where(is_photo, places, _NEVER)) + 1.0
        ends += [first, tf.reduce_max(tf.where(is_photo, places, 0.0))]
    return tf.stack(ends)


def _share_inside_margins(levels, frame, sides, wide):
    """Returns whether some sides have margins, and the share of color to keep."""
    levels, frame, sides = _shaped(levels, frame, sides)
    is_pair = tf.reduce_sum(sides) < 4.0
    is_flat, tone = _tone(levels, frame, sides, is_pair)

    def found_edges():
        distance, inner_frame, inner_sides = _shaped(tf.abs(levels - tone), frame, sides)
        flat = distance <= tf.where(is_pair, margins.TOLERANCE_OF_PAIRS, margins.TOLERANCE)
        lines = _Lines(flat, inner_frame)
        starts, slopes, are_straight = _straight_edges(lines, inner_sides, is_pair)
        are_margins = are_straight & _is_wide(lines, starts, slopes, inner_sides, wide)
        return are_margins, tf.where(are_margins, _share_inside(lines, starts, slopes, inner_sides), 1.0)

    found, share = tf.cond(is_flat, found_edges, lambda: (tf.constant(False), tf.ones_like(levels)))
    return tf.reshape(found, ()), tf.reshape(share, levels.shape)


def _tone(levels, frame, sides, is_pair):
    """Returns whether the outermost lines are flat, and the margin's tone, float32 `(size, size)`."""
    strip = _strip(levels.shape[0], frame, sides)
    values = tf.boolean_mask(levels, strip)
    middle = _median(values)
    values -= middle

    def even():
        return _share_of(tf.abs(values) <= margins.TOLERANCE_OF_PAIRS) >= margins.FLAT_SHARE, tf.zeros_like(levels)

    def uneven():
        (inner_frame,) = _shaped(frame)
        places = _places(levels.shape[0], inner_frame)
        of_strip = tf.boolean_mask(places, strip)
        weights = tf.abs(values) <= margins.MOST_FALL
        is_flat = _share_of(weights) >= margins.FLAT_SHARE
        plane, distance = values, values
        for _ in range(margins.FITS):
            plane = _plane(of_strip, values, tf.cast(weights, tf.float32))
            distance = tf.abs(values - tf.linalg.matvec(of_strip, plane))
            weights = distance <= tf.maximum(margins.TOLERANCE, 3.0 * _median(distance))
        is_flat &= _share_of(distance <= margins.TOLERANCE) >= margins.FLAT_SHARE
        is_flat &= tf.reduce_sum(tf.abs(plane[1:])) <= margins.MOST_FALL
        return is_flat, tf.linalg.matvec(places, plane)

    is_flat, tone = tf.cond(is_pair, even, uneven)
    return tf.reshape(is_flat, ()), middle + tf.reshape(tone, levels.shape)


def _strip(size, frame, sides):
    """Returns where the outermost lines of some sides are, bool `(size, size)`."""
    top, bottom, left, right = tf.unstack(frame)
    places = tf.range(size, dtype=tf.float32)
    is_row, is_column = (places >= top) & (places < bottom), (places >= left) & (places < right)
    wide = [
        tf.maximum(float(margins.LEAST_STRIP), tf.round(margins.STRIP * side)) for side in (right - left, bottom - top)
    ]
    in_columns = (places < left + sides[0] * wide[0]) | (places >= right - sides[1] * wide[0])
    in_rows = (places < top + sides[2] * wide[1]) | (places >= bottom - sides[3] * wide[1])
    return is_row[:, tf.newaxis] & is_column & (in_rows[:, tf.newaxis] | in_columns)


def _places(size, frame):
    """Returns 1 and each place's row and column as a share of the frame, minus 0.5, float32 `(size, size, 3)`."""
    top, bottom, left, right = tf.unstack(frame)
    places = tf.range(size, dtype=tf.float32)
    rows, columns = (places - top) / (bottom - top) - 0.5, (places - left) / (right - left) - 0.5
    one = tf.ones((size, size))
    return tf.stack([one, rows[:, tf.newaxis] * one, columns * one], axis=-1)


def _plane(places, values, weights):
    """Returns the plane with the least squared distance from values: constant, per row, per column."""
    weighted = places * weights[:, tf.newaxis]
    squares = tf.linalg.matmul(weighted, places, transpose_a=True)
    # The cofactors, because converters support no solver: each row is the cross product of the other two.
    after, before = (1, 2, 0), (2, 0, 1)
    one, other = tf.gather(squares, after), tf.gather(squares, before)
    cofactors = tf.gather(one, after, axis=1) * tf.gather(other, before, axis=1)
    cofactors -= tf.gather(one, before, axis=1) * tf.gather(other, after, axis=1)
    determinant = tf.maximum(tf.reduce_sum(squares[0] * cofactors[0]), 1e-9)
    return tf.linalg.matvec(cofactors, tf.linalg.matvec(weighted, values, transpose_a=True)) / determinant


class _Lines:
    """The lines of the square that begin at each side, and where they leave the margin; the first axis is the side."""

    def __init__(self, flat, frame):
        size = flat.shape[0]
        top, bottom, left, right = tf.unstack(frame)
        places = tf.range(size, dtype=tf.float32)
        # Of each side: how many lines there are and how long they are.
        self.count = tf.stack([bottom - top, bottom - top, right - left, right - left])
        self.length = tf.stack([right - left, right - left, bottom - top, bottom - top])
        self.index = places - tf.stack([top, top, left, left])[:, tf.newaxis]
        self.place = places - tf.stack([left, size - right, top, size - bottom])[:, tf.newaxis]
        self.is_line = _is_within(self.index, self.count)
        is_photo = ~_turned(flat) & _is_within(self.place, self.length)[:, tf.newaxis]
        places_of_photo = tf.where(is_photo, self.place[:, tf.newaxis], _NEVER)
        self.depths = tf.reduce_min(places_of_photo, axis=2)
        self.is_line_of_photo = self.is_line & (self.depths < _NEVER)

    def starts(self, slopes):
        """Returns where edges of slopes `(4, n)` through the ends of the lines begin, in units, `(4, n, size)`."""
        rise = slopes[..., tf.newaxis] * (2.0 * self.index + 1.0)[:, tf.newaxis]
        return margins.UNIT * self.depths[:, tf.newaxis] - rise


def _is_within(places, length):
    return (places >= 0.0) & (places < length[:, tf.newaxis])


def _turned(plane):
    return tf.stack([plane, plane[:, ::-1], tf.transpose(plane), tf.transpose(plane[::-1])])


def _straight_edges(lines, sides, is_pair):
    """Returns the start and slope of each side's edge, float32 `(4,)`, and whether they are margins' edges."""
    starts, slopes, shares = _edges(lines, tf.constant([margins.SLOPES] * 4, tf.float32))
    is_weak = (shares < margins.STRAIGHT_SHARE) & (sides > 0.0)
    opposite = -tf.gather(slopes, _OPPOSITE)[:, tf.newaxis]
    other_starts, other_slopes, other_shares = _edges(lines, opposite, margins.STRAIGHT_SHARE_OF_ONE)
    is_found = ~is_weak | (other_shares >= margins.STRAIGHT_SHARE_OF_ONE)
    are_straight = tf.reduce_all(is_found) & (_number_of(is_weak) <= tf.where(is_pair, 0.0, 1.0))
    return tf.where(is_weak, other_starts, starts), tf.where(is_weak, other_slopes, slopes), are_straight


def _edges(lines, slopes, first_share=None):
    """Returns the start and slope of each side's edge, and the share of lines that end there, float32 `(4,)` each.

    The slope is one of `slopes`, `(4, n)`, the first of those at which most lines end. The share is 0 where there is no
    edge.
    """
    number = tf.reduce_sum(tf.cast(lines.is_line_of_photo, tf.float32), axis=1)
    starts = lines.starts(slopes)
    pixels = _modes(lines, starts, number, first_share)
    is_near = tf.abs(starts - margins.UNIT * pixels[..., tf.newaxis]) <= margins.UNIT * margins.STRAIGHT_WITHIN
    is_near &= lines.is_line_of_photo[:, tf.newaxis]
    counts = tf.reduce_sum(tf.cast(is_near, tf.float32), axis=2)
    most = tf.reduce_max(counts, axis=1, keepdims=True)
    order = tf.range(slopes.shape[1], dtype=tf.float32)
    is_best = order == tf.reduce_min(tf.where(counts == most, order, _NEVER), axis=1, keepdims=True)
    starts = tf.reduce_sum(tf.where(is_best[..., tf.newaxis], starts, 0.0), axis=1)
    is_near = tf.reduce_any(is_near & is_best[..., tf.newaxis], axis=1)
    start = _median_of_each(starts, is_near)
    is_edge = (number / lines.count >= margins.LEAST_INSIDE) & (start >= margins.UNIT) & (most[:, 0] > 0.0)
    shares = tf.where(is_edge, most[:, 0] / tf.maximum(number, 1.0), 0.0)
    return start, tf.reduce_sum(tf.where(is_best, slopes, 0.0), axis=1), shares


def _modes(lines, starts, number, first_share):
    """Returns the pixel near which most lines end, or the first near which a share does, float32 `(4, n)`."""
    steepest = max(margins.SLOPES) / 100.0
    pixels = tf.range(int(starts.shape[2] * (1.0 + steepest)) + 2, dtype=tf.float32)
    ends = tf.maximum(tf.floor((starts + margins.UNIT // 2) / margins.UNIT), 0.0)
    ends = tf.where(lines.is_line_of_photo[:, tf.newaxis], ends, -_NEVER)
    is_near = tf.abs(ends[..., tf.newaxis] - pixels) <= 1.0
    counts = tf.reduce_sum(tf.cast(is_near, tf.float32), axis=2)
    if first_share is None:
        is_it = counts == tf.reduce_max(counts, axis=2, keepdims=True)
    else:
        is_it = counts / tf.maximum(number[:, tf.newaxis, tf.newaxis], 1.0) >= first_share
    first = tf.reduce_min(tf.where(is_it, pixels, _NEVER), axis=2)
    return tf.where(first < _NEVER, first, 0.0)


def _is_wide(lines, starts, slopes, sides, wide):
    """Returns whether the margins are wide enough and leave enough of the photo."""
    widths = (starts + slopes * lines.count) / margins.UNIT
    left = (lines.length - widths - tf.gather(widths, _OPPOSITE)) / lines.length
    shares = widths / lines.length
    pairs = tf.minimum(shares, tf.gather(shares, _OPPOSITE))
    are_wide = ((left >= margins.LEAST_INSIDE) & (shares >= margins.NARROW)) | (sides == 0.0)
    return tf.reduce_all(are_wide) & tf.reduce_any((pairs >= wide) & (sides > 0.0))


def _share_inside(lines, starts, slopes, sides):
    depths = starts[:, tf.newaxis] + slopes[:, tf.newaxis] * (2.0 * lines.index + 1.0)
    beyond = margins.UNIT * lines.place + margins.UNIT // 2
    shares = tf.clip_by_value((beyond[:, tf.newaxis] - depths[:, :, tf.newaxis]) / margins.UNIT, 0.0, 1.0)
    shares = tf.where(sides[:, tf.newaxis, tf.newaxis] > 0.0, shares, 1.0)
    left, right, top, bottom = tf.unstack(shares)
    vertical = tf.minimum(tf.transpose(top), tf.transpose(bottom)[::-1])
    share = tf.minimum(tf.minimum(left, right[:, ::-1]), vertical)
    is_in_frame = lines.is_line[0][:, tf.newaxis] & lines.is_line[2]
    return tf.where(is_in_frame, share, 0.0)


def _median(values):
    ordered, count = tf.sort(values), tf.size(values)
    return (ordered[(count - 1) // 2] + ordered[count // 2]) / 2.0


def _median_of_each(values, is_valid):
    """Returns the median of each row's valid values, float32 `(4,)`."""
    ordered = tf.sort(tf.where(is_valid, values, _NEVER), axis=1)
    count = tf.reduce_sum(tf.cast(is_valid, tf.int32), axis=1)
    places = tf.range(values.shape[1])
    is_middle = [places == place[:, tf.newaxis] for place in ((count - 1) // 2, count // 2)]
    return tf.add_n([tf.reduce_sum(tf.where(is_one, ordered, 0.0), axis=1) for is_one in is_middle]) / 2.0


def _share_of(is_so):
    return _number_of(is_so) / tf.cast(tf.size(is_so), tf.float32)


def _number_of(is_so):
    return tf.reduce_sum(tf.cast(is_so, tf.float32))
