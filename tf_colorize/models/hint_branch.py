"""The branch of a generator for hints: spreads their colors over the places that belong together."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from tf_colorize.models import hint_limits, likeness

HEADS = 4  # embedding spaces
DIMENSION = 24  # dimensions of each space
POWER = (
    2  # of the covariances of a new branch: with 1 the tails reach the whole picture, and 4 gains less from true hints
)
SHARPNESS = 0.05  # of the Gaussian in `NonLocalMean`, per squared distance in all spaces
STRIDE = likeness.STRIDE  # pixels of the grid on which differences are spread
_NOTHING = 1e-7  # far below the square of a visible color difference, but not 0 in float16
FEW = 64  # number of keys that hints placed by users rarely exceed
KEY_FACTOR = 2  # hints are gathered on a grid that is coarser by this factor


def branch(
    features: Sequence[tuple[Any, int]], lightness: Any, ab: Any, hints: Any, *, power: int = POWER, ends: bool = True
) -> Any:
    """Returns ab with hints, a symbolic tensor like `ab`, to which it is equal without hints.

    Each place gets an embedding, computed from the generator's features. `SpreadHints` spreads the difference between
    hints and the automatic result, and their colors, to places with a similar embedding. `hint_limits.ConnectHints` and
    `FillThings` give things the color of their hints and end it elsewhere, and `KeepHints` sets the exact colors at the
    hints' own places. The branch computes in float32, whatever the precision of the other layers.

    Args:
        features: pairs of the generator's features, `(batch, height / stride, width / stride, channels)`, and
            their stride.
        lightness: `(batch, height, width, 1)`.
        ab: `(batch, height, width, 2)`, the automatic result.
        hints: `(batch, height, width, 3)`.
        power: int, as for `SpreadHints`.
        ends: bool, whether the difference ends with its thing; in branches up to model 8 it decreases slowly, with a
            power of 1.
    """
    convolution = functools.partial(keras.layers.Conv2D, kernel_size=1, dtype="float32")
    automatic = keras.layers.Concatenate(name="hints_automatic", dtype="float32")([lightness, ab])
    x = likeness.seen(features, automatic, prefix="hints_")
    embedding = convolution(HEADS * (DIMENSION + 1), name="hints_embedding")(x)
    places = likeness.Position(name="hints_places", dtype="float32")(embedding)
    spread = SpreadHints(HEADS, power=power, name="hints_spread", dtype="float32")(places, ab, hints)
    if ends:
        spread = hint_limits.ConnectHints(name="hints_connected", dtype="float32")(spread, hints)
    logits = convolution(9 * STRIDE**2, name="hints_upsampling")(x)
    spread = ConvexUpsampling(name="hints_difference", dtype="float32")(spread, logits)
    if ends:
        spread = hint_limits.FillThings(name="hints_filled", dtype="float32")(spread, ab, hints)
    return hint_limits.KeepHints(name="hints_kept", dtype="float32")(ab, spread, hints)


def options_of(generator: keras.Model) -> dict[str, Any]:
    """Returns the options with which the branch of a generator was built; empty without a branch."""
    layers = {layer.name: layer for layer in generator.layers}
    if "hints_spread" not in layers:
        return {}
    return {"power": layers["hints_spread"].power, "ends": "hints_filled" in layers}


def for_nonlocal_mean(layer: keras.layers.Layer) -> list[np.ndarray]:
    """Returns the weights of a layer of the branch as initial weights for its counterpart in `likeness.nonlocal_mean`.

    The counterpart takes lightness without ab, and has a single embedding: those of all heads concatenated. `SHARPNESS`
    was chosen for the mean of automatic colors, where it was as good as the heads' own covariances.
    """
    weights = layer.get_weights()
    if layer.name == "hints_from1":
        return [weights[0][:, :, :1], weights[1]]
    if layer.name in ("hints_embedding", "hints_places"):
        heads = [part[..., :-1] for value in weights for part in np.split(value, HEADS, axis=-1)]
        values = [np.concatenate(heads[i : i + HEADS], axis=-1) for i in range(0, len(heads), HEADS)]
        same = [np.zeros((*value.shape[:-1], 2), value.dtype) for value in values]  # initially, all places are equal
        return [np.concatenate([SHARPNESS**0.5 * value, zeros], axis=-1) for value, zeros in zip(values, same)]
    return weights


@keras.saving.register_keras_serializable(package="tf_colorize")
class SpreadHints(keras.layers.Layer):
    """Spreads the difference between hints and automatic colors to similar places.

    The difference is modeled as a Gaussian field whose covariance between two places is

        sum over heads of (strength(p) strength(q) / (1 + |embedding(p) - embedding(q)|^2)) ^ power,

    and predicted everywhere from the places where it is known (simple kriging, whose mean is the automatic result). The
    embedding is learned, so that places that belong together are close. The linear system is solved by conjugate
    gradients, in training directly. Without hints, the result is exactly zero.

    Args:
        heads: int, embeddings, each with a strength.
        iterations: int, steps of the conjugate gradients.
        power: int, 1, 2 or 4. The larger, the less of a difference reaches dissimilar places.

    Raises:
        ValueError: another power.

    Call arguments: places `(batch, height / 4, width / 4, heads * (dimension + 1))`, the embedding of each head and the
    logarithm of its strength; ab `(batch, height, width, 2)`; hints `(batch, height, width, 3)`. Output shape: `(batch,
    height / 4, width / 4, 6)`, float32: the difference in ab, how well it is known from all hints, the hints' colors
    spread alike, and how well they are known from the best hint alone. What is known is about 0 to 1.
    """

    def __init__(self, heads: int = 1, iterations: int = 32, power: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if power not in (1, 2, 4):
            raise ValueError(f"`power` must be 1, 2 or 4. Received: power={power}")
        self.power = power
        self.loops = False  # whether iterations are a loop of the graph: slower, but not thousands of operations
        self.heads = heads
        self.iterations = iterations

    def build(self, *_):
        self.noise = self.add_weight(
            name="noise", shape=(), initializer=keras.initializers.Constant(-3.0), trainable=True
        )
        self.built = True

    def call(self, places, ab, hints, training=False):
        ops = keras.ops
        mask = hints[..., 2:]
        known = ops.concatenate([mask * (hints[..., :2] - ab), mask, mask * hints[..., :2]], axis=-1)
        share = ops.average_pool(mask, STRIDE, strides=STRIDE)
        key_stride = STRIDE * KEY_FACTOR
        weight = ops.average_pool(mask, key_stride, strides=key_stride)
        values = likeness.flat(_ratio(ops.average_pool(known, key_stride, strides=key_stride), weight))
        keys = likeness.flat(_ratio(ops.average_pool(share * places, KEY_FACTOR, strides=KEY_FACTOR), weight))
        is_hint = likeness.flat(ops.minimum(weight * key_stride**2, 1.0))  # (batch, keys, 1)
        queries = likeness.flat(places)
        if training:
            spread = self._predicted(queries, keys, is_hint, values, training=True)
        else:
            spread = self._predicted_from_few(queries, keys, is_hint, values)
        _, height, width, _ = ops.shape(places)
        return ops.reshape(spread, (-1, height, width, 6))

    def _predicted_from_few(self, queries, keys, is_hint, values):
        """Predicts from only the keys with a hint, if there are few enough, which is many times as fast."""
        ops = keras.ops
        count = ops.shape(keys)[1]
        is_known = isinstance(count, int)
        if is_known and count <= FEW:
            return self._predicted(queries, keys, is_hint, values)
        _, where = ops.top_k(is_hint[..., 0], FEW if is_known else ops.minimum(count, FEW))

        def said_again(*tensors):
            # Converters to ONNX know no shape of what a branch sees from outside.
            return [ops.reshape(tensor, (-1, *ops.shape(tensor)[1:])) for tensor in tensors]

        def predicted():
            places, *every = said_again(where, keys, is_hint, values)
            few = [ops.take_along_axis(one, places[..., None], axis=1) for one in every]
            return self._predicted(*said_again(queries), *few)

        is_few = ops.max(ops.sum(ops.cast(is_hint > 0, "int32"), axis=(1, 2))) <= FEW
        return ops.cond(is_few, predicted, lambda: self._predicted(*said_again(queries, keys, is_hint, values)))

    def _predicted(self, queries, keys, is_hint, values, training=False):
        """Returns the values and the best evidence at the queries, `(batch, queries, 6)`, from the values at the
        keys."""
        ops = keras.ops
        among = self._covariance(keys, keys) * is_hint * ops.swapaxes(is_hint, 1, 2)
        noise, values = ops.softplus(self.noise), values * is_hint
        if training:  # after convergence, conjugate gradients and their gradients divide zero by zero
            weights = ops.solve(among + noise * ops.eye(ops.shape(among)[-1]), values)
        else:
            weights = self._solved(among, noise, values)
        covariance = self._covariance(queries, keys)
        alone = covariance * ops.swapaxes(is_hint / (self._variance(keys) + noise), 1, 2)
        best = ops.max(alone, axis=-1, keepdims=True)
        return ops.concatenate([ops.matmul(covariance, weights * is_hint), best], axis=-1)

    def _variance(self, places):
        """Returns the covariance of each place with itself, `(batch, places, 1)`."""
        logarithms = [part[..., -1:] for part in keras.ops.split(places, self.heads, -1)]
        return sum(keras.ops.exp(2 * self.power * one) for one in logarithms)

    def _covariance(self, first, second):
        """Returns the covariances `(batch, places of the first, places of the second)`.

        A single matrix product gives 1 + |p - q|^2, divided by both strengths, because there are millions of pairs.
        """
        ops = keras.ops
        total = 0.0
        for one, other in zip(ops.split(first, self.heads, -1), ops.split(second, self.heads, -1)):
            p, q = one[..., :-1], other[..., :-1]
            lengths = [ops.sum(place**2, axis=-1, keepdims=True) for place in (p, q)]
            left = ops.concatenate([p, lengths[0] + 1.0, ops.ones_like(lengths[0])], axis=-1)
            right = ops.concatenate([-2.0 * q, ops.ones_like(lengths[1]), lengths[1]], axis=-1)
            left, right = left * ops.exp(-one[..., -1:]), right * ops.exp(-other[..., -1:])
            covariance = 1.0 / ops.matmul(left, ops.swapaxes(right, 1, 2))
            for _ in range(self.power.bit_length() - 1):
                covariance *= covariance
            total += covariance
        return total

    def _solved(self, matrix, noise, values):
        """Solves (matrix + noise) x = values, for each column of `values`, by conjugate gradients."""
        ops = keras.ops

        def improved(_, state):
            solution, rest, step, length = state
            image = ops.matmul(matrix, step) + noise * step
            rate = _ratio(length, ops.sum(step * image, axis=1, keepdims=True))
            rest = rest - rate * image
            new_length = ops.sum(rest * rest, axis=1, keepdims=True)
            return solution + rate * step, rest, rest + _ratio(new_length, length) * step, new_length

        state = (ops.zeros_like(values), values, values, ops.sum(values * values, axis=1, keepdims=True))
        if self.loops:
            return ops.fori_loop(0, self.iterations, improved, state)[0]
        for iteration in range(self.iterations):
            state = improved(iteration, state)
        return state[0]

    def compute_output_spec(self, places, ab, hints, training=False):
        return keras.KerasTensor((*places.shape[:-1], 6), dtype="float32")

    def get_config(self):
        return {**super().get_config(), "heads": self.heads, "iterations": self.iterations, "power": self.power}


@keras.saving.register_keras_serializable(package="tf_colorize")
class ConvexUpsampling(keras.layers.Layer):
    """Enlarges a map with sharp edges: each pixel is a weighted mean of the 3 x 3 places around it.

    The weights are a softmax of inputs, added to those of bilinear interpolation.

    Source: Teed and Deng 2020, "RAFT: Recurrent All-Pairs Field Transforms for Optical Flow", section 3.3.

    Call arguments: places `(batch, height / 4, width / 4, channels)`; logits `(batch, height / 4,
    width / 4, 16 * 9)`, for each pixel of a place those of its 9 weights.
    Output shape: `(batch, height, width, channels)`, float32.
    """

    def build(self, *_):
        self.start = self.add_weight(name="start", shape=(STRIDE**2, 9), initializer=_bilinear_logits)
        self.built = True

    def call(self, places, logits):
        ops = keras.ops
        _, height, width, channels = ops.shape(places)
        padded = ops.pad(places, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="symmetric")
        near = [padded[:, y : y + height, x : x + width] for y in range(3) for x in range(3)]
        near = ops.reshape(ops.stack(near, axis=3), (-1, height * width, 9, channels))
        logits = ops.reshape(logits, (-1, height * width, STRIDE**2, 9)) + self.start
        pixels = ops.matmul(ops.softmax(logits, axis=-1), near)
        pixels = ops.reshape(pixels, (-1, height, width, STRIDE, STRIDE * channels))
        return ops.reshape(ops.transpose(pixels, (0, 1, 3, 2, 4)), (-1, height * STRIDE, width * STRIDE, channels))

    def compute_output_spec(self, places, logits):
        batch, height, width, channels = places.shape
        size = [None if side is None else side * STRIDE for side in (height, width)]
        return keras.KerasTensor((batch, *size, channels), dtype="float32")


def _bilinear_logits(shape, dtype=None):
    """Returns the logarithms of the weights of bilinear interpolation, with a small weight in place of 0."""
    ops = keras.ops
    offsets = (ops.arange(STRIDE, dtype="float32") + 0.5) / STRIDE - 0.5
    shares = ops.maximum(1.0 - ops.abs(offsets[:, None] - ops.arange(-1, 2, dtype="float32")), 0.02)
    return ops.reshape(ops.log(shares[:, None, :, None] * shares[None, :, None, :]), shape)


def _ratio(value, whole):
    """Divides, but returns `value` where `whole` is nearly 0, so that gradients stay finite."""
    return value / keras.ops.where(whole > _NOTHING, whole, 1.0)
