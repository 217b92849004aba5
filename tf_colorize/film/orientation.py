"""The orientation of a film's stored frames: rotation and mirroring by the display matrix, or by EXIF."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
from PIL import ExifTags, Image

_ORIENTATION = ExifTags.Base.Orientation
_ONE = 1 << 16  # as display matrices store it
# EXIF's orientation -> a, b, c, d: a place (x, y) is shown at (a x + c y, b x + d y).
_OF_EXIF = {2: (-1, 0, 0, 1), 3: (-1, 0, 0, -1), 4: (1, 0, 0, -1), 5: (0, 1, 1, 0)}
_OF_EXIF |= {6: (0, 1, -1, 0), 7: (0, -1, -1, 0), 8: (0, -1, 1, 0)}
_OF_TURN = {90: _OF_EXIF[8], 180: _OF_EXIF[3], 270: _OF_EXIF[6]}  # counterclockwise, in degrees


def of_frame(image: Any) -> tuple[int, ...] | None:
    """Returns the nine numbers of a frame's display matrix, or None if it is stored upright.

    Args:
        image: `av.VideoFrame`.
    """
    try:
        entries = list(image.side_data)
    except ValueError:  # PyAV refuses all of it if it does not know one kind: EXIF, or the views of a stereo film
        return _matrix(_OF_TURN.get(image.rotation % 360))
    for data in entries:
        if data.type.name == "DISPLAYMATRIX":
            matrix = tuple(int(number) for number in np.frombuffer(bytes(data), np.int32)[:9])
            return None if _steps(matrix) == (False, False, False) else matrix
    return None


def of_image(path: pathlib.Path) -> tuple[int, ...] | None:
    """Returns the display matrix of an image's EXIF orientation, or None if it has none, or is stored upright."""
    try:
        with Image.open(path) as image:
            return _matrix(_OF_EXIF.get(image.getexif().get(_ORIENTATION) or 1))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # FFmpeg may read it all the same
        return None


def _matrix(places):
    if places is None:
        return None
    a, b, c, d = (_ONE * number for number in places)
    return (a, b, 0, c, d, 0, 0, 0, 1 << 30)


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
