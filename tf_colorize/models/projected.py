"""A discriminator on frozen features of photographs."""

from __future__ import annotations

import os
from typing import Any

import keras

from tf_colorize.color import tensors
from tf_colorize.models import backbones, blocks

STRIDES = (4, 8, 16)  # strides of its features
_LOGITS_STRIDE = 32
_MOST_FILTERS = 256


def projected(
    encoder_weights: str | os.PathLike[str] | None = "imagenet", *, filters: int = 64, name: str = "projected"
) -> keras.Model:
    """Returns a discriminator with three heads on randomly mixed features of a frozen ResNet18.

    The encoder recognizes the contents of photographs, so the judgment of a color depends on the kind of thing. Fixed
    random convolutions, across channels and then from coarse to fine across scales, keep the heads from relying on a
    few features only. Only the heads are trained, with spectral normalization: 2.5 M of 5.4 M parameters.

    Source: Sauer et al. 2021, "Projected GANs Converge Faster", sections 3.1 and 3.2, with ResNet18 up to layer3
    instead of EfficientNet. The authors train with `gan_loss="hinge"`.

    Args:
        encoder_weights: as for `backbones.resnet18`.
        filters: int, channels of the mixed features.
        name: str.

    Input: a list `[lightness, ab]` as `data.image_dataset` yields them, float32 `(batch, height, width, 1)` and
    `(batch, height, width, 2)`, height and width multiples of 32. Output: logits `(batch, height / 32, width / 32, 3)`,
    float32, one for each head.

    Raises:
        ValueError: the weights are unknown or cannot be fetched.

    Example:
    >>> lightness, ab = keras.ops.zeros((1, 64, 96, 1)), keras.ops.zeros((1, 64, 96, 2))
    >>> projected(None)([lightness, ab]).shape
    TensorShape([1, 2, 3, 3])
    """
    lightness = keras.Input((None, None, 1), name="condition")
    ab = keras.Input((None, None, 2), name="target")
    backbone = backbones.resnet18(encoder_weights)
    seen = [backbone.outputs[backbones.STRIDES.index(stride)] for stride in STRIDES]
    encoder = keras.Model(backbone.input, seen, name="encoder")
    encoder.trainable = False
    mixed: Any = None
    logits = []
    features = encoder(EncoderInput(name="encoder_input", dtype="float32")([lightness, ab]))
    for stride, feature in reversed(list(zip(STRIDES, features))):
        here = _mixing(filters, 1, f"mix_channels{stride}")(feature)
        if mixed is not None:
            up = blocks.BilinearUpsampling(2, name=f"up{stride}")(mixed)
            here = keras.layers.Add(name=f"add{stride}")([here, up])
        mixed = _mixing(filters, 3, f"mix_scales{stride}")(here)
        logits.append(_head(mixed, stride, filters))
    outputs = keras.layers.Concatenate(name="logits", dtype="float32")(logits)
    return keras.Model([lightness, ab], outputs, name=name)


def _mixing(filters, size, name):
    return keras.layers.Conv2D(
        filters, size, padding="same", use_bias=False, kernel_initializer="he_normal", trainable=False, name=name
    )


def _head(x, stride, filters):
    name = f"head{stride}"
    while stride < _LOGITS_STRIDE:
        stride *= 2
        filters = min(2 * filters, _MOST_FILTERS)
        x = blocks.SpectralConv2D(filters, 4, strides=2, padding="same", name=f"{name}_conv{stride}")(x)
        x = keras.layers.LeakyReLU(0.2, name=f"{name}_leaky_relu{stride}")(x)
    return blocks.SpectralConv2D(1, 3, padding="same", name=f"{name}_logits")(x)


@keras.saving.register_keras_serializable(package="tf_colorize")
class EncoderInput(keras.layers.Layer):
    """Joins lightness and ab into the input of ImageNet encoders.

    Input shape: a list of `(batch, height, width, 1)` and `(batch, height, width, 2)`.
    Output shape: `(batch, height, width, 3)`, float32: sRGB in [0, 1] minus `backbones.IMAGENET_MEAN`, over
    `backbones.IMAGENET_STD`.
    """

    def call(self, inputs):
        lightness, ab = (keras.ops.cast(part, "float32") for part in inputs)
        rgb = tensors.lightness_ab_to_rgb(lightness, ab)
        return (rgb - keras.ops.array(backbones.IMAGENET_MEAN)) / keras.ops.array(backbones.IMAGENET_STD)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((*inputs[0].shape[:-1], 3), dtype="float32")
