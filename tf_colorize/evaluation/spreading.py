"""Plain spreading of colors by similarity of lightness: hints without any training."""

from __future__ import annotations

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

_NEIGHBORS = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1) if (down, across) != (0, 0)]
_SHARPNESS = 0.6
_LEAST_SIDE = 4  # pixels of a grid that is not divided further
# Minimum variance of lightness in [-1, 1]: half a gray level, squared.
_LEAST_VARIANCE = (0.5 / 127.5) ** 2


def spread(lightness: np.ndarray, values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Spreads known values so that they change only where lightness changes.

    Each other place becomes the mean of its eight neighbors, weighted by exp(-d^2 / (0.6 v)), where d is the difference
    in lightness and v the variance of lightness in the 3 x 3 pixels around the place.

    Source: Levin, Lischinski and Weiss 2004, "Colorization using Optimization", eq. 1 and 2. Their equation has 2
    instead of 0.6, but their own program uses 0.6, which stops colors better at edges.

    Args:
        lightness: float `(height, width)` in [-1, 1].
        values: float `(height, width, channels)`; only the known ones are used.
        known: bool `(height, width)`, at least one true.

    Returns:
        float32 `(height, width, channels)`.

    Raises:
        ValueError: no value is known.
    """
    if not known.any():
        raise ValueError("`known` must be true somewhere. Received: nothing known.")
    is_known = known.ravel()
    given = values.reshape(-1, values.shape[-1]).astype(np.float64)
    order = _dissected(np.arange(known.size).reshape(known.shape))
    free = order[~is_known[order]]
    affinities = _affinities(lightness.astype(np.float64))[free]
    system = scipy.sparse.identity(free.size, format="csc") - affinities[:, free].tocsc()
    # The order is better than SciPy's general one, and takes half the time.
    factors = scipy.sparse.linalg.splu(
        system, permc_spec="NATURAL", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    result = given.copy()
    result[free] = factors.solve(affinities[:, is_known] @ given[is_known])
    return result.reshape(values.shape).astype(np.float32)


def _dissected(grid):
    """Orders the numbers of a grid by nested dissection (each half, then the line between), which keeps factors
    sparse."""
    if max(grid.shape) <= _LEAST_SIDE:
        return grid.ravel()
    grid = grid if len(grid) >= len(grid.T) else grid.T
    middle = len(grid) // 2
    return np.concatenate([_dissected(grid[:middle]), _dissected(grid[middle + 1 :]), grid[middle]])


def _affinities(lightness):
    """Returns a sparse matrix with the weights of its neighbors in the row of each pixel."""
    height, width = lightness.shape
    number = np.arange(height * width).reshape(height, width)
    inside = np.pad(np.ones_like(lightness), 1)
    padded, places = np.pad(lightness, 1), np.pad(number, 1)
    windows = [(slice(1 + y, 1 + y + height), slice(1 + x, 1 + x + width)) for y, x in [(0, 0), *_NEIGHBORS]]
    counts = sum(inside[window] for window in windows)
    mean = sum(padded[window] for window in windows) / counts
    variance = sum(inside[window] * (padded[window] - mean) ** 2 for window in windows) / counts
    variance = np.maximum(variance, _LEAST_VARIANCE)
    exponents = [-((padded[window] - lightness) ** 2) / (_SHARPNESS * variance) for window in windows[1:]]
    weights = np.stack([inside[window] * np.exp(exponent) for window, exponent in zip(windows[1:], exponents)])
    weights /= weights.sum(axis=0)
    columns = np.stack([places[window] for window in windows[1:]])
    rows = np.broadcast_to(number, columns.shape)
    is_inside = weights > 0
    entries = weights[is_inside], (rows[is_inside], columns[is_inside])
    return scipy.sparse.csr_matrix(entries, shape=(number.size, number.size))
