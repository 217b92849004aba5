"""Building blocks shared by the networks: normalization of features and kernels, upsampling, the palette mean."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np


def paper_init() -> keras.initializers.Initializer:
    """Returns the pix2pix initializer N(0, 0.02) (Isola et al. 2017, appendix 6.2)."""
    return keras.initializers.RandomNormal(0.0, 0.02)


# Not a global, because replicas of a distribution strategy are traced in alternating threads.
_frozen: contextvars.ContextVar[tuple[type, ...]] = contextvars.ContextVar("frozen", default=())


@contextlib.contextmanager
def frozen_statistics(*layer_types: type) -> Iterator[None]:
    """Makes layers called with `training=True` compute as in training without updating statistics, inside a `with`
    block.

    Otherwise a network that runs several times in one step would count some of its inputs twice.

    Args:
        layer_types: classes to freeze, of `FusedBatchNormalization` and `SpectralConv2D`.

    Example:
    >>> with frozen_statistics(FusedBatchNormalization, SpectralConv2D):
    ...     logits = discriminator([condition, fake], training=True)
    """
    token = _frozen.set(layer_types)
    try:
        yield
    finally:
        _frozen.reset(token)


@keras.saving.register_keras_serializable(package="tf_colorize")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization that runs as one TensorFlow kernel, in training and in inference.

    Keras 3 computes the moments of a batch as separate operations, which costs a U-Net about 40% of its training speed
    on a CPU. Variables, arguments and results are those of `keras.layers.BatchNormalization` over the last axis, so
    weights are interchangeable. With another Keras backend, it is that layer.

    Source: Ioffe and Szegedy, "Batch Normalization", 2015. The moving variance averages the unbiased variance, as
    TensorFlow's own fused layer does.

    Args:
        axis: int, -1 or its other name 3: the channels come last.
        synchronized: bool, False: each replica normalizes its own part of the batch.
        kwargs: those of `keras.layers.BatchNormalization`.

    Raises:
        ValueError: another `axis`, or `synchronized`, which the kernel does not support.

    Input shape: `(batch, height, width, channels)`, float32 or bfloat16. Output shape: the same.

    Example:
    >>> layer = FusedBatchNormalization(name="norm")
    >>> layer(keras.ops.ones((2, 8, 8, 4)), training=True).shape
    TensorShape([2, 8, 8, 4])
    """

    def __init__(self, *, axis: int = -1, synchronized: bool = False, **kwargs: Any) -> None:
        if axis not in (-1, 3):
            raise ValueError(
                f"`axis` must be -1, the channels, or its other name 3. Received: axis={axis}. "
                "Use keras.layers.BatchNormalization."
            )
        if synchronized:
            raise ValueError(
                "`synchronized` must be False: the fused kernel sees one replica's part of the batch. "
                f"Received: synchronized={synchronized}. Use keras.layers.BatchNormalization."
            )
        super().__init__(axis=-1, **kwargs)

    def call(self, inputs, training=None, mask=None):
        if keras.backend.backend() != "tensorflow" or self.renorm or mask is not None:
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf  # the one layer that differs between backends

        training = bool(training) and self.trainable
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma if self.scale else tf.ones_like(self.moving_mean),
            offset=self.beta if self.center else tf.zeros_like(self.moving_mean),
            mean=[] if training else self.moving_mean,
            variance=[] if training else self.moving_variance,
            epsilon=self.epsilon,
            is_training=training,
        )
        if training and not isinstance(self, _frozen.get()):
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))
        return outputs


@keras.saving.register_keras_serializable(package="tf_colorize")
class SpectralConv2D(keras.layers.Conv2D):
    """A convolution whose kernel is divided by its largest singular value.

    It bounds how fast a discriminator's output can change. The kernel itself is never assigned: the division is part of
    the forward pass, in float32 under every dtype policy, and gradients go through it. With `training=True`, one power
    iteration improves the estimate of the singular vector, except inside `frozen_statistics`.

    Source: Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks",
    algorithm 1.

    Args:
        args, kwargs: those of `keras.layers.Conv2D`, with the channels last.

    Input and output shape: those of `keras.layers.Conv2D`.

    Example:
    >>> SpectralConv2D(8, 4, name="conv")(keras.ops.ones((1, 16, 16, 3)), training=True).shape
    TensorShape([1, 13, 13, 8])
    """

    def add_weight(self, *args, **kwargs):
        # The norm of a rounded kernel would be wrong, so `call` casts after the division.
        return super().add_weight(*args, **{**kwargs, "autocast": False})

    def build(self, input_shape):
        super().build(input_shape)
        self.vector_u = self.add_weight(
            shape=(self.filters, 1),
            initializer=keras.initializers.RandomNormal(stddev=self.filters**-0.5),  # about a unit long
            trainable=False,
            aggregation="only_first_replica",  # all replicas compute the same
            name="vector_u",
        )

    def call(self, inputs, training=None):
        kernel = keras.ops.convert_to_tensor(self.kernel)
        kernel = keras.ops.cast(kernel / self._spectral_norm(kernel, training), self.compute_dtype)
        outputs = self.convolution_op(inputs, kernel)
        if self.use_bias:
            outputs = keras.ops.add(outputs, keras.ops.cast(self.bias, self.compute_dtype))
        return outputs if self.activation is None else self.activation(outputs)

    def save_own_variables(self, store):
        super().save_own_variables(store)  # the kernel and the bias, by number
        store["vector_u"] = self.vector_u

    def load_own_variables(self, store):
        super().load_own_variables(store)
        self.vector_u.assign(store["vector_u"])

    def _spectral_norm(self, kernel, training):
        matrix = keras.ops.reshape(kernel, (-1, self.filters))
        constant = keras.ops.stop_gradient(matrix)
        u = _unit(keras.ops.convert_to_tensor(self.vector_u))
        if training and self.trainable and not isinstance(self, _frozen.get()):
            u = _unit(keras.ops.matmul(keras.ops.transpose(constant), _unit(keras.ops.matmul(constant, u))))
            self.vector_u.assign(u)
        v = _unit(keras.ops.matmul(constant, u))
        sigma = keras.ops.sum(v * keras.ops.matmul(matrix, u))
        return keras.ops.maximum(sigma, keras.config.epsilon())  # a kernel of zeros stays zero


def _unit(vector):
    return keras.ops.normalize(vector, axis=0, epsilon=1e-12)


@keras.saving.register_keras_serializable(package="tf_colorize")
class BilinearUpsampling(keras.layers.Layer):
    """Enlarges feature maps bilinearly by a whole factor, even if their size is not known.

    `keras.layers.UpSampling2D(interpolation="bilinear")` cannot be saved with unknown height
    and width; this layer can, and becomes one builtin operation in TFLite.

    Args:
        factor: int, at least 1.

    Input shape: `(batch, height, width, channels)`.
    Output shape: `(batch, factor * height, factor * width, channels)`, float32.

    Example:
    >>> BilinearUpsampling(4)(keras.ops.zeros((1, 8, 8, 2))).shape
    TensorShape([1, 32, 32, 2])
    """

    def __init__(self, factor: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        _, height, width, _ = keras.ops.shape(inputs)
        size = (height * self.factor, width * self.factor)
        inputs = keras.ops.cast(inputs, "float32")
        if all(isinstance(side, int) for side in size):
            return keras.ops.image.resize(inputs, size, interpolation="bilinear")
        import tensorflow as tf  # Keras' own function refuses sizes that are only known when the graph runs

        return tf.image.resize(inputs, size, method="bilinear")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        scale = [None if size is None else size * self.factor for size in (height, width)]
        return (batch, *scale, channels)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype="float32")

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable(package="tf_colorize")
class AnnealedMean(keras.layers.Layer):
    """Turns logits over a palette into the annealed mean of its entries.

    A low temperature gives the most likely (vivid, patchy) entry, 1 gives the expectation
    (dull, smooth). Source: Zhang et al. 2016, "Colorful Image Colorization", equation 5.

    Args:
        palette: array-like `(entries, channels)`, float: the values the entries stand for.
        temperature: float, over 0. Zhang et al. use 0.38.

    Input shape: `(batch, height, width, entries)` logits.
    Output shape: `(batch, height, width, channels)`, float32.

    Example:
    >>> AnnealedMean([[0.0, 0.0], [1.0, 0.0]], temperature=0.38)(keras.ops.zeros((1, 4, 4, 2))).shape
    TensorShape([1, 4, 4, 2])
    """

    def __init__(self, palette: Any, temperature: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if temperature <= 0:
            raise ValueError(f"`temperature` must be over 0. Received: temperature={temperature}")
        self.palette = np.asarray(palette, "float32")
        self.temperature = temperature

    def call(self, logits):
        logits = keras.ops.cast(logits, "float32") / self.temperature
        return keras.ops.matmul(keras.ops.softmax(logits, axis=-1), self.palette)

    def compute_output_spec(self, logits):
        return keras.KerasTensor((*logits.shape[:-1], self.palette.shape[1]), dtype="float32")

    def get_config(self):
        config = super().get_config()
        return {**config, "palette": self.palette.tolist(), "temperature": self.temperature}


@keras.saving.register_keras_serializable(package="tf_colorize")
class ChromaContrast(keras.layers.Layer):
    """Reduces a picture's mean chroma, increases the differences from it, and mutes pale pictures.

    The mean of a pixel's possible colors is dull, and it preserves a picture's common color (mostly brown) better than
    the differences between its pixels. So the picture's mean chroma is multiplied by `mean_gain`, and the distance of
    each pixel from it by `contrast`. At equal colorfulness, the result is closer to the truth than with more chroma
    everywhere.

    A picture with little predicted color is more often nearly gray. `expansion` also multiplies all of a picture's
    chroma by (its mean chroma / 0.12) ** expansion.

    Args:
        mean_gain: float, at least 0.
        contrast: float, at least 0.
        expansion: float, at least 0. 0 treats pale and colorful pictures alike.

    Input shape: `(batch, height, width, channels)` in [-1, 1].
    Output shape: the same, clipped to [-1, 1].

    Example:
    >>> contrasted = ChromaContrast(mean_gain=0.5, contrast=2.0)(keras.ops.array([[[[0.1], [0.3]]]]))
    >>> [round(float(value), 3) for value in contrasted[0, 0, :, 0]]
    [-0.1, 0.3]
    """

    TYPICAL = 0.12  # mean chroma of a picture, about 13 of 110 Lab units

    def __init__(self, mean_gain: float, contrast: float, expansion: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mean_gain = mean_gain
        self.contrast = contrast
        self.expansion = expansion
        for name in ("mean_gain", "contrast", "expansion"):
            if getattr(self, name) < 0:
                raise ValueError(f"`{name}` must be at least 0. Received: {name}={getattr(self, name)}")

    def call(self, chroma):
        mean = keras.ops.mean(chroma, axis=(1, 2), keepdims=True)
        result = self.contrast * chroma + (self.mean_gain - self.contrast) * mean
        if self.expansion:
            # An offset from zero, where the square root has no gradient.
            amount = keras.ops.sqrt(keras.ops.sum(chroma**2, axis=-1, keepdims=True) + 1e-8)
            result *= (keras.ops.mean(amount, axis=(1, 2), keepdims=True) / self.TYPICAL) ** self.expansion
        return keras.ops.clip(result, -1.0, 1.0)

    def get_config(self):
        gains = {"mean_gain": self.mean_gain, "contrast": self.contrast, "expansion": self.expansion}
        return {**super().get_config(), **gains}
