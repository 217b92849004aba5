"""Provides the names of `catalog`, `anatomy` and `grafts` in the module where earlier versions had them."""

from tf_colorize.models.anatomy import (
    SHIPPED_WEIGHTS_TERMS,
    automatic,
    freeze_encoder,
    generator_metadata,
    has_palette,
    heads,
    palette,
    palette_stride,
    palette_temperature,
    pretrained_rates,
    set_gains,
    stays_float32,
    takes_hints,
)
from tf_colorize.models.catalog import GENERATORS, Kind, build, function, kind
from tf_colorize.models.grafts import add_hints, add_nonlocal_mean, split_at_hints, train_hints_only, with_hints_of

__all__ = [
    "GENERATORS",
    "SHIPPED_WEIGHTS_TERMS",
    "Kind",
    "add_hints",
    "add_nonlocal_mean",
    "automatic",
    "build",
    "freeze_encoder",
    "function",
    "generator_metadata",
    "has_palette",
    "heads",
    "kind",
    "palette",
    "palette_stride",
    "palette_temperature",
    "pretrained_rates",
    "set_gains",
    "split_at_hints",
    "stays_float32",
    "takes_hints",
    "train_hints_only",
    "with_hints_of",
]
