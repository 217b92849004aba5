"""Convolutions that train faster on a CPU if the kernel is large and the picture small."""

from __future__ import annotations

import math
import typing

import keras

if typing.TYPE_CHECKING:
    import tensorflow as tf


# Weights per output position above which matrix products beat the convolution kernel. Measured with oneDNN 3.7 on
# AVX-512 and AMX: from 4 times faster at 4x4 positions to even at 16x16.
MIN_WEIGHTS_PER_POSITION = 8192


class _MatmulFilterGradient:
    """The common part of the two layers: the choice of the gradient and its implementation."""

    def call(self, inputs, training=None):
        if not (training and keras.backend.backend() == "tensorflow" and self._is_weight_bound(inputs)):
            return super().call(inputs)
        outputs = self._convolve(inputs, self.kernel)
        if self.use_bias:
            outputs = keras.ops.add(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)

    def _is_weight_bound(self, inputs):
        (size, other_size), (stride, other_stride) = self.kernel_size, self.strides
        _, *shape, _ = self._small_shape(inputs)
        return (
            self.data_format == "channels_last"
            and self.padding == "same"
            and set(self.dilation_rate) == {1}
            and getattr(self, "groups", 1) == 1
            and size == other_size
            and stride == other_stride
            and size % stride == 0
            and None not in shape
            and math.prod(self.kernel.shape) >= MIN_WEIGHTS_PER_POSITION * shape[0] * shape[1]
        )


@keras.saving.register_keras_serializable(package="tf_colorize")
class Conv2D(_MatmulFilterGradient, keras.layers.Conv2D):
    """A `keras.layers.Conv2D` whose kernel gradient is computed by a few matrix products if that is faster.

    oneDNN's backward-by-weights convolution reaches a tenth of the processor's arithmetic rate on a U-Net's deep
    levels, which have millions of weights but few positions. There the same sum is one matrix product for each group of
    taps. Variables, arguments and results are those of the Keras layer, which is used for inference and if the products
    would be slower.

    Input and output shape: those of `keras.layers.Conv2D`.

    Example:
    >>> Conv2D(512, 4, strides=2, padding="same", name="conv")(keras.ops.ones((1, 8, 8, 512))).shape
    TensorShape([1, 4, 4, 512])
    """

    def _small_shape(self, inputs):
        batch, height, width, _ = inputs.shape
        whole = None not in (height, width) and height % self.strides[0] == width % self.strides[1] == 0
        stride = self.strides[0]
        return (batch, height // stride, width // stride, None) if whole else (batch, None, None, None)

    def _convolve(self, inputs, kernel):
        import tensorflow as tf

        size, stride = self.kernel_size[0], self.strides[0]

        @tf.custom_gradient
        def convolve(inputs, kernel):
            def gradient(upstream):
                back = tf.nn.conv2d_transpose(upstream, kernel, tf.shape(inputs), stride, "SAME")
                return back, filter_gradient(inputs, upstream, size, stride)

            return tf.nn.conv2d(inputs, kernel, stride, "SAME"), gradient

        return convolve(inputs, tf.convert_to_tensor(kernel))


@keras.saving.register_keras_serializable(package="tf_colorize")
class Conv2DTranspose(_MatmulFilterGradient, keras.layers.Conv2DTranspose):
    """A `keras.layers.Conv2DTranspose` with the faster gradient of `Conv2D`.

    Input and output shape: those of `keras.layers.Conv2DTranspose`.

    Example:
    >>> layer = Conv2DTranspose(512, 4, strides=2, padding="same", name="up")
    >>> layer(keras.ops.ones((1, 4, 4, 512))).shape
    TensorShape([1, 8, 8, 512])
    """

    def _small_shape(self, inputs):
        return inputs.shape

    def _convolve(self, inputs, kernel):
        import tensorflow as tf

        size, stride = self.kernel_size[0], self.strides[0]

        @tf.custom_gradient
        def convolve(inputs, kernel):
            def gradient(upstream):
                back = tf.nn.conv2d(upstream, kernel, stride, "SAME")
                return back, filter_gradient(upstream, inputs, size, stride)

            batch, height, width, _ = tf.unstack(tf.shape(inputs))
            shape = (batch, height * stride, width * stride, self.filters)
            return tf.nn.conv2d_transpose(inputs, kernel, shape, stride, "SAME"), gradient

        return convolve(inputs, tf.convert_to_tensor(kernel))


def filter_gradient(inputs: tf.Tensor, upstream: tf.Tensor, kernel_size: int, stride: int) -> tf.Tensor:
    """Returns the kernel gradient of a convolution with padding "same", computed by matrix products.

    Space-to-depth turns the stride into channels, so `stride * stride` taps of the kernel share
    one product over all positions.

    Args:
        inputs: float tensor `(batch, height, width, channels)`, height and width known and
            multiples of `stride`.
        upstream: float tensor `(batch, height / stride, width / stride, filters)`, the gradient with respect to the
            convolution's output.
        kernel_size: int, a multiple of `stride`.
        stride: int.

    Returns:
        Tensor `(kernel_size, kernel_size, channels, filters)`.
    """
    import tensorflow as tf

    _, height, width, filters = upstream.shape
    channels = inputs.shape[-1]
    before = (kernel_size - stride) // 2
    margin = [before, kernel_size - stride - before]
    inputs = tf.pad(inputs, [[0, 0], margin, margin, [0, 0]])
    if stride > 1:
        inputs = tf.nn.space_to_depth(inputs, stride)
    upstream = tf.reshape(upstream, [-1, filters])
    rows = []
    for i in range(kernel_size // stride):
        taps = []
        for j in range(kernel_size // stride):
            window = tf.reshape(inputs[:, i : i + height, j : j + width], [-1, stride * stride * channels])
            product = tf.matmul(window, upstream, transpose_a=True)
            taps.append(tf.reshape(product, [stride, stride, channels, filters]))
        rows.append(tf.concat(taps, axis=1))
    return tf.concat(rows, axis=0)
