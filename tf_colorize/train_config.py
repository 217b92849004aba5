"""The hyper-parameters of a training: defaults, automatic values, checks."""

import dataclasses
import json
import pathlib

from tf_colorize import losses

SIZE_MULTIPLES = {"unet": 256, "resnet18_unet": 32}


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training; saved as `config.json` in the run folder.

    "auto" and None are resolved by `resolve`, for the generator and the data at hand.
    """

    mode: str = "gan"  # "pretrain": stage 1 alone; "gan": stage 1, then stage 2
    data: str = "sample"  # folder, "tfds:NAME", or the embedded sample photos
    val_data: str | None = None  # the same; None: held-out photos of `data`
    val_fraction: float = 0.05  # how many to hold out
    run_dir: str = "runs/colorizer"
    generator: str = "resnet18_unet"  # or "unet", pix2pix as in its paper
    encoder_weights: str = "auto"  # "imagenet", "none" or a file
    init: str | None = None  # generator to start from
    image_size: int = 256  # the paper's; 128 trains four times as fast
    batch_size: int = 16
    pretrain_epochs: int | None = None  # None: 20, for the paper's U-Net 0
    epochs: int = 20  # stage 2
    steps_per_epoch: int | None = None  # None: one pass over the photos
    pretrain_loss: str = "l1"  # "classification": over a palette of ab bins, more vivid
    rebalance: float = 0.5  # classification: share of the uniform prior (Zhang et al. 2016)
    pretrain_learning_rate: float = 1e-3  # peak of stage 1
    learning_rate: float = 2e-4  # stage 2, both networks (Isola et al. 2017)
    lambda_l1: float = 100.0  # Isola et al. 2017, equation 4
    gan_loss: str = "vanilla"
    spectral_norm: bool = False  # in the discriminator, in place of batch normalisation
    average: float | None = None  # decay of the weight average; None: 0.999, for the paper's U-Net none (0)
    precision: str = "auto"  # mixed_bfloat16 where the processor has it, else float32
    seed: int = 0
    deterministic: bool = False  # bit-reproducible operations, slower


def resolve(config):
    """Returns a config with the automatic values filled in, checked.

    Raises:
        ValueError: a value that cannot work; the message names it and says what would.
    """
    is_paper = config.generator == "unet"
    if config.pretrain_epochs is None:
        config = dataclasses.replace(config, pretrain_epochs=0 if is_paper and config.mode == "gan" else 20)
    if config.average is None:
        config = dataclasses.replace(config, average=0.0 if is_paper else 0.999)
    if config.precision == "auto":
        config = dataclasses.replace(config, precision="mixed_bfloat16" if _has_bfloat16() else "float32")
    _check(config)
    return config


def _check(config):
    choices = {
        "mode": ("gan", "pretrain"),
        "generator": tuple(SIZE_MULTIPLES),
        "pretrain_loss": ("l1", "classification"),
        "gan_loss": losses.GAN_LOSSES,
        "precision": ("float32", "mixed_bfloat16"),
    }
    for name, allowed in choices.items():
        if getattr(config, name) not in allowed:
            raise ValueError(
                f"`{name}` must be one of {', '.join(allowed)}. Received: {name}={getattr(config, name)!r}"
            )
    multiple = SIZE_MULTIPLES[config.generator]
    if config.image_size < multiple or config.image_size % multiple:
        raise ValueError(
            f"`image_size` must be a multiple of {multiple} for {config.generator}. "
            f"Received: image_size={config.image_size}"
        )
    for name in ("batch_size", "epochs", "steps_per_epoch", "learning_rate", "pretrain_learning_rate"):
        value = getattr(config, name)
        if value is not None and value <= 0:
            raise ValueError(f"`{name}` must be over 0. Received: {name}={value}")
    if config.lambda_l1 < 0:
        raise ValueError(f"`lambda_l1` must not be negative. Received: lambda_l1={config.lambda_l1}")
    if not 0 <= config.average < 1:
        raise ValueError(f"`average` must be in [0, 1). Received: average={config.average}")
    for name in ("rebalance", "val_fraction"):
        if not 0 < getattr(config, name) <= 1:
            raise ValueError(f"`{name}` must be in (0, 1]. Received: {name}={getattr(config, name)}")
    least = 1 if config.mode == "pretrain" else 0
    if config.pretrain_epochs < least:
        raise ValueError(
            f"`pretrain_epochs` must be at least {least} with mode {config.mode}. "
            f"Received: pretrain_epochs={config.pretrain_epochs}"
        )
    if config.pretrain_loss == "classification" and config.generator != "resnet18_unet":
        raise ValueError("`pretrain_loss` classification needs generator resnet18_unet. Received: generator=unet")


def _has_bfloat16():
    """Whether this processor multiplies bfloat16 matrices in hardware (Linux tells)."""
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    return cpuinfo.exists() and any(flag in cpuinfo.read_text() for flag in ("amx_bf16", "avx512_bf16"))


def load(run_dir):
    """Returns the `TrainConfig` that a run folder was trained with.

    Raises:
        ValueError: no run is there, or its config has keys this version does not know.
    """
    path = pathlib.Path(run_dir) / "config.json"
    if not path.is_file():
        raise ValueError(f"`run_dir` must be a run folder with a config.json. Received: run_dir={str(run_dir)!r}")
    try:
        values = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"`{path}` is no JSON ({error}).") from error
    unknown = set(values) - {field.name for field in dataclasses.fields(TrainConfig)}
    if unknown:
        raise ValueError(f"`{path}` has keys this version does not know. Received: {', '.join(sorted(unknown))}")
    return TrainConfig(**{**values, "run_dir": str(run_dir)})
