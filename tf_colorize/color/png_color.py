"""Applies gAMA and cHRM of a PNG without a color profile, as browsers do."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from PIL import Image

from tf_colorize.color import srgb

# White, red, green and blue: x and y of each.
_SRGB = np.array([0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06])
_SRGB_GAMMA = 1 / 2.2
_SAME_GAMMA = 0.05  # the threshold of libpng and browsers: 0.45455 is what files without an sRGB chunk use for sRGB
_SAME_CHROMATICITY = 0.01
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_STRIP_PIXELS = 1 << 18


@dataclasses.dataclass(frozen=True)
class Encoding:
    """The encoding of colors as values.

    Attributes:
        gamma: The exponent that encoded linear light, or None for sRGB's curve.
        matrix: float32 `(3, 3)` from linear light to linear sRGB, or None if the primaries are those of sRGB.
    """

    gamma: float | None
    matrix: np.ndarray | None


def encoding_of(info: dict[Any, Any]) -> Encoding | None:
    """Returns the encoding of an image, or None for sRGB.

    Args:
        info: `PIL.Image.Image.info`. A profile overrides an sRGB chunk, which overrides gamma and primaries; "cicp"
            overrides all of them.
    """
    if any(info.get(key) is not None for key in ("icc_profile", "srgb", "cicp")):
        return None
    gamma, matrix = info.get("gamma"), _matrix_of(info.get("chromaticity"))
    if not gamma or not 0.05 <= gamma <= 20 or abs(gamma / _SRGB_GAMMA - 1) < _SAME_GAMMA:
        gamma = None
    return None if gamma is None and matrix is None else Encoding(gamma, matrix)


def _matrix_of(chromaticity):
    if chromaticity is None or len(chromaticity) != 8:
        return None
    given = np.asarray(chromaticity, np.float64)
    if np.abs(given - _SRGB).max() < _SAME_CHROMATICITY:
        return None
    try:
        matrix = np.linalg.solve(_xyz_of(_SRGB), _adapted(given[:2]) @ _xyz_of(given))
    except (np.linalg.LinAlgError, ZeroDivisionError, FloatingPointError):
        return None
    return matrix.astype(np.float32) if np.isfinite(matrix).all() else None


def _white(xy):
    with np.errstate(all="raise"):
        return np.array([xy[0] / xy[1], 1.0, (1 - xy[0] - xy[1]) / xy[1]])


def _xyz_of(chromaticity):
    """Returns the matrix from linear RGB to XYZ, `(3, 3)`."""
    primaries = np.stack([_white(chromaticity[start : start + 2]) for start in (2, 4, 6)], axis=1)
    return primaries * np.linalg.solve(primaries, _white(chromaticity[:2]))


def _adapted(white):
    """Returns the matrix that adapts XYZ from a white point to that of sRGB (Bradford), `(3, 3)`."""
    before, after = _BRADFORD @ _white(white), _BRADFORD @ _white(_SRGB[:2])
    return np.linalg.solve(_BRADFORD, np.diag(after / before) @ _BRADFORD)


def _linear(gamma, levels):
    value = np.arange(levels) / (levels - 1)
    if gamma is not None:
        return value ** (1 / gamma)
    return np.where(value > 0.04045, ((value + 0.055) / 1.055) ** 2.4, value / 12.92)


def table_of(gamma: float | None, levels: int = 256) -> np.ndarray:
    """Returns the sRGB bytes for all values of an encoding, uint8 `(levels,)`."""
    return _encoded(_linear(gamma, levels))


def _encoded(linear):
    encode = srgb.encode_table()
    return np.take(encode, np.rint(linear * (len(encode) - 1)).astype(np.uint16))


def convert(image: Image.Image, encoding: Encoding) -> Image.Image:
    """Returns an image of mode "L", "LA", "RGB" or "RGBA" in sRGB; alpha is kept."""
    is_gray = image.mode in ("L", "LA")
    if is_gray or encoding.matrix is None:
        n_colors = 1 if is_gray else 3
        table = list(table_of(encoding.gamma)) * n_colors
        return image.point(table + list(range(256)) * (len(image.getbands()) - n_colors))
    linear = _linear(encoding.gamma, 256).astype(np.float32)
    height = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, height):
        box = (0, top, image.width, min(top + height, image.height))
        pixels = np.array(image.crop(box))
        pixels[..., :3] = _encoded(np.clip(linear[pixels[..., :3]] @ encoding.matrix.T, 0, 1))
        image.paste(Image.fromarray(pixels, image.mode), box)
    return image
