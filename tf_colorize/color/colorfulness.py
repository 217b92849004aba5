"""How colorful a picture is."""

import numpy as np


def colorfulness(rgb):
    """Colourfulness as Hasler and Suesstrunk (2003) define it, with signed opponent channels.

    Args:
        rgb: uint8 `(height, width, 3)` sRGB.

    Returns:
        A float: 0 is gray, 15 "slightly", 33 "moderately", 45 "averagely", 59 "quite", 82 "highly"
        colourful.
    """
    return _colorfulness_of(*_opponents(rgb))


def colorfulness_absolute(rgb):
    """The variant that widely copied code computes, from the absolute values of the opponent
    channels.

    It differs from the paper wherever a channel changes sign, often by several units: the two must
    never share a column. Same argument and units as `colorfulness`.
    """
    red_green, yellow_blue = _opponents(rgb)
    return _colorfulness_of(np.abs(red_green), np.abs(yellow_blue))


def _opponents(rgb):
    red, green, blue = np.moveaxis(rgb.astype(np.float32), -1, 0)
    return red - green, 0.5 * (red + green) - blue


def _colorfulness_of(red_green, yellow_blue):
    spread = np.hypot(red_green.std(dtype=np.float64), yellow_blue.std(dtype=np.float64))
    mean = np.hypot(red_green.mean(dtype=np.float64), yellow_blue.mean(dtype=np.float64))
    return float(spread + 0.3 * mean)
