"""Keras metrics and batch functions for validation during training.

Their counterparts for uint8 pictures, without TensorFlow, are in `measures`.
"""

from __future__ import annotations

import math
from typing import Any

from tf_colorize import installation
from tf_colorize.color import lab

with installation.explained():
    import keras
    from keras import ops


def delta_e76(y_true: Any, y_pred: Any) -> Any:
    """Returns the CIE76 color difference of two ab maps with the same lightness: 110 times their Euclidean distance.

    Args:
        y_true: float `(..., 2)` in [-1, 1], a* and b* divided by 110.
        y_pred: the same shape and range.

    Returns:
        float32 `(...)`, in CIELAB units (about 2.3 is just noticeable).
    """
    difference = ops.cast(y_true, "float32") - ops.cast(y_pred, "float32")
    return lab.AB_SCALE * ops.sqrt(ops.sum(ops.square(difference), axis=-1))


@keras.saving.register_keras_serializable(package="tf_colorize")
class DeltaE(keras.metrics.MeanMetricWrapper):
    """Mean CIE76 color difference over the pixels of ab maps that share one lightness.

    With the same L* on both sides, CIE76 delta E is the Euclidean distance in (a*, b*), that is, 110 times the distance
    of the normalized values that networks predict. For CIEDE2000 on uint8 pictures, see `measures`.

    Args:
        name: defaults to `"delta_e76"`, to distinguish it from CIEDE2000 in logs.
        dtype: dtype of the running sums, float32 by default.

    Input shape: `y_true` and `y_pred` float `(batch, height, width, 2)` in [-1, 1]. Result: a
    scalar in CIELAB units.

    Example:

    >>> metric = tf_colorize.metrics.DeltaE()
    >>> metric.update_state(np.zeros((1, 4, 4, 2)), np.full((1, 4, 4, 2), 0.1))
    >>> float(metric.result())  # 110 * sqrt(0.01 + 0.01)
    15.556...
    """

    def __init__(self, name: str = "delta_e76", dtype: str = "float32") -> None:
        super().__init__(fn=delta_e76, name=name, dtype=dtype)
        self._direction = "down"

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


def psnr(y_true: Any, y_pred: Any) -> Any:
    """Returns the peak signal-to-noise ratio of each picture of a batch, in dB; infinite for identical pictures.

    Args:
        y_true: float `(batch, height, width, 3)` sRGB in [0, 1].
        y_pred: the same shape and range.

    Returns:
        float32 `(batch,)`.
    """
    difference = ops.cast(y_true, "float32") - ops.cast(y_pred, "float32")
    squared_error = ops.mean(ops.square(difference), axis=(1, 2, 3))
    return -10.0 / math.log(10.0) * ops.log(squared_error)


def colorfulness(rgb: Any) -> Any:
    """Returns the colorfulness of each picture of a batch (Hasler and Suesstrunk 2003), on the usual scale of 8-bit
    values.

    The opponent channels are signed, as in the paper. The result is for values scaled by 255, as in published figures:
    0 is gray, 33 "moderately", 45 "averagely", 59 "quite" colorful.

    Args:
        rgb: float `(batch, height, width, 3)` sRGB in [0, 1].

    Returns:
        float32 `(batch,)`.
    """
    red, green, blue = ops.unstack(255.0 * ops.cast(rgb, "float32"), 3, axis=-1)
    opponents = ops.stack([red - green, 0.5 * (red + green) - blue], axis=-1)
    variance = ops.var(opponents, axis=(1, 2))
    mean = ops.mean(opponents, axis=(1, 2))
    return ops.sqrt(ops.sum(variance, axis=-1)) + 0.3 * ops.sqrt(ops.sum(ops.square(mean), axis=-1))
