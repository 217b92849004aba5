"""The orientation of a film's stored frames: rotation and mirroring by the container's display matrix."""

from __future__ import annotations

from typing import Any

import numpy as np


def of_frame(image: Any) -> tuple[int, ...] | None:
    """Returns the nine numbers of a frame's display matrix, or None if it is stored upright.

    Args:
        image: `av.VideoFrame`.
    """
    for data in image.side_data:
        if data.type.name == "DISPLAYMATRIX":
            matrix = tuple(int(number) for number in np.frombuffer(bytes(data), np.int32)[:9])
            return None if _steps(matrix) == (False, False, False) else matrix
    return None


def is_sideways(matrix: tuple[int, ...] | None) -> bool:
    """Returns whether width and height are swapped."""
    return _steps(matrix)[0]


def upright(picture: np.ndarray, matrix: tuple[int, ...] | None) -> np.ndarray:
    """Turns a stored picture, `(height, width, ...)`, upright."""
    is_transposed, flips_columns, flips_rows = _steps(matrix)
    picture = np.swapaxes(picture, 0, 1) if is_transposed else picture
    return np.ascontiguousarray(picture[:: -1 if flips_rows else 1, :: -1 if flips_columns else 1])


def stored(picture: np.ndarray, matrix: tuple[int, ...] | None) -> np.ndarray:
    """Turns an upright picture, `(height, width, ...)`, to the stored orientation."""
    is_transposed, flips_columns, flips_rows = _steps(matrix)
    picture = picture[:: -1 if flips_rows else 1, :: -1 if flips_columns else 1]
    return np.ascontiguousarray(np.swapaxes(picture, 0, 1) if is_transposed else picture)


def _steps(matrix):
    """Returns whether to transpose, then to mirror columns, then rows."""
    if matrix is None:
        return False, False, False
    a, b, _, c, d, *_ = matrix  # a place (x, y) is shown at (a x + c y, b x + d y)
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return False, a < 0, d < 0
    return True, c < 0, b < 0
