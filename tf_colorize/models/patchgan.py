"""The discriminator of the pix2pix paper."""

from __future__ import annotations

import keras

from tf_colorize.models import blocks


def patchgan(
    condition_channels: int = 1,
    target_channels: int = 2,
    *,
    filters: int = 64,
    spectral_norm: bool = False,
    name: str = "patchgan",
) -> keras.Model:
    """Returns the 70x70 PatchGAN: it judges overlapping patches, not the whole picture.

    It is C64-C128-C256-C512 with 4x4 convolutions, then one logit per patch, with 2.77 M parameters.

    Source: Isola et al. 2017, appendix 6.1.2. Spectral normalization: Miyato et al. 2018.

    Args:
        condition_channels: int, channels of the condition (1: lightness).
        target_channels: int, channels of the real or generated picture (2: ab).
        filters: int, channels of the first block.
        spectral_norm: bool. Bounds each convolution's Lipschitz constant, in place of batch normalization, for
            stability in short training runs.
        name: str.

    Input: a list `[condition, target]`, shapes `(batch, height, width, channels)`, float32 in
    [-1, 1], at least 32 pixels a side. Output: logits `(batch, height / 8 - 2, width / 8 - 2, 1)`,
    float32: 30x30 for 256x256.

    Example:
    >>> ab = keras.ops.zeros((1, 256, 256, 2))
    >>> patchgan()([ab[..., :1], ab]).shape
    TensorShape([1, 30, 30, 1])
    """
    condition = keras.Input((None, None, condition_channels), name="condition")
    target = keras.Input((None, None, target_channels), name="target")
    convolution = blocks.SpectralConv2D if spectral_norm else keras.layers.Conv2D
    x = keras.layers.Concatenate(name="pair")([condition, target])
    for index, strides in enumerate((2, 2, 2, 1)):
        name_of = f"block{index + 1}"
        normalize = index > 0 and not spectral_norm
        if strides == 1:
            x = keras.layers.ZeroPadding2D(1, name=f"{name_of}_pad")(x)
        x = convolution(
            filters * 2**index,
            4,
            strides=strides,
            padding="valid" if strides == 1 else "same",
            use_bias=not normalize,
            kernel_initializer=blocks.paper_init(),
            name=f"{name_of}_conv",
        )(x)
        if normalize:
            gamma = keras.initializers.RandomNormal(1.0, 0.02)
            x = blocks.FusedBatchNormalization(
                momentum=0.9, epsilon=1e-5, gamma_initializer=gamma, name=f"{name_of}_norm"
            )(x)
        x = keras.layers.LeakyReLU(0.2, name=f"{name_of}_leaky_relu")(x)
    x = keras.layers.ZeroPadding2D(1, name="logits_pad")(x)
    x = convolution(1, 4, kernel_initializer=blocks.paper_init(), name="logits_conv")(x)
    logits = keras.layers.Activation("linear", dtype="float32", name="logits")(x)
    return keras.Model([condition, target], logits, name=name)
