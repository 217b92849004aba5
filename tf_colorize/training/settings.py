"""The settings of a training run: one table, from which defaults, checks and options are derived.

Importing this module needs no TensorFlow, so that `--help` is fast.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
import typing
from typing import Any

from tf_colorize import documents
from tf_colorize.training import fields
from tf_colorize.training.fields import setting

if typing.TYPE_CHECKING:
    import os

_WHAT, _PHOTOS, _LENGTH = "what to train", "photos", "size and length"
_LOSSES, _RUN = "losses and optimizers", "run"

# The hints branch starts untrained and is small.
_HINTS = {"pretrain_epochs": 10, "pretrain_learning_rate": 3e-3}


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Everything that determines a training run; saved as `config.json` in the run folder.

    `resolve` replaces "auto" and None by values for the generator.
    """

    mode: str = setting(
        "gan", "gan: stage 1, then stage 2; pretrain: stage 1 alone",
        group=_WHAT, choices=("gan", "pretrain"), why="both stages",
    )  # fmt: skip
    data: str = setting(
        "sample", "folder of color photos, searched with its subfolders, any size and format; or tfds:NAME",
        group=_PHOTOS, shown="sample photos",
    )  # fmt: skip
    val_data: str | None = setting(
        None, "folder or tfds:NAME for validation", group=_PHOTOS, shown="photos held out from `data`"
    )  # fmt: skip
    val_fraction: float = setting(
        0.05, "share of the photos held out for validation without `val_data`",
        group=_PHOTOS, above=0, below=1, why="most photos are for training",
    )  # fmt: skip
    old_photos: float = setting(
        0.0, "share of the training samples that are artificially aged: film response, fading, grain, dust, mounts",
        group=_PHOTOS, least=0, most=1, why="0.5 suits old photos",
    )  # fmt: skip
    run_dir: str = setting(
        "runs/colorizer", "folder for all output of the run", group=_RUN, why="or the next free runs/colorizer-2, -3..."
    )
    generator: str = setting(
        "resnet18_unet", "resnet18_unet: pretrained encoder, best with few photos; resnet34_unet: deeper, untrained; "
                         "unet: pix2pix as in its paper, from scratch", group=_WHAT,
    )  # fmt: skip
    encoder_weights: str = setting(
        "auto", "auto: ImageNet weights if cached or downloadable; imagenet: the same, or fail; none: untrained; or "
        "a file", group=_WHAT, why="pretrained features save most of the training time",
    )  # fmt: skip
    init: str | None = setting(
        None, "fine-tune a trained generator: run folder, .keras, .weights.h5 or SavedModel; its image size, losses "
              "and their weights are taken over (but not the discriminator projected), and the defaults are fewer "
              "epochs and lower rates", group=_WHAT, shown="none",
    )  # fmt: skip
    hints: bool = setting(
        False, "with `mode` pretrain: train a small branch of the generator `init` that takes color hints; results "
               "without hints do not change", group=_WHAT,
    )  # fmt: skip
    deep_decoder: bool = setting(
        False, "for a new generator with `pretrain_loss` classification: more convolutions in the decoder, and from "
        "the start the mean over similar-looking places", group=_WHAT,
    )  # fmt: skip
    strength: bool = setting(
        False, "teach the generator `init` to predict for each photo how strong its color should be, with `mode` "
        "pretrain: only a small layer learns", group=_WHAT,
    )  # fmt: skip
    image_size: int | None = setting(
        256, "side of the crops in pixels", group=_LENGTH, above=0, automatic=True,
        why="the paper's; smaller trains faster; with `init` that of the model",
    )  # fmt: skip
    largest_size: int | None = setting(
        None, "side of the largest crops: each batch has a size of its own, from `image_size` up to this in steps of "
        "32, the smaller the more often", group=_LENGTH, above=0, shown="`image_size` for all",
        why="several sizes make a generator that works at several",
    )  # fmt: skip
    batch_size: int = setting(
        16, "crops per step", group=_LENGTH, above=0, why="batch normalization needs more than a few"
    )  # fmt: skip
    pretrain_epochs: int | None = setting(
        20, "epochs of stage 1", group=_LENGTH, least=0, fine_tuning=5,
        why="L1 levels off by then; 0 for unet, which the paper trains in one stage",
    )  # fmt: skip
    epochs: int | None = setting(
        20, "epochs of stage 2", group=_LENGTH, above=0, fine_tuning=2, why="the best one is kept"
    )  # fmt: skip
    steps_per_epoch: int | None = setting(
        None, "steps between validations", group=_LENGTH, above=0,
        shown="one pass over the photos, with `init` at least 50 steps",
    )  # fmt: skip
    pretrain_loss: str | None = setting(
        "l1", "l1: mean absolute error; classification: chroma as a distribution over ab bins, more colorful",
        group=_LOSSES, choices=("l1", "classification"), carried="always",
    )  # fmt: skip
    rebalance: float | None = setting(
        0.5, "for classification: 1 weights all colors equally, lower values favor rare ones",
        group=_LOSSES, above=0, most=1, carried="loss", why="Zhang et al. 2016",
    )  # fmt: skip
    lambda_l1: float | None = setting(
        100.0, "weight of L1 relative to the GAN loss; lower values give more vivid but less reliable colors",
        group=_LOSSES, least=0, carried="loss",
        why="the paper's (Isola et al. 2017, equation 4); 0 with classification, whose colors L1 would turn gray",
    )  # fmt: skip
    lambda_classification: float | None = setting(
        0.0, "weight of stage 1's classification loss in stage 2", group=_LOSSES, least=0, carried="loss",
        stages=(2,), why="but 1 with classification",
    )  # fmt: skip
    lambda_smoothness: float | None = setting(
        0.0, "weight of the loss against color errors that vary within plain surfaces; 100 removes most blotches on "
             "walls",
        group=_LOSSES, least=0, carried="loss", stages=(1, 2),
    )  # fmt: skip
    discriminator: str | None = setting(
        "patchgan", "patchgan: the paper's; projected: heads on frozen ImageNet features, which judge colors by the "
                    "kind of thing", group=_LOSSES, choices=("patchgan", "projected"), automatic=True,
    )  # fmt: skip
    gan_loss: str | None = setting(
        "vanilla", "adversarial loss", group=_LOSSES, choices=("vanilla", "lsgan", "hinge"),
        carried="discriminator", why="the paper's; hinge with projected",
    )  # fmt: skip
    spectral_norm: bool | None = setting(
        False, "spectral normalization in patchgan, for stability", group=_LOSSES, carried="discriminator",
        why="batch normalization as in the paper",
    )  # fmt: skip
    pretrain_learning_rate: float | None = setting(
        1e-3, "peak rate of stage 1", group=_LOSSES, above=0, fine_tuning=2e-4, why="Adam's own"
    )  # fmt: skip
    encoder_rate: float | None = setting(
        0.1, "factor on the learning rate of the encoder's pretrained layers, in both stages, because they need less "
             "training", group=_LOSSES, above=0, most=1, automatic=True, why="but 1 if untrained",
    )  # fmt: skip
    freeze_encoder: bool = setting(
        False, "train the decoder alone, in both stages: faster, and the encoder does not change", group=_LOSSES
    )  # fmt: skip
    learning_rate: float | None = setting(
        2e-4, "rate of stage 2, for both networks", group=_LOSSES, above=0, fine_tuning=5e-5, why="the paper's"
    )  # fmt: skip
    average: float | None = setting(
        0.999, "decay of the weight average that is validated and saved", group=_LOSSES, least=0, below=1,
        automatic=True, why="about an epoch; 0 for unet",
    )  # fmt: skip
    precision: str = setting(
        "auto", "auto: mixed_bfloat16 if the GPUs support it, or, without GPUs, the processor (two to three times as "
                "fast); otherwise float32", group=_RUN, choices=("auto", "float32", "mixed_bfloat16"),
    )  # fmt: skip
    seed: int = setting(
        0,
        "seed of the initial weights, the order of photos and the crops",
        group=_RUN,
        least=0,
        why="the same in every run",
    )
    deterministic: bool = setting(False, "bit-identical results on repetition; slower", group=_RUN)


@functools.cache
def table() -> dict[str, fields.Setting]:
    """Returns the settings by name, in the order of `TrainConfig`."""
    return fields.table(TrainConfig)


def _carried(*kinds):
    return tuple(name for name, one in table().items() if one.carried in kinds)


RECIPE = (*_carried("always", "loss", "discriminator"), "discriminator")
"""Settings that fine-tuning takes over from the generator's earlier training.

The discriminator "projected" is not taken over, because its weights may not be available. Nor are the loss and the
normalization that were used with it, unless the new training specifies "projected", too.
"""


def resolve(config: TrainConfig, trained_with: dict[str, Any] | None = None) -> TrainConfig:
    """Returns a config with the automatic values filled in and checked.

    Args:
        config: `TrainConfig`.
        trained_with: dict, the settings that the generator of `config.init` was trained with: `RECIPE` and
            "image_size", as far as known.

    Raises:
        ValueError: a value is invalid; the message names it and the valid values.
    """
    from tf_colorize.models import catalog

    _check_each(config)
    is_paper = catalog.kind(config.generator).encoder is None
    trained_with = {"discriminator": "patchgan", **(trained_with or {})}
    if (config.discriminator or "patchgan") != trained_with["discriminator"]:
        dropped = (*_carried("discriminator"), "discriminator")
        trained_with = {name: value for name, value in trained_with.items() if name not in dropped}
    if config.pretrain_loss not in (None, trained_with.get("pretrain_loss")):
        # The weights of other losses do not suit this one.
        trained_with = {name: value for name, value in trained_with.items() if name not in _carried("loss")}
    has_classes = (config.pretrain_loss or trained_with.get("pretrain_loss")) == "classification"
    automatic = {name: one.default for name, one in table().items() if one.default is not None}
    automatic |= _depending(config, is_paper, has_classes)
    if config.init is not None:
        automatic |= {name: one.fine_tuning for name, one in table().items() if one.fine_tuning is not None}
        automatic |= {"encoder_rate": 0.1, **trained_with, **(_HINTS if config.hints else {})}
    chosen = {name: value for name, value in automatic.items() if getattr(config, name, "") is None}
    config = dataclasses.replace(config, **chosen)
    if config.precision == "auto":
        config = dataclasses.replace(config, precision="mixed_bfloat16" if _has_bfloat16() else "float32")
    _check_each(config)
    _check_together(config)
    return config


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


def recipe(config: TrainConfig) -> dict[str, Any]:
    """Returns `RECIPE` of a resolved config as a dict, for the metadata of its generator."""
    return {name: getattr(config, name) for name in RECIPE}


def _check_each(config):
    for name, one in table().items():
        if (value := getattr(config, name)) is not None:
            one.check(value)


def _check_together(config):
    from tf_colorize.models import catalog

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


def load(run_dir: str | os.PathLike[str]) -> TrainConfig:
    """Returns the `TrainConfig` that a run folder was trained with.

    Raises:
        ValueError: there is no run, or its config has keys that this version does not know.
    """
    path = pathlib.Path(run_dir) / "config.json"
    if not path.is_file():
        raise ValueError(f"`run_dir` must be a run folder with a config.json. Received: run_dir={str(run_dir)!r}")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"`{path}` is not valid JSON ({error}).") from error
    if not isinstance(values, dict):
        raise ValueError(f"`{path}` must be an object with settings. Received: {documents.shown(repr(values))}")
    unknown = set(values) - {field.name for field in dataclasses.fields(TrainConfig)}
    if unknown:
        raise ValueError(f"`{path}` has keys this version does not know. Received: {', '.join(sorted(unknown))}")
    return TrainConfig(**{**values, "run_dir": str(run_dir)})
