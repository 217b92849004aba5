"""How strong the color of a photo should be: as strong as the network is certain of it, predicted for each photo."""

from __future__ import annotations

from typing import Any

import keras

TONES = 24  # bins of the histogram of lightness
STRIDE = 2  # of the places whose distributions over the palette are looked at
_LEAST = 1e-4  # under which a share of places is as good as none
_SCALES = (10.0, 3.0, 5.0)  # of shares, tones and chroma, so that all of them vary by a few tenths


def scaled(logits: Any, chroma: Any, lightness: Any, *, prefix: str) -> Any:
    """Returns chroma with the strength that suits its photo, a symbolic tensor like `chroma`.

    From the mean distribution over the palette, the histogram of lightness and the chroma itself comes a factor.
    It is 1 until it is trained, for example by the error that it leaves; then it is what least squares would give
    for photos like this one, small where the network often errs. (Factors of its own for the photo's mean chroma
    and for the differences from it were no better at equal colorfulness.) All of it is float32, whatever the
    precision of the rest.

    Args:
        logits: `(batch, height, width, entries)`, over a palette.
        chroma: `(batch, height, width, 2)`, what the palette's mean makes of them.
        lightness: `(batch, height * n, width * n, 1)` in [-1, 1], for a whole n.
        prefix: str, what the names of all its layers begin with.
    """
    summary = Summary(name=f"{prefix}summary", dtype="float32")(logits, chroma, lightness)
    factor = keras.layers.Dense(1, kernel_initializer="zeros", name=f"{prefix}factor", dtype="float32")(summary)
    return ScaleChroma(name=f"{prefix}chroma", dtype="float32")(chroma, factor)


@keras.saving.register_keras_serializable(package="tf_colorize")
class Summary(keras.layers.Layer):
    """What a whole photo says of how certain its colors are, as some numbers.

    The root of each palette entry's mean probability; the root of each tone's share of the photo (`TONES` of them,
    with soft bins); mean, spread and mean amount of chroma, and the logarithm of that amount.

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
        """Returns the share of each tone, `(batch, TONES)`; a value between two bins counts in both by closeness."""
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

    Call arguments: chroma `(batch, height, width, 2)`; the factor's logarithm `(batch, 1)`. It is cut at `MOST`,
    whatever a photo looks like.
    Output shape: that of chroma, float32.
    """

    MOST = 1.5  # about a fifth, or 4.5 times

    def call(self, chroma, factor):
        ops = keras.ops
        return ops.exp(ops.clip(factor, -self.MOST, self.MOST))[:, None, None] * chroma

    def compute_output_spec(self, chroma, factor):
        return keras.KerasTensor(chroma.shape, dtype="float32")
