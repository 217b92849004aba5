"""The generator of the pix2pix paper."""

from __future__ import annotations

import keras

from tf_colorize.models import blocks, convolutions

ENCODER_FILTERS = (64, 128, 256, 512, 512, 512, 512, 512)
DECODER_FILTERS = (512, 512, 512, 512, 256, 128, 64)
N_DROPOUT_BLOCKS = 3


def unet(in_channels: int = 1, out_channels: int = 2, *, name: str = "unet") -> keras.Model:
    """Returns the U-Net generator of pix2pix: eight levels, 4x4 convolutions of stride 2, skips.

    Dropout of 0.5 in the three innermost decoder blocks replaces the noise z. It is active only in training; inference
    is deterministic. As in the authors' code, the outermost encoder block and the 1x1 bottleneck have no batch
    normalization (at batch size 1 it would erase the latter). It has 54.4 M parameters for one input channel and two
    output channels.

    Source: Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial
    Networks", appendix 6.1.1.

    Args:
        in_channels: int, channels of the condition (1: lightness).
        out_channels: int, channels to predict (2: ab).
        name: str.

    Input shape: `(batch, height, width, in_channels)`, float32 in [-1, 1], height and width
    multiples of 256. Output shape: `(batch, height, width, out_channels)`, float32 in [-1, 1].

    Example:
    >>> unet()(keras.ops.zeros((1, 256, 256, 1))).shape
    TensorShape([1, 256, 256, 2])
    """
    inputs = keras.Input((None, None, in_channels), name="lightness")
    x, skips = inputs, []
    for level, filters in enumerate(ENCODER_FILTERS, start=1):
        normalize = 1 < level < len(ENCODER_FILTERS)
        if level > 1:
            x = keras.layers.LeakyReLU(0.2, name=f"down{level}_leaky_relu")(x)
        x = convolutions.Conv2D(
            filters,
            4,
            strides=2,
            padding="same",
            use_bias=not normalize,
            kernel_initializer=blocks.paper_init(),
            name=f"down{level}_conv",
        )(x)
        if normalize:
            x = _norm(f"down{level}_norm")(x)
        skips.append(x)

    skips.pop()  # the bottleneck itself
    for index, filters in enumerate(DECODER_FILTERS):
        level = len(ENCODER_FILTERS) - index
        x = keras.layers.ReLU(name=f"up{level}_relu")(x)
        x = _up(filters, use_bias=False, name=f"up{level}_conv")(x)
        x = _norm(f"up{level}_norm")(x)
        if index < N_DROPOUT_BLOCKS:
            x = keras.layers.Dropout(0.5, name=f"up{level}_dropout")(x)
        x = keras.layers.Concatenate(name=f"up{level}_skip")([skips.pop(), x])
    x = keras.layers.ReLU(name="up1_relu")(x)
    x = _up(out_channels, use_bias=True, name="up1_conv")(x)
    # Outputs stay float32, whatever the precision of the other layers.
    outputs = keras.layers.Activation("tanh", dtype="float32", name="ab")(x)
    return keras.Model(inputs, outputs, name=name)


def _norm(name):
    gamma = keras.initializers.RandomNormal(1.0, 0.02)
    return blocks.FusedBatchNormalization(momentum=0.9, epsilon=1e-5, gamma_initializer=gamma, name=name)


def _up(filters, *, use_bias, name):
    return convolutions.Conv2DTranspose(
        filters,
        4,
        strides=2,
        padding="same",
        use_bias=use_bias,
        kernel_initializer=blocks.paper_init(),
        name=name,
    )
