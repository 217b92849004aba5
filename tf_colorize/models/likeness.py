"""The similarity of places in a picture, and a mean over similar ones, so that each thing gets one color."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras

from tf_colorize.models import blocks

WIDTH = 96  # channels of the layers on the features
DIMENSION = 96  # dimensions of the embedding for `NonLocalMean`
STRIDE = 4  # pixels of the grid of places
KEY_FACTOR = 4  # means are taken over a grid that is coarser by this factor


def nonlocal_mean(features: Sequence[tuple[Any, int]], lightness: Any, *, prefix: str) -> Any:
    """Returns the finest features mixed with their mean over similar-looking places, a symbolic tensor.

    It computes in float32, whatever the precision of the other layers.

    Args:
        features: pairs of features, `(batch, height / stride, width / stride, channels)`, and their
            stride, coarse to fine; the last stride must be `STRIDE`.
        lightness: `(batch, height, width, 1)`, height and width multiples of 16.
        prefix: str, prefix of the names of all its layers.

    Raises:
        ValueError: another stride.
    """
    finest, stride = features[-1]
    if stride != STRIDE:
        raise ValueError(f"`features` must end with features of stride {STRIDE}. Received: stride {stride}")
    x = seen(features, lightness, prefix=prefix)
    embedding = keras.layers.Conv2D(DIMENSION + 2, 1, name=f"{prefix}embedding", dtype="float32")(x)
    places = Position(name=f"{prefix}places", dtype="float32")(embedding)
    return NonLocalMean(name=f"{prefix}mean", dtype="float32")(finest, places)


def seen(features: Sequence[tuple[Any, int]], picture: Any, *, prefix: str) -> Any:
    """Returns a description of each place from a picture and features of several strides, a symbolic tensor.

    Args:
        features: pairs of features, `(batch, height / stride, width / stride, channels)`, and their stride.
        picture: `(batch, height, width, channels)`.
        prefix: str, prefix of the names of all its layers.

    Returns:
        float32 `(batch, height / 4, width / 4, WIDTH)`, at least 0.
    """
    layers = keras.layers
    convolution = functools.partial(layers.Conv2D, WIDTH, 1, dtype="float32")
    parts = []
    for tensor, stride in features:
        if stride < STRIDE:
            tensor = layers.AveragePooling2D(STRIDE // stride, name=f"{prefix}pool{stride}")(tensor)
        part = convolution(name=f"{prefix}from{stride}")(tensor)
        if stride > STRIDE:
            part = blocks.BilinearUpsampling(stride // STRIDE, name=f"{prefix}up{stride}", dtype="float32")(part)
        parts.append(part)
    parts.append(layers.Conv2D(WIDTH, STRIDE, strides=STRIDE, name=f"{prefix}from1", dtype="float32")(picture))
    x = layers.Add(name=f"{prefix}features", dtype="float32")(parts)
    x = layers.ReLU(name=f"{prefix}relu1", dtype="float32")(x)
    x = convolution(name=f"{prefix}conv")(x)
    return layers.ReLU(name=f"{prefix}relu2", dtype="float32")(x)


@keras.saving.register_keras_serializable(package="tf_colorize")
class NonLocalMean(keras.layers.Layer):
    """Mixes features with their mean over all similar-looking places.

    A palette's logits are linear in the last features, so this averages the logits: the parts of a thing share their
    evidence for its color. The closer two embeddings, the more alike the places. The network learns the embeddings and,
    for each place, its weight in means and the share of the mean in its result.

    Sources: Wang et al. 2018, "Non-local Neural Networks", section 3.2 (Gaussian, here of the distance);
    Buades, Coll and Morel 2005, "A non-local algorithm for image denoising".

    Call arguments: features `(batch, height, width, channels)`; places `(batch, height, width, dimension + 2)`: the
    embedding, the weight of a place in means (a logarithm), and the share of its mean in the result (a logit; 0 is
    half). Height and width must be multiples of 4. Output shape: that of the features, float32.

    Example:
    >>> features, places = keras.ops.ones((1, 8, 8, 3)), keras.ops.zeros((1, 8, 8, 5))
    >>> NonLocalMean()(features, places).shape
    TensorShape([1, 8, 8, 3])
    """

    def call(self, features, places):
        ops = keras.ops
        _, height, width, channels = ops.shape(features)
        features = ops.cast(features, "float32")
        keys, values = (flat(ops.average_pool(grid, KEY_FACTOR, strides=KEY_FACTOR)) for grid in (places, features))
        near, weight = keys[..., :-2], keys[..., -2:-1]
        # -|p - q|^2 + weight(q), without -|p|^2, which is the same for all q.
        weight = weight - ops.sum(near**2, axis=-1, keepdims=True)
        logits = ops.matmul(flat(2.0 * places[..., :-2]), ops.swapaxes(near, 1, 2)) + ops.swapaxes(weight, 1, 2)
        mean = ops.matmul(ops.softmax(logits, axis=-1), values)
        mean = ops.reshape(mean, (-1, height, width, channels))
        return features + ops.sigmoid(places[..., -1:]) * (mean - features)

    def compute_output_spec(self, features, places):
        return keras.KerasTensor(features.shape, dtype="float32")


@keras.saving.register_keras_serializable(package="tf_colorize")
class Position(keras.layers.Layer):
    """Adds learned multiples of the coordinates of a place, -0.5 to 0.5 down and across.

    Input and output shape: `(batch, height, width, channels)`.
    """

    def build(self, input_shape):
        # Initially, a distance of a picture's side counts as much as a very different appearance.
        far = keras.initializers.RandomNormal(stddev=8.0 / input_shape[-1] ** 0.5)
        self.scales = self.add_weight(name="scales", shape=(2, input_shape[-1]), initializer=far)
        self.built = True

    def call(self, inputs):
        _, height, width, _ = keras.ops.shape(inputs)
        down, across = _centered(height)[:, None, None], _centered(width)[None, :, None]
        # A sum of both would become a constant of the map's size in TFLite files, over a megabyte.
        return inputs - down * -self.scales[0] + across * self.scales[1]


def flat(grid: Any) -> Any:
    """Flattens a grid `(batch, height, width, channels)` into places, `(batch, height * width, channels)`."""
    _, height, width, channels = keras.ops.shape(grid)
    return keras.ops.reshape(grid, (-1, height * width, channels))


def _centered(length):
    """Returns the centers of `length` pixels in [-0.5, 0.5]."""
    ops = keras.ops
    return (ops.arange(length, dtype="float32") + 0.5) / ops.cast(length, "float32") - 0.5
