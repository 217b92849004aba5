"""The available generators, and their properties that training needs before building one."""

from __future__ import annotations

import dataclasses
import importlib
import typing
from collections.abc import Callable
from typing import Any

if typing.TYPE_CHECKING:
    import os

    import keras


@dataclasses.dataclass(frozen=True)
class Kind:
    """Properties of a generator that training needs before building it."""

    size_multiple: int  # pixels; height and width must be multiples of it
    encoder: str | None = None  # name of the encoder's layer; None: trained from scratch, as in the pix2pix paper
    imagenet: bool = False  # whether there are ImageNet weights for the encoder


# Each name is that of a file in this folder and of the function in it.
GENERATORS = {
    "resnet18_unet": Kind(size_multiple=32, encoder="resnet18", imagenet=True),
    "resnet34_unet": Kind(size_multiple=32, encoder="resnet34"),
    "unet": Kind(size_multiple=256),
}


def kind(name: str) -> Kind:
    """Returns the `Kind` of a generator.

    Args:
        name: str.

    Raises:
        ValueError: there is no such generator.
    """
    if name not in GENERATORS:
        raise ValueError(f"`generator` must be one of {', '.join(GENERATORS)}. Received: generator={name!r}")
    return GENERATORS[name]


def function(name: str) -> Callable[..., keras.Model]:
    """Returns the function that builds a generator.

    Args:
        name: str, a key of `GENERATORS`.
    """
    return getattr(importlib.import_module(f"tf_colorize.models.{name}"), name)


def build(
    name: str, encoder_weights: str | os.PathLike[str] | None = None, palette_options: dict[str, Any] | None = None
) -> keras.Model:
    """Returns a new generator with two output channels, a Functional model.

    Args:
        name: str, a key of `GENERATORS`.
        encoder_weights: as for `backbones.resnet18`, for a generator with an encoder.
        palette_options: dict of the function's palette arguments, or None for a head without one.
    """
    if kind(name).encoder is None:
        return function(name)()
    return function(name)(encoder_weights, **(palette_options or {}))
