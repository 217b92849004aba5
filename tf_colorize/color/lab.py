"""Converts sRGB bytes to normalized Lab and back in NumPy, without TensorFlow.

The same conversion as `tensors.py` (CIE Lab, D65, 2 degree observer, the matrix of scikit-image and tensorflow-io) for
callers that should not import TensorFlow. Everything is float32 and processes the image in blocks that fit the CPU
cache. In addition to input and output it uses about 2 MB, for any image size.
"""

from __future__ import annotations

import functools

import numpy as np

from tf_colorize.color import srgb

LIGHTNESS_SCALE = 50.0
"""lightness = L* / LIGHTNESS_SCALE - 1, which is in [-1, 1]."""

AB_SCALE = 110.0
"""ab = (a*, b*) / AB_SCALE; sRGB colors stay within [-0.981, 0.981]."""

_BLOCK_PIXELS = 1 << 15


def rgb_to_lightness(rgb: np.ndarray) -> np.ndarray:
    """Returns the lightness of sRGB pixels.

    Args:
        rgb: uint8 array `(..., 3)`, sRGB.

    Returns:
        float32 array `(..., 1)` in [-1, 1], L* / 50 - 1.

    Raises:
        ValueError: `rgb` is not uint8 or its last axis is not 3.
    """
    pixels = _pixels_of(rgb)
    lightness = np.empty((len(pixels), 1), np.float32)
    red, green, blue = srgb.white_relative_matrix()[1][:, np.newaxis] * srgb.decode_table()
    for block in _blocks(len(pixels)):
        luminance = np.take(red, pixels[block, 0])  # twice as fast as red[...]
        luminance += np.take(green, pixels[block, 1])
        luminance += np.take(blue, pixels[block, 2])
        _scale_lightness(_lab_curve(luminance), lightness[block, 0])
    return lightness.reshape(*rgb.shape[:-1], 1)


def gray_to_lightness(gray: np.ndarray) -> np.ndarray:
    """Returns the lightness of gray sRGB pixels, as `rgb_to_lightness` does for three equal channels.

    Args:
        gray: uint8 array of any shape, sRGB.

    Returns:
        float32 array `(..., 1)` in [-1, 1], L* / 50 - 1.
    """
    flat, table = gray.reshape(-1), _gray_table()
    lightness = np.empty(flat.shape, np.float32)
    for block in _blocks(len(flat)):
        lightness[block] = np.take(table, flat[block])
    return lightness.reshape(*gray.shape, 1)


def rgb_to_lightness_ab(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns lightness and ab of sRGB pixels.

    Args:
        rgb: uint8 array `(..., 3)`, sRGB.

    Returns:
        Tuple of float32 arrays: lightness `(..., 1)` in [-1, 1], L* / 50 - 1, and ab
        `(..., 2)` in [-1, 1], (a*, b*) / 110.

    Raises:
        ValueError: `rgb` is not uint8 or its last axis is not 3.
    """
    pixels = _pixels_of(rgb)
    lightness = np.empty((len(pixels), 1), np.float32)
    ab = np.empty((len(pixels), 2), np.float32)
    decode = srgb.decode_table()
    matrix = np.ascontiguousarray(srgb.white_relative_matrix().T)
    for block in _blocks(len(pixels)):
        x, y, z = _lab_curve(decode[pixels[block]] @ matrix).T
        _scale_lightness(y, lightness[block, 0])
        np.multiply(x - y, np.float32(500.0 / AB_SCALE), out=ab[block, 0])
        np.multiply(y - z, np.float32(200.0 / AB_SCALE), out=ab[block, 1])
    shape = rgb.shape[:-1]
    return lightness.reshape(*shape, 1), ab.reshape(*shape, 2)


def lightness_ab_to_rgb(lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """Returns the sRGB bytes of lightness and ab, clamped to the sRGB gamut.

    A color outside the gamut keeps its lightness and, nearly, its hue: in linear light
    it is mixed with the gray of its own luminance Y, `Y + t (rgb - Y)`, with the largest
    t <= 1 that brings all channels into [0, 1]. On photos with their chroma doubled the
    hue moves by 2.6 degrees (mean of the clamped pixels) and L* not at all; clipping the
    channels moves them by 8.4 degrees and 1.0.

    Args:
        lightness: float32 array `(..., 1)` in [-1, 1], L* / 50 - 1.
        ab: float32 array `(..., 2)` in [-1, 1], (a*, b*) / 110.

    Returns:
        uint8 array `(..., 3)`, sRGB.

    Raises:
        ValueError: the shapes do not match, or a value is not finite.
    """
    flat_lightness, flat_ab = _flat_pair(lightness, ab)
    rgb = np.empty((len(flat_ab), 3), np.uint8)
    encode = srgb.encode_table()
    for block in _blocks(len(flat_ab)):
        steps = _encode_steps(flat_lightness[block], flat_ab[block])
        for channel in range(3):
            rgb[block, channel] = np.take(encode, steps[channel])
    return rgb.reshape(*np.shape(ab)[:-1], 3)


def lightness_ab_to_fine_rgb(lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """Returns the same as `lightness_ab_to_rgb`, not rounded to bytes.

    Args:
        lightness: float32 array `(..., 1)` in [-1, 1], L* / 50 - 1.
        ab: float32 array `(..., 2)` in [-1, 1], (a*, b*) / 110.

    Returns:
        float32 array `(3, ...)` in [0, 1], sRGB.

    Raises:
        ValueError: the shapes do not match, or a value is not finite.
    """
    flat_lightness, flat_ab = _flat_pair(lightness, ab)
    rgb = np.empty((3, len(flat_ab)), np.float32)
    encode = srgb.fine_encode_table()
    for block in _blocks(len(flat_ab)):
        np.take(encode, _encode_steps(flat_lightness[block], flat_ab[block]), out=rgb[:, block])
    return rgb.reshape(3, *np.shape(ab)[:-1])


def _encode_steps(lightness, ab):
    """uint16 `(3, n)`: linear light within the gamut, as places in `srgb.encode_table`."""
    linear, luminance = _linear_rgb(lightness, ab)
    if not (linear.min() >= 0.0 and linear.max() <= 1.0):  # also true for NaN
        srgb.mix_with_gray(linear, luminance)
    linear *= srgb.ENCODE_STEPS - 1
    linear += 0.5
    return linear.astype(np.uint16)


def with_vividness(lightness: np.ndarray, ab: np.ndarray, vividness: float) -> np.ndarray:
    """Scales chroma, less where the color is close to the boundary of the sRGB gamut.

    Below 1 all chroma is multiplied by `vividness`. Above 1 the factor is `1 + (vividness - 1) (1 - 1 / headroom) w`,
    where headroom is the factor by which the color's chroma could grow inside the gamut at its lightness: the result
    approaches the gamut's boundary but never crosses it. `w` is `min(1, L* / 40, (100 - L*) / 20)`; it avoids
    amplifying noise in deep shadows and highlights, which should look gray.

    Args:
        lightness: float32 array `(..., 1)` in [-1, 1], L* / 50 - 1.
        ab: float32 array `(..., 2)` in [-1, 1], (a*, b*) / 110.
        vividness: Number in [0, 2]; 0 gives gray, 1 returns `ab` unchanged.

    Returns:
        float32 array `(..., 2)`, ab.

    Raises:
        ValueError: the shapes do not match, or `vividness` is out of range.
    """
    if not 0.0 <= vividness <= 2.0:
        raise ValueError(
            f"`vividness` must be in [0, 2]. Received: vividness={vividness!r}. "
            "1 is what the model predicts, 0 is gray."
        )
    flat_lightness, flat_ab = _flat_pair(lightness, ab)
    if vividness <= 1.0:
        return (flat_ab * np.float32(vividness)).reshape(np.shape(ab))
    headroom = srgb.headroom(*_linear_rgb(flat_lightness, flat_ab))
    room = 1.0 - 1.0 / np.maximum(headroom, 1.0)
    dark = (flat_lightness + 1.0) * (LIGHTNESS_SCALE / 40.0)
    bright = (1.0 - flat_lightness) * (LIGHTNESS_SCALE / 20.0)
    room *= np.clip(np.minimum(dark, bright), 0.0, 1.0)
    gain = np.float32(vividness - 1.0) * room + np.float32(1.0)
    return (flat_ab * gain[:, np.newaxis]).reshape(np.shape(ab))


@functools.cache
def ab_palette(grid: int = 10) -> np.ndarray:
    """Returns the centers of the ab bins that sRGB colors fall into (Zhang et al. 2016).

    The plane of a* and b* is cut into squares of `grid` units, with centers on the
    multiples of `grid`. Only bins that contain an sRGB color are kept.

    Args:
        grid: Positive integer, side of a bin in Lab units.

    Returns:
        Read-only float32 array `(n, 2)` in [-1, 1], (a*, b*) / 110, sorted by a*, then b*.

    Raises:
        ValueError: `grid` is not a positive integer.

    Source: https://arxiv.org/abs/1603.08511, section 2.1.
    """
    if not isinstance(grid, int) or grid < 1:
        raise ValueError(
            f"`grid` must be a positive integer of Lab units. Received: grid={grid!r}. Use 10, as in the paper."
        )
    # A line of constant (a*, b*) leaves the gamut through its surface, so the six faces of the sRGB cube fill every bin
    # that the whole cube fills.
    levels = np.arange(256, dtype=np.uint8)
    u, v = (axis.ravel() for axis in np.meshgrid(levels, levels))
    faces = [
        np.roll(np.stack([np.full_like(u, end), u, v], axis=-1), axis, axis=-1) for axis in range(3) for end in (0, 255)
    ]
    _, ab = rgb_to_lightness_ab(np.concatenate(faces))
    bins = np.unique(np.rint(ab * (AB_SCALE / grid)).astype(np.int32), axis=0)
    palette = (bins * (grid / AB_SCALE)).astype(np.float32)
    palette.flags.writeable = False  # the cache returns the same array every time
    return palette


def _pixels_of(rgb):
    if getattr(rgb, "dtype", None) != np.uint8 or rgb.shape[-1:] != (3,):
        raise ValueError(
            "`rgb` must be a uint8 array of shape `(..., 3)`. Received: "
            f"dtype={getattr(rgb, 'dtype', type(rgb))}, shape={np.shape(rgb)}. "
            "Convert the picture to 8-bit RGB first."
        )
    return rgb.reshape(-1, 3)


def _flat_pair(lightness, ab):
    lightness, ab = np.asarray(lightness, np.float32), np.asarray(ab, np.float32)
    if lightness.shape[-1:] != (1,) or ab.shape != (*lightness.shape[:-1], 2):
        raise ValueError(
            "`lightness` must be `(..., 1)` and `ab` `(..., 2)` with the same leading "
            f"shape. Received: lightness.shape={lightness.shape}, ab.shape={ab.shape}. "
            "Resize `ab` to the picture before joining the two."
        )
    return lightness.reshape(-1), ab.reshape(-1, 2)


def _blocks(n_pixels):
    for start in range(0, n_pixels, _BLOCK_PIXELS):
        yield slice(start, start + _BLOCK_PIXELS)


def _lab_curve(relative):
    """Applies the cube root with linear toe of CIE Lab to XYZ relative to white."""
    curve = np.cbrt(relative)
    toe = relative <= 0.008856
    curve[toe] = relative[toe] * np.float32(7.787) + np.float32(16.0 / 116.0)
    return curve


def _scale_lightness(curve, out):
    """Writes (116 f(Y) - 16) / 50 - 1."""
    np.multiply(curve, np.float32(116.0 / LIGHTNESS_SCALE), out=out)
    out -= np.float32(16.0 / LIGHTNESS_SCALE + 1.0)


def _linear_rgb(lightness, ab):
    """Returns linear light `(3, n)`, outside [0, 1] where out of gamut, and luminance `(n,)`."""
    with np.errstate(over="ignore", invalid="ignore"):  # a broken model's; `mix_with_gray` rejects what is not finite
        relative = _lab_to_relative_xyz(lightness, ab)
        return srgb.linear_rgb_matrix() @ relative, relative[1]


def _lab_to_relative_xyz(lightness, ab):
    """Returns X, Y and Z divided by those of white, `(3, n)`; negative far outside the gamut."""
    curve = np.empty((3, len(lightness)), np.float32)
    x, y, z = curve
    np.multiply(lightness, np.float32(LIGHTNESS_SCALE / 116.0), out=y)
    y += np.float32((LIGHTNESS_SCALE + 16.0) / 116.0)
    np.multiply(ab[:, 0], np.float32(AB_SCALE / 500.0), out=x)
    np.multiply(ab[:, 1], np.float32(-AB_SCALE / 200.0), out=z)
    x += y
    z += y
    relative = curve * curve
    relative *= curve
    toe = np.flatnonzero(curve <= 0.2068966)
    relative.ravel()[toe] = (curve.ravel()[toe] - np.float32(16.0 / 116.0)) / np.float32(7.787)
    return relative


@functools.cache
def _gray_table():
    """Returns the lightness of each gray sRGB byte, float32 `(256,)`."""
    return rgb_to_lightness(np.arange(256, dtype=np.uint8)[:, np.newaxis].repeat(3, axis=1))[:, 0]
