"""Measures faults that averages over pixels hide: color on gray things, patches on even surfaces.

A photo is divided into blocks of 16 x 16 pixels, which are represented by their mean a* and b*.
"""

from __future__ import annotations

import numpy as np

BLOCK = 16
GRAY_CHROMA = 6.0  # a block with lower true chroma is gray
PALE_COLORFULNESS = 15.0  # a photo with lower true colorfulness is pale
_FLAT = 2.0  # a block with a lower standard deviation of L* is flat, and flat neighbors differ by less


def gray_blocks(truth_lab: np.ndarray, prediction_lab: np.ndarray) -> tuple[float, int]:
    """Measures predicted chroma where the truth has none.

    Args:
        truth_lab: float `(height, width, 3)`, CIELAB.
        prediction_lab: The same.

    Returns:
        The sum of the predicted chroma of all blocks whose true chroma is under `GRAY_CHROMA`, and their number.
    """
    is_gray = _chroma(_means(truth_lab[..., 1:])) < GRAY_CHROMA
    return float(_chroma(_means(prediction_lab[..., 1:]))[is_gray].sum()), int(is_gray.sum())


def patches(truth_lab: np.ndarray, prediction_lab: np.ndarray) -> tuple[float, float]:
    """Measures changes of color without a change of lightness.

    Args:
        truth_lab: float `(height, width, 3)`, CIELAB.
        prediction_lab: The same.

    Returns:
        The sum, over all pairs of neighboring blocks that are flat in lightness, of the distance of their a* and b*,
        for the prediction and for the truth.
    """
    lightness = _means(truth_lab[..., :1])
    deviation = np.sqrt(np.maximum(_means(truth_lab[..., :1] ** 2) - lightness**2, 0))
    totals = []
    for picture in (prediction_lab, truth_lab):
        ab, total = _means(picture[..., 1:]), 0.0
        for axis in (0, 1):
            first, second = (np.take(ab, indices, axis) for indices in _neighbors(ab.shape[axis]))
            flat = _are_flat(lightness, deviation, axis)
            total += float(_chroma(second - first)[flat].sum())
        totals.append(total)
    return totals[0], totals[1]


def _means(planes):
    """Returns the mean of each whole block, `(rows, columns, channels)`."""
    rows, columns = (length // BLOCK for length in planes.shape[:2])
    whole = planes[: rows * BLOCK, : columns * BLOCK].astype(np.float64)
    return whole.reshape(rows, BLOCK, columns, BLOCK, -1).mean(axis=(1, 3))


def _chroma(ab):
    return np.hypot(ab[..., 0], ab[..., 1])


def _neighbors(length):
    return range(length - 1), range(1, length)


def _are_flat(lightness, deviation, axis):
    first, second = _neighbors(lightness.shape[axis])
    close = np.abs(np.take(lightness, second, axis) - np.take(lightness, first, axis)) < _FLAT
    even = (np.take(deviation, first, axis) < _FLAT) & (np.take(deviation, second, axis) < _FLAT)
    return (close & even)[..., 0]
