"""sRGB: tables between bytes and linear light, the matrix of its primaries, and its gamut.

The matrix is that of scikit-image and tensorflow-io. Nothing here depends on TensorFlow.
"""

from __future__ import annotations

import functools

import numpy as np

_XYZ_FROM_LINEAR_RGB = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
_D65_WHITE = np.array([0.95047, 1.0, 1.08883])

ENCODE_STEPS = 1 << 16
"""Entries of the tables from linear light to sRGB: 0.05 gray levels each at black, where the curve is steepest."""


@functools.cache
def white_relative_matrix() -> np.ndarray:
    """Returns the matrix from linear sRGB to X, Y and Z divided by those of white, float32 `(3, 3)`."""
    return (_XYZ_FROM_LINEAR_RGB / _D65_WHITE[:, np.newaxis]).astype(np.float32)


@functools.cache
def linear_rgb_matrix() -> np.ndarray:
    """Returns the matrix from X, Y and Z divided by those of white to linear sRGB, float32 `(3, 3)`."""
    return np.linalg.inv(white_relative_matrix().astype(np.float64)).astype(np.float32)


@functools.cache
def decode_table() -> np.ndarray:
    """Returns linear light in [0, 1] for each sRGB byte, float32 `(256,)`."""
    value = np.arange(256) / 255.0
    linear = np.where(value > 0.04045, ((value + 0.055) / 1.055) ** 2.4, value / 12.92)
    return linear.astype(np.float32)


@functools.cache
def encode_table() -> np.ndarray:
    """Returns sRGB bytes for linear light from 0 to 1 in equal steps, uint8 `(65536,)`."""
    return np.rint(_curve() * 255.0).astype(np.uint8)


@functools.cache
def fine_encode_table() -> np.ndarray:
    """Returns sRGB in [0, 1] for linear light from 0 to 1 in equal steps, float32 `(65536,)`."""
    return _curve().astype(np.float32)


def _curve():
    linear = np.arange(ENCODE_STEPS) / (ENCODE_STEPS - 1)
    return np.where(linear > 0.0031308, 1.055 * linear ** (1.0 / 2.4) - 0.055, linear * 12.92)


def headroom(linear: np.ndarray, luminance: np.ndarray) -> np.ndarray:
    """Returns the largest factor on chroma that stays within sRGB, float32 `(n,)`.

    Args:
        linear: float32 `(3, n)`, linear light; outside [0, 1] where a color is out of gamut.
        luminance: float32 `(n,)`, Y of each color, the gray from which chroma is measured.
    """
    red, green, blue = linear
    above = np.maximum(np.maximum(red, green), blue) - luminance
    below = luminance - np.minimum(np.minimum(red, green), blue)
    floor = np.float32(1e-9)
    np.divide(1.0 - luminance, np.maximum(above, floor, out=above), out=above)
    np.divide(luminance, np.maximum(below, floor, out=below), out=below)
    return np.minimum(above, below, out=above)


def mix_with_gray(linear: np.ndarray, luminance: np.ndarray) -> None:
    """Brings linear light into the gamut, in place, at constant luminance.

    Args:
        linear, luminance: as for `headroom`.

    Raises:
        ValueError: a color is not finite.
    """
    outside = np.flatnonzero(~((linear >= 0.0) & (linear <= 1.0)).all(axis=0))
    chroma, gray = linear[:, outside], luminance[outside]
    with np.errstate(over="ignore", invalid="ignore"):
        room = headroom(chroma, gray)
        chroma -= gray
        chroma *= np.maximum(room, 0.0, out=room)
        chroma += gray
        is_finite = np.isfinite(chroma.sum())
    # NaN survives clip and would become an arbitrary byte.
    if not is_finite:
        raise ValueError(
            "`lightness` and `ab` must be finite. Received: NaN or infinity, which usually comes from a broken model."
        )
    linear[:, outside] = np.clip(chroma, 0.0, 1.0, out=chroma)
