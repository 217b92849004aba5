"""The last layers of the hints branch: they cut off differences and keep the hints' own colors."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable(package="tf_colorize")
class EndHints(keras.layers.Layer):
    """Cuts off a spread difference: it becomes exactly zero where the evidence is weak, the sooner, the larger it is.

    A small difference concerns the light or the tint of a whole photo and may reach far. A large one is a wish for one
    thing. The threshold of evidence (relative to that at a hint, as a function of the size of the difference) is
    learned; above it, the difference increases smoothly.

    Call arguments: `(batch, height, width, 3)`: the difference in ab, and the evidence for it. Output shape: the same,
    float32.
    """

    def build(self, *_):
        def scalar(name, value):
            return self.add_weight(name=name, shape=(), initializer=keras.initializers.Constant(value))

        # Chosen on a trained branch: lower values cut wishes off too late, higher ones lose the gain of true hints.
        self.least = scalar("least", -2.8)
        self.by_size = scalar("by_size", 5.0)
        self.softness = scalar("softness", -1.5)
        self.built = True

    def call(self, spread):
        ops = keras.ops
        difference, known = spread[..., :2], ops.maximum(spread[..., 2:], 0.0)
        # An offset from zero, where the square root has no gradient.
        size = ops.sqrt(ops.sum(difference**2, axis=-1, keepdims=True) + 1e-6) / (known + 0.05)
        start = ops.sigmoid(self.least + self.by_size * ops.minimum(size, 1.0))
        share = ops.clip((known - start) / (ops.softplus(self.softness) + 0.05), 0.0, 1.0)
        return spread * (share * share * (3.0 - 2.0 * share))

    def compute_output_spec(self, spread):
        return keras.KerasTensor(spread.shape, dtype="float32")


@keras.saving.register_keras_serializable(package="tf_colorize")
class KeepHints(keras.layers.Layer):
    """Adds a spread difference to ab, and sets ab to the hint's color at hints, with a soft border.

    The remaining error at a hint is also added to its surroundings, less with distance.

    Call arguments: ab `(batch, height, width, 2)`, the difference `(batch, height, width, 2)`, hints `(batch, height,
    width, 3)`. Output shape: that of ab, float32. Near hints it may exceed [-1, 1] by the remaining error.
    """

    BLUR = 7  # pixels per side
    SOFTNESS = 0.1  # blurred share of hinted pixels at which half of the remaining error is added

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
