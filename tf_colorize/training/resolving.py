"""Fills in the automatic values of a run's settings, and checks them."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

from tf_colorize.models import catalog
from tf_colorize.training import settings

# The hints branch starts untrained and is small.
_HINTS = {"pretrain_epochs": 10, "pretrain_learning_rate": 3e-3}


def resolve(config: settings.TrainConfig, trained_with: dict[str, Any] | None = None) -> settings.Resolved:
    """Returns a config with the automatic values filled in and checked.

    Args:
        config: `TrainConfig`.
        trained_with: dict, the settings that the generator of `config.init` was trained with: `settings.RECIPE` and
            "image_size", as far as known.

    Raises:
        ValueError: a value is invalid; the message names it and the valid values.
    """
    _check_each(config)
    is_paper = catalog.kind(config.generator).encoder is None
    trained_with = {"discriminator": "patchgan", **(trained_with or {})}
    if (config.discriminator or "patchgan") != trained_with["discriminator"]:
        dropped = (*settings.carried("discriminator"), "discriminator")
        trained_with = {name: value for name, value in trained_with.items() if name not in dropped}
    if config.pretrain_loss not in (None, trained_with.get("pretrain_loss")):
        # The weights of other losses do not suit this one.
        trained_with = {name: value for name, value in trained_with.items() if name not in settings.carried("loss")}
    has_classes = (config.pretrain_loss or trained_with.get("pretrain_loss")) == "classification"
    automatic = {name: one.default for name, one in settings.table().items() if one.default is not None}
    automatic |= _depending(config, is_paper, has_classes)
    if config.init is not None:
        automatic |= {name: one.fine_tuning for name, one in settings.table().items() if one.fine_tuning is not None}
        automatic |= {"encoder_rate": 0.1, **trained_with, **(_HINTS if config.hints else {})}
    chosen = {name: value for name, value in automatic.items() if getattr(config, name, "") is None}
    config = dataclasses.replace(config, **chosen)
    if config.precision == "auto":
        config = dataclasses.replace(config, precision="mixed_bfloat16" if _has_bfloat16() else "float32")
    _check_each(config)
    _check_together(config)
    return settings.Resolved(**dataclasses.asdict(config))


def _depending(config, is_paper, has_classes):
    """Returns the defaults that depend on other settings and differ from the table."""
    values: dict[str, Any] = {}
    if has_classes:
        # Stage 2 keeps the loss of stage 1: L1 would pull the mean of a distribution towards gray.
        values |= {"lambda_l1": 0.0, "lambda_classification": 1.0}
    if config.discriminator == "projected":
        values["gan_loss"] = "hinge"
    if is_paper or config.encoder_weights == "none":
        values["encoder_rate"] = 1.0
    if is_paper:
        values |= {"average": 0.0, **({"pretrain_epochs": 0} if config.mode == "gan" else {})}
    return values


def _check_each(config):
    for name, one in settings.table().items():
        if (value := getattr(config, name)) is not None:
            one.check(value)


def _check_together(config):
    kind = catalog.kind(config.generator)
    multiple = kind.size_multiple
    if config.image_size % multiple:
        raise ValueError(
            f"`image_size` must be a multiple of {multiple} for {config.generator}. "
            f"Received: image_size={config.image_size}"
        )
    if config.largest_size is not None and (
        config.largest_size < config.image_size or (config.largest_size - config.image_size) % 32 or 32 % multiple
    ):
        raise ValueError(
            f"`largest_size` must be image_size ({config.image_size}) plus a multiple of 32, for a generator that "
            f"takes such sizes. Received: largest_size={config.largest_size}, generator={config.generator!r}"
        )
    if config.lambda_classification and config.pretrain_loss != "classification":
        raise ValueError(
            "`lambda_classification` needs pretrain_loss classification, whose generator has a palette. "
            f"Received: lambda_classification={config.lambda_classification}, pretrain_loss={config.pretrain_loss!r}"
        )
    if config.deep_decoder and (config.init or config.pretrain_loss != "classification"):
        raise ValueError(
            "`deep_decoder` is for new generators with pretrain_loss classification. "
            f"Received: init={config.init!r}, pretrain_loss={config.pretrain_loss!r}"
        )
    for name in ("hints", "strength"):
        if getattr(config, name) and (config.init is None or config.mode != "pretrain"):
            raise ValueError(
                f"`{name}` needs mode pretrain and a trained generator `init`. Received: mode={config.mode!r}, "
                f"init={config.init!r}"
            )
    if config.hints and config.strength:
        raise ValueError("`strength` must be trained before `hints`, in a separate run. Received: both")
    if config.freeze_encoder and (kind.encoder is None or (config.encoder_weights == "none" and not config.init)):
        raise ValueError(
            "`freeze_encoder` needs a generator with a trained encoder, from `init` or `encoder_weights`. "
            f"Received: generator={config.generator!r}, encoder_weights={config.encoder_weights!r}"
        )
    if config.discriminator == "projected" and config.mode == "gan" and config.encoder_weights == "none":
        raise ValueError(
            "`discriminator` projected needs ImageNet weights of ResNet18: encoder_weights imagenet or a file. "
            f"Received: encoder_weights={config.encoder_weights!r}"
        )
    least = 1 if config.mode == "pretrain" else 0
    if config.pretrain_epochs < least:
        raise ValueError(
            f"`pretrain_epochs` must be at least {least} with mode {config.mode}. "
            f"Received: pretrain_epochs={config.pretrain_epochs}"
        )
    if config.pretrain_loss == "classification" and kind.encoder is None:
        raise ValueError(
            "`pretrain_loss` classification needs a generator with an encoder, such as resnet18_unet. "
            f"Received: generator={config.generator!r}"
        )


def _has_bfloat16():
    """Returns whether the hardware multiplies bfloat16 matrices: all GPUs, or, without GPUs, the processor (only
    detected on Linux)."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:  # compute capability 8.0 (Ampere) or newer
        details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
        return all(one.get("compute_capability", (0, 0)) >= (8, 0) for one in details)
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    return cpuinfo.exists() and any(flag in cpuinfo.read_text(encoding="utf-8") for flag in ("amx_bf16", "avx512_bf16"))
