"""Predicts the color strength of each photo from the network's certainty."""

from __future__ import annotations

import math
from typing import Any

import keras

TONES = 24  # bins of the histogram of lightness
STRIDE = 2  # stride of the evaluated distributions over the palette
_LEAST = 1e-4  # below which a share of places is negligible
_SCALES = (10.0, 3.0, 5.0)  # of shares, tones and chroma, scaled so that all of them vary by a few tenths


def scaled(logits: Any, chroma: Any, lightness: Any, *, prefix: str) -> Any:
    """Returns chroma multiplied by a predicted strength, a symbolic tensor like `chroma`.

    The factor is computed from the mean distribution over the palette, the histogram of lightness and the chroma
    itself. It is 1 until it is trained, for example on the squared error of the result; then it approximates the
    least-squares factor for similar photos, small if the network is often wrong. (Separate factors for the photo's mean
    chroma and for the differences from it were no better at equal colorfulness.) It computes in float32, whatever the
    precision of the other layers.

    Args:
        logits: `(batch, height, width, entries)`, over a palette.
        chroma: `(batch, height, width, 2)`, the palette's mean for these logits.
        lightness: `(batch, height * n, width * n, 1)` in [-1, 1], for a whole n.
        prefix: str, prefix of the names of all its layers.
    """
    summary = Summary(name=f"{prefix}summary", dtype="float32")(logits, chroma, lightness)
    factor = keras.layers.Dense(1, kernel_initializer="zeros", name=f"{prefix}factor", dtype="float32")(summary)
    return ScaleChroma(name=f"{prefix}chroma", dtype="float32")(chroma, factor)


@keras.saving.register_keras_serializable(package="tf_colorize")
class Summary(keras.layers.Layer):
    """Summarizes the certainty of a photo's colors in some numbers.

    They are the square root of each palette entry's mean probability; the square root of each tone's share of the photo
    (`TONES` soft bins); mean, spread and mean amount of chroma, and the logarithm of that amount.

    Call arguments: logits `(batch, height, width, entries)`; chroma `(batch, height, width, 2)`; lightness
    `(batch, any height, any width, 1)` in [-1, 1].
    Output shape: `(batch, entries + TONES + 6)`, float32.
    """

    def call(self, logits, chroma, lightness):
        ops = keras.ops
        shares, tones, amounts = _SCALES
        seen = ops.softmax(ops.cast(logits[:, ::STRIDE, ::STRIDE], "float32"), axis=-1)
        entries = ops.sqrt(ops.mean(seen, axis=(1, 2)) + _LEAST**2)
        mean = ops.mean(chroma, axis=(1, 2))
        spread = ops.sqrt(ops.mean((chroma - mean[:, None, None]) ** 2, axis=(1, 2)) + _LEAST**2)
        amount = ops.mean(ops.sqrt(ops.sum(chroma**2, axis=-1) + _LEAST**2), axis=(1, 2))[:, None]
        return ops.concatenate(
            [
                shares * entries,
                tones * ops.sqrt(self._histogram(lightness) + _LEAST),
                amounts * mean,
                amounts * spread,
                amounts * amount,
                ops.log(amount),
            ],
            axis=-1,
        )

    @staticmethod
    def _histogram(lightness):
        """Returns the share of each tone, `(batch, TONES)`; a value between two bins is distributed linearly over
        both."""
        ops = keras.ops
        width = 2.0 / (TONES - 1)
        seen = lightness[:, :: 2 * STRIDE, :: 2 * STRIDE]
        away = ops.abs(seen - ops.linspace(-1.0, 1.0, TONES, dtype="float32")) / width
        return ops.mean(ops.relu(1.0 - away), axis=(1, 2))

    def compute_output_spec(self, logits, chroma, lightness):
        return keras.KerasTensor((logits.shape[0], logits.shape[-1] + TONES + 6), dtype="float32")


@keras.saving.register_keras_serializable(package="tf_colorize")
class ScaleChroma(keras.layers.Layer):
    """Multiplies the chroma of each photo by a factor.

    Args:
        most: float over 1 / `MOST`, the largest factor; the smallest is 1 / `MOST`.

    Call arguments: chroma `(batch, height, width, 2)`; the factor's logarithm `(batch, 1)`.
    Output shape: that of chroma, float32.

    Raises:
        ValueError: `most` is too small.
    """

    MOST = math.exp(1.5)  # about 4.5

    def __init__(self, most: float = MOST, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.most = most

    @property
    def most(self) -> float:
        return self._most

    @most.setter
    def most(self, value: float) -> None:
        if not value > 1 / self.MOST:
            raise ValueError(f"`most` must be over {1 / self.MOST:.2g}. Received: most={value}")
        self._most = value

    def call(self, chroma, factor):
        ops = keras.ops
        return ops.exp(ops.clip(factor, -math.log(self.MOST), math.log(self.most)))[:, None, None] * chroma

    def compute_output_spec(self, chroma, factor):
        return keras.KerasTensor(chroma.shape, dtype="float32")

    def get_config(self):
        return {**super().get_config(), "most": self.most}
