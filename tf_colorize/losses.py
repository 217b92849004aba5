"""Losses: adversarial losses on logits, cross-entropy of chroma over a palette, smoothness within surfaces."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tf_colorize import installation

with installation.explained():
    import keras

GAN_LOSSES = ("vanilla", "lsgan", "hinge")

# For `edge_aware_smoothness`: the side of its blocks in pixels, and the standard deviation of L* / 50 above which a
# block no longer counts as a surface.
BLOCK_SIZES = (8, 16)
SURFACE_DEVIATION = 0.05


def get_gan_loss(identifier: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Returns `(discriminator_loss, generator_loss)` for a name or a Keras loss on logits.

    - "vanilla": binary cross-entropy, the generator's in its non-saturating form (Goodfellow
      et al. 2014, section 3). At equilibrium each discriminator term is log 2 = 0.69.
    - "lsgan": squared distance of the logits to 1 and 0 (Mao et al. 2017).
    - "hinge": max(0, 1 - real) and max(0, 1 + fake); the generator's is -fake (Lim and Ye 2017).
    - a `keras.losses.Loss` or function `loss(y_true, logits)`: called with targets 1 and 0.

    Args:
        identifier: str, Keras loss or callable.

    Returns:
        `discriminator_loss(real_logits, fake_logits, weights=None) -> (real, fake)` and
        `generator_loss(fake_logits, weights=None) -> scalar`: means over the batch and all patches, float32,
        weighted as in `weighted_mean`.

    Raises:
        ValueError: a name that is not one of `GAN_LOSSES`.

    Example:
    >>> discriminator_loss, generator_loss = get_gan_loss("lsgan")
    >>> float(generator_loss(keras.ops.zeros((1, 30, 30, 1))))
    1.0
    """
    mean = weighted_mean
    if identifier == "hinge":
        relu = keras.ops.relu
        return (
            lambda real, fake, weights=None: (mean(relu(1.0 - real), weights), mean(relu(1.0 + fake), weights)),
            lambda fake, weights=None: -mean(fake, weights),
        )
    if identifier == "vanilla":
        loss = per_sample(keras.losses.BinaryCrossentropy(from_logits=True))
    elif identifier == "lsgan":
        loss = per_sample(keras.losses.MeanSquaredError())
    elif callable(identifier):
        loss = per_sample(identifier)
    else:
        raise ValueError(
            f"`gan_loss` must be one of {', '.join(GAN_LOSSES)} or a Keras loss on logits. "
            f"Received: gan_loss={identifier!r}"
        )

    def against(value, logits, weights):
        return mean(loss(keras.ops.full_like(logits, value), logits), weights)

    return (
        lambda real, fake, weights=None: (against(1.0, real, weights), against(0.0, fake, weights)),
        lambda fake, weights=None: against(1.0, fake, weights),
    )


def weighted_mean(values: Any, weights: Any = None) -> Any:
    """Returns the mean of losses, weighted by sample.

    As in Keras, the sum is divided by the number of samples and not by the sum of the weights.

    Args:
        values: losses, float, `(batch, ...)`.
        weights: float, `(batch,)`; None: all 1.

    Raises:
        ValueError: weights are given, but the losses are already reduced over the batch.
    """
    if weights is None:
        return keras.ops.mean(values)
    if not len(values.shape):
        raise ValueError(
            "Sample weights need a loss per sample. Received: a loss that returns one number for the whole batch"
        )
    each = keras.ops.mean(keras.ops.reshape(values, (keras.ops.shape(values)[0], -1)), axis=1)
    return keras.ops.mean(each * keras.ops.cast(weights, each.dtype))


def per_sample(loss: Any) -> Callable[..., Any]:
    """Returns a loss as a function of (target, result), without the reduction of `keras.losses.Loss`.

    That reduction divides by the number of replicas, which would distort logs and sums of losses.

    Args:
        loss: str, `keras.losses.Loss` or function.
    """
    loss = keras.losses.get(loss)
    return loss.call if isinstance(loss, keras.losses.Loss) else loss


def per_replica(loss: Any) -> Any:
    """Returns a loss scaled to this replica's share: optimizers sum gradients over replicas, each of which has a part
    of the batch.

    Args:
        loss: mean over this replica's part of the batch.
    """
    if keras.backend.backend() != "tensorflow":
        return loss
    import tensorflow as tf  # without TensorFlow, there are no replicas

    return loss / tf.distribute.get_strategy().num_replicas_in_sync


@keras.saving.register_keras_serializable(package="tf_colorize")
def root_mean_squared_error(target: Any, result: Any) -> Any:
    """Returns the root mean squared error of each picture, `(batch,)`.

    Its mean over pictures behaves like a mean of PSNRs: it does not matter which pixels of a picture are wrong. Below
    0.017, about two Lab units, getting closer gains little.

    Args:
        target, result: `(batch, height, width, channels)`, float.
    """
    return keras.ops.sqrt(keras.ops.mean((target - result) ** 2, axis=(1, 2, 3)) + 3e-4)


@keras.saving.register_keras_serializable(package="tf_colorize")
@dataclasses.dataclass(frozen=True)
class Term:
    """An additional loss of a generator, for `Pix2Pix`.

    Args:
        name: str; logs call the loss `g_{name}_loss`.
        weight: float, at least 0; at 0 the loss is neither computed nor logged.
        function: `function(condition, target, outputs)` -> losses of any shape, averaged. `outputs`
            is what `models.anatomy.heads` lists: "ab" and, with a palette, "logits". To be saved
            with the model, it must be registered with Keras, like `smoothness` and `Classification`.

    Example:
    >>> Term("smoothness", 100.0, smoothness).name
    'smoothness'
    """

    name: str
    weight: float
    function: object

    def get_config(self):
        return {
            "name": self.name,
            "weight": self.weight,
            "function": keras.saving.serialize_keras_object(self.function),
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "function": keras.saving.deserialize_keras_object(config["function"])})


@keras.saving.register_keras_serializable(package="tf_colorize")
def smoothness(condition: Any, target: Any, outputs: dict[str, Any]) -> Any:
    """Returns `edge_aware_smoothness` of the result, as a function for `Term`."""
    return edge_aware_smoothness(condition, target, outputs["ab"])


@keras.saving.register_keras_serializable(package="tf_colorize")
class Classification:
    """A loss between the target and the logits of the palette, for `Term`.

    Args:
        loss: Keras loss, such as `PaletteCrossentropy`.
    """

    def __init__(self, loss: Any) -> None:
        self.loss = loss

    def __call__(self, condition: Any, target: Any, outputs: dict[str, Any]) -> Any:
        return per_sample(self.loss)(target, outputs["logits"])

    def get_config(self):
        return {"loss": keras.saving.serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["loss"]))


@keras.saving.register_keras_serializable(package="tf_colorize")
class PaletteCrossentropy(keras.losses.Loss):
    """Cross-entropy between true values and logits over a palette, with higher weights for rare entries.

    The true picture is averaged down to the logits' size, and each value becomes a soft label: a Gaussian of its
    distance to the palette's entries. Each value is weighted by the weight of its nearest entry, so that common grays
    do not outweigh rare colors.

    Source: Zhang et al. 2016, "Colorful Image Colorization", equations 2 to 4. They cut the
    Gaussian at five neighbors; here it runs over all entries.

    Args:
        palette: array-like `(entries, channels)`, float.
        weights: array-like `(entries,)` or None for equal ones.
        sigma: float, standard deviation of the soft label, in the palette's units
            (Zhang et al.: 5 of 110 Lab units).

    Call arguments: `y_true` `(batch, height, width, channels)`, float32; `y_pred` logits
    `(batch, height / k, width / k, entries)` for some whole k.

    Example:
    >>> loss = PaletteCrossentropy([[0.0, 0.0], [1.0, 1.0]])
    >>> float(loss(keras.ops.ones((1, 8, 8, 2)), keras.ops.zeros((1, 4, 4, 2))))
    0.6931...
    """

    def __init__(
        self,
        palette: Any,
        weights: Any = None,
        sigma: float = 5 / 110,
        name: str = "palette_crossentropy",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.palette = np.asarray(palette, "float32")
        self.weights = np.ones(len(self.palette), "float32") if weights is None else np.asarray(weights, "float32")
        self.sigma = sigma
        if self.weights.shape != self.palette.shape[:1]:
            raise ValueError(
                "`weights` must have one value for each entry of `palette`. Received: "
                f"weights.shape={self.weights.shape}, palette.shape={self.palette.shape}"
            )

    def call(self, y_true, y_pred):
        k = y_true.shape[1] // y_pred.shape[1]
        if k > 1:
            y_true = keras.ops.average_pool(y_true, k, strides=k)
        nearest, labels = soft_encode(y_true, self.palette, self.sigma)
        entropy = keras.ops.categorical_crossentropy(labels, keras.ops.cast(y_pred, "float32"), from_logits=True)
        return entropy * keras.ops.take(self.weights, nearest)

    def get_config(self):
        config = {"palette": self.palette.tolist(), "weights": self.weights.tolist(), "sigma": self.sigma}
        return {**super().get_config(), **config}


def soft_encode(values: Any, palette: Any, sigma: float) -> tuple[Any, Any]:
    """Returns, for each value, its nearest palette entry and its soft label.

    Args:
        values: `(..., channels)`, float32.
        palette: NumPy array `(entries, channels)`, float32.
        sigma: float, standard deviation of the Gaussian, in the palette's units.

    Returns:
        `nearest` `(...)`, int32; `labels` `(..., entries)`, float32, summing to 1.
    """
    # |value - entry|^2 without |value|^2, which the softmax cancels.
    closeness = keras.ops.matmul(values, 2.0 * palette.T) - np.sum(palette**2, axis=1)
    labels = keras.ops.softmax(closeness / (2.0 * sigma**2), axis=-1)
    return keras.ops.argmax(closeness, axis=-1), labels


def rebalancing_weights(prior: Any, uniform: float = 0.5) -> np.ndarray:
    """Returns the weight of each palette entry that counters its frequency, with mean 1 over `prior`.

    Source: Zhang et al. 2016, equation 4, where lambda = 0.5.

    Args:
        prior: `(entries,)`, float, share of each entry in the training data, summing to 1.
        uniform: float in (0, 1], lambda: the share of the uniform distribution mixed into the
            prior. 1 weights all entries equally.

    Returns:
        NumPy array `(entries,)`, float32.

    Example:
    >>> [round(float(weight), 3) for weight in rebalancing_weights([0.75, 0.25], uniform=0.5)]
    [0.857, 1.429]
    """
    prior = np.asarray(prior, "float64")
    weights = 1.0 / ((1.0 - uniform) * prior + uniform / len(prior))
    return (weights / np.sum(prior * weights)).astype("float32")


def edge_aware_smoothness(condition: Any, target: Any, result: Any) -> Any:
    """Returns how much the error of a result varies within surfaces: it penalizes blotches on a wall, not its color.

    Blocks of 8 and of 16 pixels are compared with their neighbors below and to the right. Where the condition
    (lightness) is flat in both, the result should change as much as the target: the norm of the difference of their
    errors is averaged, weighted by the flatness of both blocks, exp(-variance / 0.05^2). A uniformly wrong color costs
    nothing.

    Sources: Godard et al. 2017, "Unsupervised Monocular Depth Estimation with Left-Right
    Consistency", section 3.3 (the weights); Li and Snavely 2018, "MegaDepth", section 4
    (differences of the truth, over several sizes).

    Args:
        condition: `(batch, height, width, channels)`, float32 in [-1, 1], sides of at least 32.
        target, result: `(batch, height, width, channels)`, float32.

    Returns:
        `(batch,)`, float32.

    Example:
    >>> gray, target = keras.ops.zeros((1, 32, 32, 1)), keras.ops.zeros((1, 32, 32, 2))
    >>> float(edge_aware_smoothness(gray, target, target + 0.5)[0]) < 0.01
    True
    """
    error = keras.ops.cast(result, "float32") - target
    total = 0.0
    for size in BLOCK_SIZES:
        pool = functools.partial(keras.ops.average_pool, pool_size=size, strides=size)
        variance = keras.ops.mean(pool(condition**2) - pool(condition) ** 2, axis=-1)
        flatness = keras.ops.exp(-keras.ops.relu(variance) / SURFACE_DEVIATION**2)
        errors = pool(error)
        swapped = [keras.ops.swapaxes(x, 1, 2) for x in (errors, flatness)]
        for values, weights in ((errors, flatness), swapped):  # neighbors below, then neighbors to the right
            difference = values[:, 1:] - values[:, :-1]
            # An offset from zero, where the square root has no gradient.
            length = keras.ops.sqrt(keras.ops.sum(difference**2, axis=-1) + 1e-6)
            total += keras.ops.mean(weights[:, 1:] * weights[:, :-1] * length, axis=(1, 2))
    return total / (2 * len(BLOCK_SIZES))
