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


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Everything that determines a training run; saved as `config.json` in the run folder.

    `resolving.resolve` replaces "auto" and None by values for the generator.
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


class Resolved(TrainConfig):
    """A `TrainConfig` with no automatic value left, as from `resolving.resolve`."""

    if typing.TYPE_CHECKING:  # these are never None
        image_size: int
        pretrain_epochs: int
        epochs: int
        pretrain_loss: str
        rebalance: float
        lambda_l1: float
        discriminator: str
        gan_loss: str
        spectral_norm: bool
        pretrain_learning_rate: float
        encoder_rate: float
        learning_rate: float
        average: float


@functools.cache
def table() -> dict[str, fields.Setting]:
    """Returns the settings by name, in the order of `TrainConfig`."""
    return fields.table(TrainConfig)


def carried(*kinds: str) -> tuple[str, ...]:
    """Returns the settings that fine-tuning takes over, of certain kinds: see `fields.Setting.carried`."""
    return tuple(name for name, one in table().items() if one.carried in kinds)


RECIPE = (*carried("always", "loss", "discriminator"), "discriminator")
"""Settings that fine-tuning takes over from the generator's earlier training.

The discriminator "projected" is not taken over, because its weights may not be available. Nor are the loss and the
normalization that were used with it, unless the new training specifies "projected", too.
"""


def recipe(config: Resolved) -> dict[str, Any]:
    """Returns `RECIPE` of a resolved config as a dict, for the metadata of its generator."""
    return {name: getattr(config, name) for name in RECIPE}


def weights(config: Resolved, stage: int) -> dict[str, float]:
    """Returns the losses other than L1 and GAN that count in a stage, as name -> weight.

    The setting `lambda_NAME` is the weight of `losses.NAME`, in the stages listed in its line of the table.

    Args:
        config: `Resolved`.
        stage: 1 or 2.
    """
    found = {one.loss: getattr(config, name) for name, one in table().items() if stage in one.stages}
    return {loss: weight for loss, weight in found.items() if weight}


def load(run_dir: str | os.PathLike[str]) -> TrainConfig:
    """Returns the `TrainConfig` that a run folder was trained with.

    Raises:
        ValueError: there is no run, or its config has keys that this version does not know.
    """
    path = pathlib.Path(run_dir) / "config.json"
    if not path.is_file():
        raise ValueError(f"{run_dir}: not a run folder: it has no config.json")
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
