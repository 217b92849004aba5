"""The hyperparameters of a training run: defaults, automatic values, checks."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import typing
from typing import Any

import tensorflow as tf

from tf_colorize import losses
from tf_colorize.models import catalog

if typing.TYPE_CHECKING:
    import os


RECIPE = (
    "pretrain_loss",
    "rebalance",
    "lambda_l1",
    "lambda_classification",
    "lambda_smoothness",
    "discriminator",
    "gan_loss",
    "spectral_norm",
)
"""Settings that training a generator further takes over from its earlier training.

The discriminator "projected" is not taken over, because its weights may not be at hand. Nor are the loss and the
normalization that were used with it, unless the new training asks for "projected", too.
"""

# Of these, the ones that suit only the loss of stage 1 that they were chosen for.
_LOSS_WEIGHTS = ("rebalance", "lambda_l1", "lambda_classification", "lambda_smoothness")

# And those that suit only the discriminator that they were chosen for.
_OF_DISCRIMINATOR = ("discriminator", "gan_loss", "spectral_norm")

# Fewer and smaller steps than for a new generator: it should learn the new photos and keep the rest.
_FINE_TUNING = {"pretrain_epochs": 5, "epochs": 2, "pretrain_learning_rate": 2e-4, "learning_rate": 5e-5}

# The branch for hints starts untrained and is small.
_HINTS = {"pretrain_epochs": 10, "pretrain_learning_rate": 3e-3}


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Everything that determines a training run; saved as `config.json` in the run folder.

    "auto" and None are resolved by `resolve`, for the generator at hand.
    """

    mode: str = "gan"  # "pretrain": stage 1 alone; "gan": stage 1, then stage 2
    data: str = "sample"  # folder, "tfds:NAME", or the embedded sample photos
    val_data: str | None = None  # the same; None: held-out photos of `data`
    val_fraction: float = 0.05  # how many to hold out
    run_dir: str = "runs/colorizer"
    generator: str = "resnet18_unet"  # or "unet", pix2pix as in its paper
    encoder_weights: str = "auto"  # "imagenet", "none" or a file
    init: str | None = None  # generator to start from
    hints: bool = False  # train nothing but the branch for hints of the generator `init`, in stage 1
    image_size: int | None = None  # None: that of `init`, or 256, the paper's; 128 trains four times as fast
    batch_size: int = 16
    pretrain_epochs: int | None = None  # None: 20, for the paper's U-Net 0; with `init` 5
    epochs: int | None = None  # stage 2; None: 20; with `init` 2
    steps_per_epoch: int | None = None  # None: one pass over the photos, with `init` at least 50
    pretrain_loss: str | None = None  # None: that of `init`, or "l1"; "classification": over a palette of ab bins
    rebalance: float | None = None  # share of the uniform prior; None: that of `init`, or 0.5 (Zhang et al. 2016)
    pretrain_learning_rate: float | None = None  # peak of stage 1; None: 1e-3; with `init` 2e-4
    encoder_rate: float | None = (
        None  # factor for the encoder's pretrained layers, in both stages; None: 0.1, 1 if untrained
    )
    freeze_encoder: bool = False  # in both stages: train the decoder alone
    learning_rate: float | None = None  # stage 2, both networks; None: 2e-4 (Isola et al. 2017); with `init` 5e-5
    lambda_l1: float | None = None  # None: that of `init`, or 100 (Isola et al. 2017, equation 4)
    lambda_classification: float | None = None  # None: that of `init`, or 0. Classification: 1, and lambda_l1 0
    lambda_smoothness: float | None = None  # in both stages; None: that of `init`, or 0
    discriminator: str | None = None  # None: "patchgan"; "projected": on frozen ImageNet features
    gan_loss: str | None = None  # None: that of `init`, if the discriminator is the same, or "vanilla" or "hinge"
    spectral_norm: bool | None = None  # in patchgan; None: that of `init`, or batch normalization
    average: float | None = None  # decay of the weight average; None: 0.999, for the paper's U-Net none (0)
    precision: str = "auto"  # mixed_bfloat16 where the GPUs, or without them the processor, have it, otherwise float32
    seed: int = 0
    deterministic: bool = False  # bit-reproducible operations, slower


def resolve(config: TrainConfig, trained_with: dict[str, Any] | None = None) -> TrainConfig:
    """Returns a config with the automatic values filled in and checked.

    Args:
        config: `TrainConfig`.
        trained_with: dict, what the generator of `config.init` was trained with: `RECIPE` and
            "image_size", as far as it is known.

    Raises:
        ValueError: a value that cannot work; the message names it and says what would work.
    """
    is_paper = catalog.kind(config.generator).encoder is None
    trained_with = {"discriminator": "patchgan", **(trained_with or {})}
    if (config.discriminator or "patchgan") != trained_with["discriminator"]:
        trained_with = {name: value for name, value in trained_with.items() if name not in _OF_DISCRIMINATOR}
    if config.pretrain_loss not in (None, trained_with.get("pretrain_loss")):
        # The weights of other losses do not suit this one.
        trained_with = {name: value for name, value in trained_with.items() if name not in _LOSS_WEIGHTS}
    # Stage 2 is held to the loss of stage 1: L1 would pull the mean of a distribution to gray.
    has_classes = (config.pretrain_loss or trained_with.get("pretrain_loss")) == "classification"
    automatic: dict[str, Any] = {
        "image_size": 256,
        "pretrain_epochs": 0 if is_paper and config.mode == "gan" else 20,
        "epochs": 20,
        "pretrain_loss": "l1",
        "rebalance": 0.5,
        "pretrain_learning_rate": 1e-3,
        "encoder_rate": 1.0 if is_paper or config.encoder_weights == "none" else 0.1,
        "learning_rate": 2e-4,
        "lambda_l1": 0.0 if has_classes else 100.0,
        "lambda_classification": 1.0 if has_classes else 0.0,
        "lambda_smoothness": 0.0,
        "discriminator": "patchgan",
        "gan_loss": "hinge" if config.discriminator == "projected" else "vanilla",
        "spectral_norm": False,
        "average": 0.0 if is_paper else 0.999,
    }
    if config.init is not None:
        automatic |= {**_FINE_TUNING, "encoder_rate": 0.1, **trained_with, **(_HINTS if config.hints else {})}
    chosen = {name: value for name, value in automatic.items() if getattr(config, name) is None}
    config = dataclasses.replace(config, **chosen)
    if config.precision == "auto":
        config = dataclasses.replace(config, precision="mixed_bfloat16" if _has_bfloat16() else "float32")
    _check(config)
    return config


def recipe(config: TrainConfig) -> dict[str, Any]:
    """Returns `RECIPE` of a resolved config as a dict, for the metadata of its generator."""
    return {name: getattr(config, name) for name in RECIPE}


def _check(config):
    choices = {
        "mode": ("gan", "pretrain"),
        "pretrain_loss": ("l1", "classification"),
        "discriminator": ("patchgan", "projected"),
        "gan_loss": losses.GAN_LOSSES,
        "precision": ("float32", "mixed_bfloat16"),
    }
    for name, allowed in choices.items():
        if getattr(config, name) not in allowed:
            raise ValueError(
                f"`{name}` must be one of {', '.join(allowed)}. Received: {name}={getattr(config, name)!r}"
            )
    kind = catalog.kind(config.generator)
    multiple = kind.size_multiple
    if config.image_size < multiple or config.image_size % multiple:
        raise ValueError(
            f"`image_size` must be a multiple of {multiple} for {config.generator}. "
            f"Received: image_size={config.image_size}"
        )
    for name in ("batch_size", "epochs", "steps_per_epoch", "learning_rate", "pretrain_learning_rate"):
        value = getattr(config, name)
        if value is not None and value <= 0:
            raise ValueError(f"`{name}` must be over 0. Received: {name}={value}")
    for name in ("lambda_l1", "lambda_classification", "lambda_smoothness"):
        if getattr(config, name) < 0:
            raise ValueError(f"`{name}` must not be negative. Received: {name}={getattr(config, name)}")
    if config.lambda_classification and config.pretrain_loss != "classification":
        raise ValueError(
            "`lambda_classification` needs pretrain_loss classification, whose generator has a palette. "
            f"Received: lambda_classification={config.lambda_classification}, pretrain_loss={config.pretrain_loss!r}"
        )
    if config.hints and (config.init is None or config.mode != "pretrain"):
        raise ValueError(
            "`hints` needs mode pretrain and a trained generator `init`, which stays as it is. "
            f"Received: mode={config.mode!r}, init={config.init!r}"
        )
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
    if not 0 <= config.average < 1:
        raise ValueError(f"`average` must be in [0, 1). Received: average={config.average}")
    if not 0 < config.val_fraction < 1:
        raise ValueError(f"`val_fraction` must be in (0, 1). Received: val_fraction={config.val_fraction}")
    if config.seed < 0:
        raise ValueError(f"`seed` must not be negative. Received: seed={config.seed}")
    for name in ("encoder_rate", "rebalance"):
        if not 0 < getattr(config, name) <= 1:
            raise ValueError(f"`{name}` must be in (0, 1]. Received: {name}={getattr(config, name)}")
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
    """Returns whether the hardware multiplies bfloat16 matrices: all GPUs, or else the processor (known on Linux)."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:  # from compute capability 8.0 (Ampere) on
        details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
        return all(one.get("compute_capability", (0, 0)) >= (8, 0) for one in details)
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    return cpuinfo.exists() and any(flag in cpuinfo.read_text() for flag in ("amx_bf16", "avx512_bf16"))


def load(run_dir: str | os.PathLike[str]) -> TrainConfig:
    """Returns the `TrainConfig` that a run folder was trained with.

    Raises:
        ValueError: there is no run, or its config has keys this version does not know.
    """
    path = pathlib.Path(run_dir) / "config.json"
    if not path.is_file():
        raise ValueError(f"`run_dir` must be a run folder with a config.json. Received: run_dir={str(run_dir)!r}")
    try:
        values = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"`{path}` is not valid JSON ({error}).") from error
    unknown = set(values) - {field.name for field in dataclasses.fields(TrainConfig)}
    if unknown:
        raise ValueError(f"`{path}` has keys this version does not know. Received: {', '.join(sorted(unknown))}")
    return TrainConfig(**{**values, "run_dir": str(run_dir)})
