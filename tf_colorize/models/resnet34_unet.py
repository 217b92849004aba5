"""The U-Net on a ResNet34 encoder."""

from __future__ import annotations

import typing
from typing import Any

from tf_colorize.models import backbones, encoder_unet

if typing.TYPE_CHECKING:
    import os

    import keras


def resnet34_unet(
    encoder_weights: str | os.PathLike[str] | None = None, *, name: str = "resnet34_unet", **head: Any
) -> keras.Model:
    """Returns the U-Net whose encoder is keras-cv's ResNet34, untrained: a deeper `resnet18_unet`.

    Source: He et al. 2015, "Deep Residual Learning for Image Recognition"; the decoder is that of
    `encoder_unet.encoder_unet`.

    Args:
        encoder_weights: None or "none": there are no known weights for this encoder.
        name: str.
        head: `decoder_filters`, `out_channels`, `palette`, `temperature`, `mean_gain`, `contrast`
            and `expansion` of `encoder_unet.encoder_unet`.

    Input shape: `(batch, height, width, 1)`, float32 in [-1, 1], height and width multiples
    of 32. Output shape: `(batch, height, width, out_channels)`, float32 in [-1, 1].

    Raises:
        ValueError: `encoder_weights` is anything else.

    Example:
    >>> resnet34_unet()(keras.ops.zeros((1, 64, 96, 1))).shape
    TensorShape([1, 64, 96, 2])
    """
    if encoder_weights not in (None, "none"):
        raise ValueError(
            "`encoder_weights` must be None or 'none' for a ResNet34. "
            f"Received: encoder_weights={encoder_weights!r}. Use resnet18_unet for a pretrained encoder."
        )
    return encoder_unet.encoder_unet(backbones.resnet((3, 4, 6, 3), name="resnet34"), name=name, **head)
