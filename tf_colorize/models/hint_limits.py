"""Where hints end, and that they are kept: the last layers of the branch for hints."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable(package="tf_colorize")
class EndHints(keras.layers.Layer):
    """Ends a spread difference: it is exactly zero where little is known, and the sooner, the larger it is.

    A small difference is about the light or the tint of a whole photo and may go far. A large one is a wish
    about one thing. How much must be known at a place for the difference to reach it (a share of what is known
    at a hint, by the size of the difference) is learned; above that, it comes in smoothly.

    Call arguments: `(batch, height, width, 3)`: the difference in ab, and how much is known there.
    Output shape: the same, float32.
    """

    def build(self, *_):
        def scalar(name, value):
            return self.add_weight(name=name, shape=(), initializer=keras.initializers.Constant(value))

        # Tried on a trained branch: less ends too late for a wish, more takes what true colors gain.
        self.least = scalar("least", -2.8)
        self.by_size = scalar("by_size", 5.0)
        self.softness = scalar("softness", -1.5)
        self.built = True

    def call(self, spread):
        ops = keras.ops
        difference, known = spread[..., :2], ops.maximum(spread[..., 2:], 0.0)
        # Away from zero, where a square root has no gradient.
        size = ops.sqrt(ops.sum(difference**2, axis=-1, keepdims=True) + 1e-6) / (known + 0.05)
        start = ops.sigmoid(self.least + self.by_size * ops.minimum(size, 1.0))
        share = ops.clip((known - start) / (ops.softplus(self.softness) + 0.05), 0.0, 1.0)
        return spread * (share * share * (3.0 - 2.0 * share))

    def compute_output_spec(self, spread):
        return keras.KerasTensor(spread.shape, dtype="float32")


@keras.saving.register_keras_serializable(package="tf_colorize")
class KeepHints(keras.layers.Layer):
    """Adds a spread difference to ab, and where a hint is makes ab the hint's, with a soft border.

    What is still missing at a hint also goes to its surroundings, less the further away.

    Call arguments: ab `(batch, height, width, 2)`, the difference `(batch, height, width, 2)`, hints
    `(batch, height, width, 3)`.
    Output shape: that of ab, float32. Near hints it may leave [-1, 1] by what they lack.
    """

    BLUR = 7  # pixels a side
    SOFTNESS = 0.1  # share of hinted pixels in a blur at which half of what is missing is added

    def call(self, ab, difference, hints):
        ops = keras.ops
        mask = hints[..., 2:]
        spread = ops.clip(ab + difference[..., :2], -1.0, 1.0)
        missing = mask * (hints[..., :2] - spread)
        around = ops.average_pool(ops.concatenate([missing, mask], axis=-1), self.BLUR, strides=1, padding="same")
        share = ops.average_pool(around[..., 2:], 3, strides=1, padding="same")
        soft = ops.average_pool(around[..., :2], 3, strides=1, padding="same") / (share + self.SOFTNESS)
        return spread + (1.0 - mask) * soft + missing

    def compute_output_spec(self, ab, difference, hints):
        return keras.KerasTensor(ab.shape, dtype="float32")
