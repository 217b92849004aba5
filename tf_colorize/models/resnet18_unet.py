"""The U-Net on a ResNet18 encoder."""

from __future__ import annotations

import typing
from typing import Any

from tf_colorize.models import backbones, encoder_unet

if typing.TYPE_CHECKING:
    import os

    import keras


def resnet18_unet(
    encoder_weights: str | os.PathLike[str] | None = None, *, name: str = "resnet18_unet", **head: Any
) -> keras.Model:
    """Returns the U-Net whose encoder is keras-cv's ResNet18.

    Source: He et al. 2015, "Deep Residual Learning for Image Recognition"; the decoder is that of
    `encoder_unet.encoder_unet`.

    Args:
        encoder_weights: None (random), "imagenet", "auto" or a path, as in `backbones.resnet18`.
        name: str.
        head: `decoder_filters`, `out_channels`, `palette`, `temperature`, `mean_gain`, `contrast`
            and `expansion` of `encoder_unet.encoder_unet`.

    Input shape: `(batch, height, width, 1)`, float32 in [-1, 1], height and width multiples
    of 32. Output shape: `(batch, height, width, out_channels)`, float32 in [-1, 1].

    Example:
    >>> resnet18_unet()(keras.ops.zeros((1, 64, 96, 1))).shape
    TensorShape([1, 64, 96, 2])
    """
    return encoder_unet.encoder_unet(backbones.resnet18(encoder_weights), name=name, **head)
