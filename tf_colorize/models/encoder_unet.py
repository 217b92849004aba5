"""A U-Net on a pretrained encoder that predicts chroma by regression or as a distribution over a palette."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from tf_colorize.models import backbones, blocks, convolutions


def encoder_unet(
    encoder: keras.Model,
    *,
    name: str,
    decoder_filters: Sequence[int] = (224, 128, 96, 64),
    n_residual: int = 0,
    out_channels: int = 2,
    palette: Sequence[Sequence[float]] | None = None,
    temperature: float = 0.38,
    mean_gain: float = 1.0,
    contrast: float = 1.0,
    expansion: float = 0.0,
) -> keras.Model:
    """Returns a U-Net on an encoder with features at strides 2, 4, 8, 16 and 32.

    Each decoder level doubles the size, joins the encoder's features of that size and applies a 3x3 convolution. The
    eye resolves little chroma, so the decoder stops early (four levels end at half the resolution, three at a quarter),
    followed by bilinear upsampling.

    Without a palette, the head is a tanh, for regression. With a palette, the network predicts a distribution over its
    entries and returns the annealed mean, which keeps colors that regression averages to brown; `anatomy.heads` returns
    the logits.

    Sources: Ronneberger et al. 2015 (U-Net); Zhang et al. 2016 (palette).

    Args:
        encoder: Functional model, as from `backbones.resnet18`: a normalized RGB picture -> list of features at strides
            2, 4, 8, 16, 32.
        name: str.
        decoder_filters: tuple of 1 to 4 ints, channels of each decoder level, deepest first.
        n_residual: int, the number of levels, from the deepest, with a second, residual convolution.
        out_channels: int, channels to predict (2: ab); ignored with a palette.
        palette: None or array-like `(entries, out_channels)` of values in [-1, 1].
        temperature: float, over 0, of the annealed mean. Lower is more vivid.
        mean_gain, contrast, expansion: floats, at least 0, with a palette: the gains of `blocks.ChromaContrast` on the
            annealed mean.

    Input shape: `(batch, height, width, 1)`, float32 in [-1, 1], height and width multiples
    of 32. Output shape: `(batch, height, width, out_channels)`, float32 in [-1, 1].

    Example:
    >>> encoder_unet(backbones.resnet18(), name="mine")(keras.ops.zeros((1, 64, 96, 1))).shape
    TensorShape([1, 64, 96, 2])
    """
    if not 1 <= len(decoder_filters) <= 4:
        raise ValueError(f"`decoder_filters` must have 1 to 4 levels. Received: decoder_filters={decoder_filters}")
    inputs = keras.Input((None, None, 1), name="lightness")
    # Lightness is close to the gray value of an sRGB picture: undo [-1, 1], then ImageNet's scale.
    x = keras.layers.Concatenate(name="gray_to_rgb")([inputs, inputs, inputs])
    x = keras.layers.Rescaling(
        scale=[0.5 / std for std in backbones.IMAGENET_STD],
        offset=[(0.5 - mean) / std for mean, std in zip(backbones.IMAGENET_MEAN, backbones.IMAGENET_STD)],
        name="imagenet_scale",
    )(x)
    *skips, x = encoder(x)  # strides 2, 4, 8, 16; then 32
    for index, filters in enumerate(decoder_filters, start=1):
        x = keras.layers.UpSampling2D(2, interpolation="nearest", name=f"decoder{index}_up")(x)
        x = keras.layers.Concatenate(name=f"decoder{index}_skip")([x, skips.pop()])
        if index <= n_residual:
            x = keras.layers.ReLU(name=f"decoder{index}_relu0")(_normalized(x, filters, f"decoder{index}", "0"))
            more = _normalized(x, filters, f"decoder{index}", gamma_initializer="zeros")  # at first it adds nothing
            x = keras.layers.Add(name=f"decoder{index}_sum")([x, more])
        else:
            x = _normalized(x, filters, f"decoder{index}")
        x = keras.layers.ReLU(name=f"decoder{index}_relu")(x)
    if palette is None:
        x = keras.layers.Conv2D(
            out_channels, 3, padding="same", kernel_initializer=blocks.paper_init(), name="chroma_conv"
        )(x)
        x = keras.layers.Activation("tanh", dtype="float32", name="chroma")(x)
    else:
        x = keras.layers.Conv2D(
            len(palette), 1, kernel_initializer=blocks.paper_init(), dtype="float32", name="chroma_logits"
        )(x)
        x = blocks.AnnealedMean(palette, temperature, dtype="float32", name="chroma")(x)
        gains = (mean_gain, contrast, expansion)
        if gains != (1.0, 1.0, 0.0):
            x = blocks.ChromaContrast(*gains, dtype="float32", name="chroma_contrast")(x)
    stride = 2 ** (5 - len(decoder_filters))
    outputs = blocks.BilinearUpsampling(stride, dtype="float32", name="ab")(x)
    return keras.Model(inputs, outputs, name=name)


def _normalized(x, filters, name, suffix="", **normalization):
    """Returns a 3x3 convolution of features, normalized."""
    x = convolutions.Conv2D(
        filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv{suffix}"
    )(x)
    return blocks.FusedBatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_norm{suffix}", **normalization)(x)
