"""Applies cICP of a PNG and, without a color profile, gAMA and cHRM, as browsers do."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from tf_colorize.color import srgb, transfer

# White, red, green and blue: x and y of each.
_SRGB = np.array([0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06])
_SRGB_GAMMA = 1 / 2.2
_SRGB_FUNCTION = 13
_SAME_GAMMA = 0.05  # the threshold of libpng and browsers: 0.45455 is what files without an sRGB chunk use for sRGB
_SAME_CHROMATICITY = 0.01
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_STRIP_PIXELS = 1 << 18


_D65, _C = (0.3127, 0.329), (0.31, 0.316)
# Numbers of ITU-T H.273 (2024, table 2): white, red, green and blue.
_PRIMARIES = {
    1: (*_D65, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06),  # BT.709, sRGB
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),  # BT.470, system M
    5: (*_D65, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),  # BT.601 with 625 lines
    6: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),  # BT.601 with 525 lines
    7: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),  # SMPTE 240M
    8: (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),  # film
    9: (*_D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),  # BT.2020
    11: (0.314, 0.351, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),  # DCI-P3
    12: (*_D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),  # Display P3
    22: (*_D65, 0.63, 0.34, 0.295, 0.605, 0.155, 0.077),  # EBU Tech 3213
}
_UNSPECIFIED = 2


@dataclasses.dataclass(frozen=True)
class Encoding:
    """The encoding of colors as values.

    Attributes:
        curve: Function from values to linear light, both float64 in [0, 1]; None: sRGB's.
        matrix: float32 `(3, 3)` from linear light to linear sRGB, or None if the primaries are those of sRGB.
        is_narrow: Whether black and white are 16 and 235 of 255, as in films.
        overrides_profile: Whether a color profile does not count.
    """

    curve: Callable[[np.ndarray], np.ndarray] | None
    matrix: np.ndarray | None
    is_narrow: bool = False
    overrides_profile: bool = False

    @property
    def is_srgb(self) -> bool:
        """Returns whether values stay as they are."""
        return self.curve is None and self.matrix is None and not self.is_narrow


def encoding_of(info: dict[Any, Any]) -> tuple[Encoding | None, str | None]:
    """Returns the encoding of an image, or None for sRGB or that of its profile, and None or a notice.

    Args:
        info: `PIL.Image.Image.info`. A profile overrides an sRGB chunk, which overrides gamma and primaries; "cicp",
            the four bytes of that chunk, overrides all of them.
    """
    note = None
    if info.get("cicp") is not None:
        encoding, note = _of_cicp(info["cicp"])
        if encoding is not None:
            return encoding, note
    if any(info.get(key) is not None for key in ("icc_profile", "srgb")):
        return None, note
    gamma, matrix = info.get("gamma"), _matrix_of(info.get("chromaticity"))
    if not gamma or not 0.05 <= gamma <= 20 or abs(gamma / _SRGB_GAMMA - 1) < _SAME_GAMMA:
        return (None if matrix is None else Encoding(None, matrix)), note
    return Encoding(lambda value: value ** (1 / gamma), matrix), note


def _of_cicp(content):
    """Returns the encoding that the chunk cICP describes, or None, and None or a notice."""
    primaries, function, matrix, full = content if len(content) == 4 else (0, 0, 0, 0)
    if primaries == function == _UNSPECIFIED:
        return None, None
    known = (*_PRIMARIES, _UNSPECIFIED), transfer.linear(function, np.zeros(1)) is not None or function == _UNSPECIFIED
    if primaries not in known[0] or not known[1] or matrix != 0 or full > 1:  # only RGB, whose matrix is 0, is allowed
        return None, f"color description ignored (cICP {', '.join(map(str, content))})"
    name = transfer.HIGH_RANGE.get(function)
    note = f"high dynamic range ({name}): tone-mapped to standard dynamic range" if name else None
    curve = None if function in (_SRGB_FUNCTION, _UNSPECIFIED) else functools.partial(transfer.linear, function)
    return Encoding(curve, _matrix_of(_PRIMARIES.get(primaries)), not full, overrides_profile=True), note


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


def _linear(encoding, levels):
    code = np.arange(levels) * (256 / levels) if encoding.is_narrow else np.arange(levels) / (levels - 1)
    value = np.clip((code - 16) / 219, 0, 1) if encoding.is_narrow else code
    return transfer.of_srgb(value) if encoding.curve is None else encoding.curve(value)


def table_of(encoding: Encoding, levels: int = 256) -> np.ndarray:
    """Returns the sRGB bytes for all values of an encoding, uint8 `(levels,)`; its primaries do not count."""
    return _encoded(_linear(encoding, levels))


def _encoded(linear):
    encode = srgb.encode_table()
    return np.take(encode, np.rint(linear * (len(encode) - 1)).astype(np.uint16))


def convert(image: Image.Image, encoding: Encoding) -> Image.Image:
    """Returns an image of mode "L", "LA", "RGB" or "RGBA" in sRGB; alpha is kept."""
    is_gray = image.mode in ("L", "LA")
    if is_gray or encoding.matrix is None:
        n_colors = 1 if is_gray else 3
        table = list(table_of(encoding)) * n_colors
        return image.point(table + list(range(256)) * (len(image.getbands()) - n_colors))
    linear = _linear(encoding, 256).astype(np.float32)
    height = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, height):
        box = (0, top, image.width, min(top + height, image.height))
        pixels = np.array(image.crop(box))
        pixels[..., :3] = _encoded(np.clip(linear[pixels[..., :3]] @ encoding.matrix.T, 0, 1))
        image.paste(Image.fromarray(pixels, image.mode), box)
    return image
