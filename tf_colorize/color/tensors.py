"""Converts sRGB to Lab and back in TensorFlow, and to the normalized lightness and ab of networks.

The conversion itself is tensorflow-io's (CIE Lab, D65, 2 degree observer), or the same formula in `_rgb_to_lab` and
`_lab_to_rgb` if tensorflow-io has no wheel. The scales are in `lab.py`, which does the same for uint8 arrays in NumPy;
the two functions for uint8 tensors follow it step by step, because exported models must give the same pictures.
"""

from __future__ import annotations

import typing
import warnings

import numpy as np

from tf_colorize import installation
from tf_colorize.color import lab, srgb

if typing.TYPE_CHECKING:
    import tensorflow as tf


with installation.explained():
    import tensorflow as tf

with warnings.catch_warnings():
    # The compiled plugins of tensorflow-io do not load with current TensorFlow, but its color functions do not need
    # them.
    warnings.filterwarnings("ignore", "unable to load libtensorflow_io_plugins", UserWarning)
    warnings.filterwarnings("ignore", "file system plugins are not loaded", UserWarning)
    try:
        import tensorflow_io as tfio
    except ImportError:  # its last release has no wheels for Windows or for Python after 3.12
        tfio = None


def rgb_to_lab(rgb: tf.Tensor) -> tf.Tensor:
    """Converts sRGB to CIE Lab.

    Args:
        rgb: float tensor `(..., 3)` in [0, 1], sRGB.

    Returns:
        Tensor of the same dtype and shape: L* in [0, 100], a* and b* in [-110, 110]. Its gradient is finite everywhere,
        and 0 at black, where the formula has no gradient.

    Raises:
        ValueError: `rgb` is not floating point or its last axis is not 3.

    Source: `tfio.experimental.color.rgb_to_lab`.
    """
    rgb = _checked("rgb", rgb, 3)
    convert = tfio.experimental.color.rgb_to_lab if tfio else _rgb_to_lab
    return convert(_with_finite_gradient(rgb))


def lab_to_rgb(lab_color: tf.Tensor) -> tf.Tensor:
    """Converts CIE Lab to sRGB, clamped to the sRGB gamut.

    Args:
        lab_color: float tensor `(..., 3)`: L* in [0, 100], a* and b* in [-110, 110].

    Returns:
        Tensor of the same dtype and shape in [0, 1], sRGB. Its gradient is finite
        everywhere, and 0 where a channel is black or clamped at black.

    Raises:
        ValueError: `lab_color` is not floating point or its last axis is not 3.

    Source: `tfio.experimental.color.lab_to_rgb`.
    """
    lab_color = _checked("lab_color", lab_color, 3)
    convert = tfio.experimental.color.lab_to_rgb if tfio else _lab_to_rgb
    return convert(_with_finite_gradient(lab_color))


def rgb_to_lightness_ab(rgb: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Splits sRGB into the input and the output of a generator.

    Args:
        rgb: float32 tensor `(..., 3)` in [0, 1], sRGB.

    Returns:
        Tuple of float32 tensors: lightness `(..., 1)` in [-1, 1], L* / 50 - 1, and ab
        `(..., 2)` in [-1, 1], (a*, b*) / 110.

    Raises:
        ValueError: `rgb` is not floating point or its last axis is not 3.
    """
    lab_color = rgb_to_lab(rgb)
    lightness = lab_color[..., :1] / lab.LIGHTNESS_SCALE - 1.0
    return lightness, lab_color[..., 1:] / lab.AB_SCALE


def lightness_ab_to_rgb(lightness: tf.Tensor, ab: tf.Tensor) -> tf.Tensor:
    """Joins lightness and ab into sRGB, clamped to the sRGB gamut.

    Args:
        lightness: float32 tensor `(..., 1)` in [-1, 1], L* / 50 - 1.
        ab: float32 tensor `(..., 2)` in [-1, 1], (a*, b*) / 110, of the same dtype,
            height and width.

    Returns:
        float32 tensor `(..., 3)` in [0, 1], sRGB.

    Raises:
        ValueError: a tensor is not floating point or its last axis is not 1 or 2.
    """
    lightness = (_checked("lightness", lightness, 1) + 1.0) * lab.LIGHTNESS_SCALE
    ab = _checked("ab", ab, 2) * lab.AB_SCALE
    return lab_to_rgb(tf.concat([lightness, ab], axis=-1))


def rgb8_to_lightness(rgb: tf.Tensor) -> tf.Tensor:
    """Returns the lightness of sRGB pixels, as `lab.rgb_to_lightness` does.

    Args:
        rgb: uint8 tensor `(..., 3)`, sRGB.

    Returns:
        float32 tensor `(..., 1)` in [-1, 1], L* / 50 - 1.
    """
    tables = srgb.decode_table()[:, np.newaxis] * srgb.white_relative_matrix()[1]
    indices = tf.cast(rgb, tf.int32)
    luminance = tf.add_n([tf.gather(tables[:, channel], indices[..., channel]) for channel in range(3)])
    # The second branch is the linear toe of CIE Lab; the maximum keeps the input of the root positive.
    curve = tf.where(luminance > 0.008856, tf.maximum(luminance, 1e-3) ** (1.0 / 3.0), luminance * 7.787 + 16.0 / 116.0)
    lightness = (curve * 116.0 - 16.0) / lab.LIGHTNESS_SCALE - 1.0
    return lightness[..., tf.newaxis]


def lightness_ab_to_rgb8(lightness: tf.Tensor, ab: tf.Tensor) -> tf.Tensor:
    """Joins lightness and ab into sRGB bytes, as `lab.lightness_ab_to_rgb` does.

    Colors outside the gamut are mixed with the gray of their own luminance, which keeps their
    lightness and, nearly, their hue.

    Args:
        lightness: float32 tensor `(..., 1)` in [-1, 1], L* / 50 - 1.
        ab: float32 tensor `(..., 2)` in [-1, 1], (a*, b*) / 110.

    Returns:
        uint8 tensor `(..., 3)`, sRGB.
    """
    y = (lightness * lab.LIGHTNESS_SCALE + lab.LIGHTNESS_SCALE + 16.0) / 116.0
    curve = tf.concat([y + ab[..., :1] * (lab.AB_SCALE / 500.0), y, y - ab[..., 1:] * (lab.AB_SCALE / 200.0)], axis=-1)
    relative = tf.where(curve > 0.2068966, curve * curve * curve, (curve - 16.0 / 116.0) / 7.787)
    gray = relative[..., 1:2]
    chroma = tf.linalg.matmul(relative, srgb.linear_rgb_matrix(), transpose_b=True) - gray
    above = (1.0 - gray) / tf.maximum(tf.reduce_max(chroma, axis=-1, keepdims=True), 1e-9)
    below = gray / tf.maximum(-tf.reduce_min(chroma, axis=-1, keepdims=True), 1e-9)
    linear = gray + chroma * tf.clip_by_value(tf.minimum(above, below), 0.0, 1.0)
    encode = srgb.encode_table()
    steps = tf.clip_by_value(linear, 0.0, 1.0) * (len(encode) - 1) + 0.5
    return tf.gather(encode, tf.cast(steps, tf.int32))


def _rgb_to_lab(rgb):
    """Computes the same as `tfio.experimental.color.rgb_to_lab`, with the same gradient."""
    linear = tf.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    # X, Y and Z divided by those of white
    relative = tf.tensordot(linear, tf.constant(srgb.white_relative_matrix().T, rgb.dtype), axes=1)
    curve = tf.where(relative > 0.008856, relative ** (1.0 / 3.0), relative * 7.787 + 16.0 / 116.0)
    x, y, z = tf.unstack(curve, axis=-1)
    return tf.stack([y * 116.0 - 16.0, (x - y) * 500.0, (y - z) * 200.0], axis=-1)


def _lab_to_rgb(lab_color):
    """Computes the same as `tfio.experimental.color.lab_to_rgb`, with the same gradient."""
    lightness, a, b = tf.unstack(lab_color, axis=-1)
    y = (lightness + 16.0) / 116.0
    curve = tf.stack([y + a / 500.0, y, tf.maximum(y - b / 200.0, 0.0)], axis=-1)
    relative = tf.where(curve > 0.2068966, curve**3.0, (curve - 16.0 / 116.0) / 7.787)
    linear = tf.tensordot(relative, tf.constant(srgb.linear_rgb_matrix().T, lab_color.dtype), axes=1)
    rgb = tf.where(linear > 0.0031308, linear ** (1.0 / 2.4) * 1.055 - 0.055, linear * 12.92)
    return tf.clip_by_value(rgb, 0.0, 1.0)


def _checked(name, value, channels):
    value = tf.convert_to_tensor(value)
    if not value.dtype.is_floating or value.shape[-1] != channels:
        raise ValueError(
            f"`{name}` must be a floating point tensor with {channels} channels in its "
            f"last axis. Received: {name}={value.dtype.name} {value.shape}. "
            "Scale uint8 pictures to [0, 1] with `tf.image.convert_image_dtype`."
        )
    return value


@tf.custom_gradient
def _with_finite_gradient(value):
    """Returns values unchanged, but replaces their non-finite gradients by 0.

    The formula takes roots in both branches of a `tf.where`, so black and colors outside the
    gamut get a gradient of 0 * infinity.
    """

    def gradient(upstream):
        return tf.where(tf.math.is_finite(upstream), upstream, tf.zeros_like(upstream))

    return tf.identity(value), gradient
