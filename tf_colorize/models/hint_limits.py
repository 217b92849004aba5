"""The last layers of the hints branch: they give each thing its whole color, and keep the hints' own colors."""

from __future__ import annotations

from typing import Any

import keras

from tf_colorize.color import lab
from tf_colorize.models import likeness

STRIDE = likeness.STRIDE
STEPS = 48  # with the loss below, the threshold of `FillThings` is reached after 21 places at 224 pixels, 39 at 416


@keras.saving.register_keras_serializable(package="tf_colorize")
class ConnectHints(keras.layers.Layer):
    """Replaces the best evidence of a spread difference by how well each place is connected to a hint.

    A thing is connected: a place far from a hint may look similar, but belongs to something else if the way to it
    leads through other things. The connection of a place is the least evidence on the best way from any hint,
    decreasing with its length. It is computed like a morphological reconstruction by dilation, in steps whose
    neighborhoods alternate between a cross and a square, so that the distance is nearly Euclidean.

    Source: Vincent 1993, "Morphological Grayscale Reconstruction in Image Analysis", section 3.

    Args:
        steps: int, length of the longest way, in places.

    Call arguments: spread as from `hint_branch.SpreadHints`, of which the last is the evidence of the best hint alone:
    together, many hints would be evidence for other things, too; hints `(batch, height, width, 3)`. Output shape: that
    of spread, float32: in place of the last, the connection, 0 to about 1.
    """

    def __init__(self, steps: int = STEPS, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.steps = steps

    def build(self, *_):
        # Chosen on outlined things: with less, walls and skies change more than a quarter of the picture away.
        self.loss = self.add_weight(name="loss", shape=(), initializer=keras.initializers.Constant(2.0))
        self.built = True

    def call(self, spread, hints):
        ops = keras.ops
        evidence = spread[..., -1:]
        _, height, _, _ = ops.shape(evidence)
        loss = self.loss / ops.cast(height, "float32")  # per place; `self.loss` is that across the picture
        reached = start = evidence * ops.max_pool(hints[..., 2:], STRIDE, strides=STRIDE)
        for step in range(self.steps):
            near = _cross(reached) if step % 2 else ops.max_pool(reached, 3, strides=1, padding="same")
            reached = ops.maximum(ops.minimum(evidence, near - loss), start)
        return ops.concatenate([spread[..., :-1], reached], axis=-1)

    def compute_output_spec(self, spread, hints):
        return keras.KerasTensor(spread.shape, dtype="float32")

    def get_config(self):
        return {**super().get_config(), "steps": self.steps}


@keras.saving.register_keras_serializable(package="tf_colorize")
class FillThings(keras.layers.Layer):
    """Gives places that are well connected to a hint its color, and all others a faint tint or nothing.

    A spread difference decreases with its evidence, as a guess should. But a wish is meant for a whole thing, also
    where its automatic color varies: where the connection exceeds a threshold, the spread color, divided by its
    evidence, replaces the automatic one. Elsewhere a small difference, which concerns the light or the tint of the
    whole photo, remains in proportion to its evidence, up to a limit that is hardly visible; a large one, which is a
    wish, vanishes.

    Call arguments: spread `(batch, height, width, 6)`: the difference in ab, the evidence for it, the color, and the
    connection to a hint; ab `(batch, height, width, 2)`; hints `(batch, height, width, 3)`. Output shape: that of ab,
    float32: the difference from ab.
    """

    LEAST = 1e-4  # evidence by which spread values are divided at least
    WIDTH = 0.1  # of the transition of the connection, from the threshold
    TINT = 4.0 / lab.AB_SCALE  # differences under 5 Lab units are hardly visible
    SMALL, LARGE = 0.3, 0.6  # differences in ab at which the tint begins to vanish and vanishes

    def build(self, *_):
        # Chosen on outlined things, like `ConnectHints.loss`.
        self.threshold = self.add_weight(name="threshold", shape=(), initializer=keras.initializers.Constant(0.25))
        self.built = True

    def call(self, spread, ab, hints):
        ops = keras.ops
        part, evidence, color, connection = spread[..., :2], spread[..., 2:3], spread[..., 3:5], spread[..., 5:]
        evidence, mask = ops.maximum(evidence, self.LEAST), hints[..., 2:]
        whole = _within(color / evidence, mask * hints[..., :2]) - ab
        size = _length(_within(part / evidence, mask * (hints[..., :2] - ab)))
        share = _smoothstep((connection - self.threshold) / self.WIDTH)
        faint = 1.0 - _smoothstep((size - self.SMALL) / (self.LARGE - self.SMALL))
        tint = part * faint * ops.minimum(1.0, self.TINT / _length(part))
        return share * whole + (1.0 - share) * tint

    def compute_output_spec(self, spread, ab, hints):
        return keras.KerasTensor(ab.shape, dtype="float32")


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


def _cross(grid):
    """Returns the maximum of each place and its four neighbors."""
    down, across = (keras.ops.max_pool(grid, size, strides=1, padding="same") for size in ((3, 1), (1, 3)))
    return keras.ops.maximum(down, across)


def _within(ab, given):
    """Bounds values by those of hints and 0, because little evidence from hints that contradict each other would
    exaggerate them."""
    least, most = (of(given, axis=(1, 2), keepdims=True) for of in (keras.ops.min, keras.ops.max))
    return keras.ops.clip(ab, least, most)


def _length(ab):
    # With an offset from zero, where the square root has no gradient.
    return keras.ops.sqrt(keras.ops.sum(ab**2, axis=-1, keepdims=True) + 1e-6)


def _smoothstep(share):
    share = keras.ops.clip(share, 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)
