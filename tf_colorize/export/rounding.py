"""Corrects the bias that rounding a generator's kernels to int8 causes in its features."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from tf_colorize.models import anatomy, saving

PHOTOS = 32  # photos, which is enough: 16 give the same result


def with_statistics_of_int8(generator: keras.Model, squares: Sequence[np.ndarray]) -> keras.Model:
    """Returns a copy whose batch normalization corrects the average effect of rounding kernels to int8.

    The errors of a kernel's weights change the mean and variance of its outputs, most in the first layers, whose inputs
    vary little. Both are measured on photos, with and without rounded kernels. The kernels of the copy are those of
    `generator`: the converter rounds them.

    Source: Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", section 4.2;
    here with photos, and also for variances.

    Args:
        generator: Functional model.
        squares: Arrays, float32 `(1, size, size, 1)`, lightness in [-1, 1]; the first `PHOTOS` are used.
    """
    lightness = np.concatenate(squares[:PHOTOS])
    corrected, exact, rounded = (saving.with_policy(generator, "float32") for _ in range(3))
    for kind, output_axis in ((keras.layers.Conv2D, 3), (keras.layers.Conv2DTranspose, 2)):
        for layer in _layers(rounded, kind):
            layer.kernel.assign(_rounded(layer.kernel.numpy(), output_axis))
    measured = zip(_batch_statistics(exact, lightness), _batch_statistics(rounded, lightness))
    for layer, ((mean, variance), (rounded_mean, rounded_variance)) in zip(_normalizations(corrected), measured):
        ratio = (rounded_variance + layer.epsilon) / (variance + layer.epsilon)
        layer.moving_mean.assign(rounded_mean + np.sqrt(ratio) * (layer.moving_mean - mean))
        layer.moving_variance.assign(ratio * (layer.moving_variance + layer.epsilon) - layer.epsilon)
    return corrected


def _rounded(kernel, output_axis):
    """Rounds a kernel to 127 steps on each side of 0 per output channel, as converters do."""
    axes = tuple(axis for axis in range(kernel.ndim) if axis != output_axis)
    step = np.abs(kernel).max(axes, keepdims=True) / 127
    return np.round(np.divide(kernel, step, out=np.zeros_like(kernel), where=step > 0)) * step


def _batch_statistics(generator, lightness):
    """Returns mean and variance of the input of each normalization layer, measured layer by layer. Changes the
    model."""
    for layer in _layers(generator):
        layer.trainable = True  # otherwise it would normalize by its moving averages
    for layer in _layers(generator, keras.layers.Dropout):
        layer.rate = 0.0
    normalizations = _normalizations(generator)
    for layer in normalizations:
        layer.momentum = 0.0
    anatomy.automatic(generator)(lightness, training=True)
    return [(layer.moving_mean.numpy(), layer.moving_variance.numpy()) for layer in normalizations]


def _normalizations(generator):
    return _layers(generator, keras.layers.BatchNormalization)


def _layers(generator, kind=keras.layers.Layer):
    return [layer for layer in generator._flatten_layers() if isinstance(layer, kind)]
