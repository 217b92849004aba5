"""Measures how colorful a picture is."""

from __future__ import annotations

import math
import typing

import numpy as np

if typing.TYPE_CHECKING:
    from PIL import Image

# For `has_color`: the reduced side in pixels, and the smallest distance from a single tone. The page uses the same
# values. Sepia prints and their scans stay below 4.5; almost no color photo does.
_LOOK_SIDE = 128
_MIN_TONE_DISTANCE = 6.0


def colorfulness(rgb: np.ndarray) -> float:
    """Returns colorfulness as defined by Hasler and Suesstrunk (2003), with signed opponent channels.

    Args:
        rgb: uint8 `(height, width, 3)` sRGB.

    Returns:
        A float: 0 is gray, 15 "slightly", 33 "moderately", 45 "averagely", 59 "quite", 82 "highly"
        colorful.
    """
    return _colorfulness_of(*_opponents(rgb))


def colorfulness_absolute(rgb: np.ndarray) -> float:
    """Returns the variant of widely copied code, computed from the absolute values of the opponent channels.

    It differs from the paper's if a channel changes sign, often by several units, so the two must not be compared.
    Argument and units are those of `colorfulness`.
    """
    red_green, yellow_blue = _opponents(rgb)
    return _colorfulness_of(np.abs(red_green), np.abs(yellow_blue))


def has_color(image: Image.Image) -> bool:
    """Returns whether a photo has real colors, not just one overall tone like a sepia print.

    Args:
        image: `PIL.Image.Image` of mode "L", "LA", "RGB" or "RGBA".
    """
    if image.mode in ("L", "LA"):
        return False
    return tone_distance(image) > _MIN_TONE_DISTANCE


def tone_distance(image: Image.Image) -> float:
    """Returns the distance of a photo's colors from the best-fitting single tone, a curve over luma.

    The page computes the same in `web/src/worker/color_judge.js`, so the two must be changed together.

    Args:
        image: `PIL.Image.Image` of mode "RGB" or "RGBA"; transparent pixels count as black.

    Returns:
        Root mean square distance in 8-bit units; 0 for grays and for perfect sepia.
    """
    plain = image.convert("RGBa") if image.mode == "RGBA" else image.convert("RGB")
    small = plain.reduce(math.ceil(max(image.size) / _LOOK_SIDE))
    rgb = np.asarray(small, np.float64)[..., :3].reshape(-1, 3)
    # Color that depends on luma alone is a tone.
    luma = rgb @ (0.299, 0.587, 0.114) / 255
    curve = np.stack([luma**power for power in range(4)], axis=-1)
    opponents = np.stack(_opponents(rgb), axis=-1)
    rest = opponents - curve @ np.linalg.lstsq(curve, opponents)[0]
    return float(np.sqrt(np.mean(np.sum(rest**2, axis=-1))))


def _opponents(rgb):
    red, green, blue = np.moveaxis(rgb.astype(np.float32), -1, 0)
    return red - green, 0.5 * (red + green) - blue


def _colorfulness_of(red_green, yellow_blue):
    spread = np.hypot(red_green.std(dtype=np.float64), yellow_blue.std(dtype=np.float64))
    mean = np.hypot(red_green.mean(dtype=np.float64), yellow_blue.mean(dtype=np.float64))
    return float(spread + 0.3 * mean)
