"""Colors at the lightness of things: of the same hue, which OKLab keeps also for blue, where CIE Lab turns violet.

Source: Ottosson 2020, "A perceptual color space for image processing".
"""

from __future__ import annotations

import numpy as np

from tf_colorize.color import lab, srgb

_CONES_FROM_LINEAR_RGB = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LINEAR_RGB_FROM_CONES = np.linalg.inv(_CONES_FROM_LINEAR_RGB)
_OKLAB_FROM_CONE_ROOTS = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_CONE_ROOTS_FROM_AB = np.linalg.inv(_OKLAB_FROM_CONE_ROOTS)[:, 1:]  # those from its lightness are 1

_HALVINGS = 24  # of the interval of chroma, down to 6e-8
_DARK, _BRIGHT = -0.5, 0.5  # normalized lightness, L* of 25 and 75
_TOLERANCE = 1e-5  # of linear light at the boundary of the gamut


def ab_of_thing(rgb: np.ndarray, lightness: np.ndarray) -> np.ndarray:
    """Returns the ab that colors give to things, of which a place with a lightness is known.

    Hue and chroma in OKLab remain, and the lightness L* of CIE Lab becomes that of the place. If sRGB has no such
    color, the chroma is the largest that it has. A thing has light and shade: places under 25 count as 25 and over 75
    as 75, where there is more chroma, or as the color's own lightness. At that lightness, a color is unchanged.

    Args:
        rgb: uint8 array `(..., 3)`, sRGB.
        lightness: float array `(...)` in [-1, 1], L* / 50 - 1.

    Returns:
        float32 array `(..., 2)` in [-1, 1], (a*, b*) / 110.
    """
    cones = srgb.decode_table()[rgb] @ _CONES_FROM_LINEAR_RGB.T
    roots = (np.cbrt(cones) @ _OKLAB_FROM_CONE_ROOTS.T)[..., 1:] @ _CONE_ROOTS_FROM_AB.T
    own = lab.rgb_to_lightness(rgb)[..., 0]
    luminance = _luminance(np.clip(lightness, np.minimum(own, _DARK), np.maximum(own, _BRIGHT)))
    low, high = np.zeros(luminance.shape), np.ones(luminance.shape)  # shares of the chroma
    is_in = _is_in_gamut(_linear_rgb(roots, luminance))
    low[is_in] = 1.0
    for _ in range(0 if is_in.all() else _HALVINGS):
        middle = (low + high) / 2
        is_in = _is_in_gamut(_linear_rgb(middle[..., np.newaxis] * roots, luminance))
        low, high = np.where(is_in, middle, low), np.where(is_in, high, middle)
    return _ab(_linear_rgb(low[..., np.newaxis] * roots, luminance))


def _linear_rgb(roots, luminance):
    """Returns linear light `(..., 3)`, given what a and b of OKLab add to the roots of the cones, and the luminance.

    Luminance is a sum of the cones, and thus a cubic function of the lightness of OKLab; its largest root is wanted.
    """
    weights = srgb.white_relative_matrix()[1].astype(np.float64) @ _LINEAR_RGB_FROM_CONES
    mean, square, cube = ((roots**power) @ weights for power in (1, 2, 3))
    third = square - mean**2
    half = (cube - 3.0 * mean * square + 2.0 * mean**3 - luminance) / 2.0
    rest = half**2 + third**3
    one = np.cbrt(-half - np.copysign(np.sqrt(np.maximum(rest, 0.0)), half))
    single = one - third / np.where(one == 0.0, 1.0, one)
    radius = np.sqrt(np.maximum(-third, 1e-12))
    largest = 2.0 * radius * np.cos(np.arccos(np.clip(-half / radius**3, -1.0, 1.0)) / 3.0)
    lightness = np.where(rest >= 0.0, single, largest) - mean
    return (lightness[..., np.newaxis] + roots) ** 3 @ _LINEAR_RGB_FROM_CONES.T


def _is_in_gamut(linear):
    return ((linear >= -_TOLERANCE) & (linear <= 1.0 + _TOLERANCE)).all(axis=-1)


def _luminance(lightness):
    curve = (lab.LIGHTNESS_SCALE * (np.asarray(lightness, np.float64) + 1.0) + 16.0) / 116.0
    return np.where(curve > 0.2068966, curve**3, (curve - 16.0 / 116.0) / 7.787)


def _ab(linear):
    relative = linear @ srgb.white_relative_matrix().T.astype(np.float64)
    x, y, z = np.moveaxis(np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16.0 / 116.0), -1, 0)
    return np.stack([500.0 * (x - y), 200.0 * (y - z)], axis=-1).astype(np.float32) / np.float32(lab.AB_SCALE)
