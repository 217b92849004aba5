"""The command `tf-colorize train`: stage 1 teaches the generator on a plain loss, stage 2 adds the discriminator."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import pathlib
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from tf_colorize import processors
from tf_colorize.commands import launcher, parsing, quiet, streams

# No heavy imports up here: `tf-colorize train --help` must answer at once.

# A few minutes on a laptop: small pictures, and "epochs" that do not depend on five photos.
_SAMPLE_DEFAULTS = {"image_size": 128, "steps_per_epoch": 10}
_RUNS = "runs/colorizer"

_EPILOG = """\
examples:
  {command} --mode gan                        embedded sample photos, about 4 minutes on 2 cores
  {command} --mode gan --data photos          stage 1 and stage 2 on your photos
  {command} --mode pretrain --data photos     stage 1 alone
  {command} --mode gan --generator unet --data photos    pix2pix as in its paper
  {command} --mode gan --data photos --init runs/colorizer    fine-tuning
  {command} --mode pretrain --hints --init saved_models/colorizer/1 --data photos    color hints
  {command} --resume runs/colorizer           continue after an interruption
  {command} --mode gan --data photos --workers 2    two processes on this machine, half of the cores each
  {command} --recipe scripts/recipes/colorizer.toml --data photos    like the shipped model
"""

# group -> option -> (what it is for, its default and why; choices or type)
_OPTIONS: dict[str, dict[str, tuple[str, Any]]] = {
    "what to train": {
        "mode": (
            "gan: stage 1, then stage 2; pretrain: stage 1 alone (default gan, the whole recipe)",
            ["gan", "pretrain"],
        ),
        "generator": (
            "resnet18_unet: pretrained encoder, best on few photos; resnet34_unet: deeper, untrained; unet: pix2pix as "
            "in its paper, from scratch (default resnet18_unet)",
            str,
        ),
        "encoder-weights": (
            "auto: ImageNet weights if cached or downloadable; imagenet: the same, or fail; none: untrained; or a "
            "file (default auto: pretrained features save most of the training time)",
            str,
        ),
        "init": (
            "fine-tune a trained generator: run folder, .keras, .weights.h5 or SavedModel; it brings its image size, "
            "losses and their weights (but not the discriminator projected), and the defaults are fewer, smaller steps "
            "(default none)",
            str,
        ),
        "hints": (
            "teach the generator of --init to take color hints, with --mode pretrain: only a small branch learns, and "
            "without hints nothing changes (default off)",
            None,
        ),
    },
    "photos": {
        "data": ("folder of color photos, nested, any size and format; or tfds:NAME (default: sample photos)", str),
        "val-data": ("the same, for validation (default: photos held out of --data)", str),
        "val-fraction": ("share held out when there is no --val-data (default 0.05: most photos train)", float),
    },
    "size and length": {
        "image-size": (
            "side of the crops in pixels (default 256, the paper's; 128 on the sample photos, in a quarter of the "
            "time; with --init, that of the model)",
            int,
        ),
        "batch-size": ("crops per step (default 16: batch normalization wants more than a few)", int),
        "pretrain-epochs": (
            "stage 1 (default 20, where L1 has leveled off; 0 for unet, which the paper trains in one stage; 5 with "
            "--init)",
            int,
        ),
        "epochs": ("stage 2 (default 20, 2 with --init; the best one is kept)", int),
        "steps-per-epoch": (
            "steps between validations (default: one pass over the photos, with --init at least 50 steps; "
            "10 on the sample photos)",
            int,
        ),
    },
    "losses and optimizers": {
        "pretrain-loss": (
            "l1: the known recipe; classification: chroma as a distribution over ab bins, more color (default l1)",
            ["l1", "classification"],
        ),
        "rebalance": (
            "classification: 1 weights all colors equally, less favors rare ones (default 0.5, Zhang et al. 2016)",
            float,
        ),
        "lambda-l1": (
            "weight of L1 relative to the GAN loss (default 100, the paper's; 0 with classification, whose colors L1 "
            "would turn gray); less is more vivid and less safe",
            float,
        ),
        "lambda-classification": (
            "weight of stage 1's classification loss in stage 2 (default 1 with classification, otherwise 0)",
            float,
        ),
        "lambda-smoothness": (
            "weight of the loss on wrong color that varies over plain surfaces, in both stages; 100 takes most "
            "blotches off walls (default 0, or that of --init)",
            float,
        ),
        "discriminator": (
            "patchgan: the paper's; projected: heads on frozen ImageNet features, which judge a color by the thing "
            "that has it (default patchgan)",
            ["patchgan", "projected"],
        ),
        "gan-loss": (
            "adversarial loss (default vanilla, the paper's; hinge with projected)",
            ["vanilla", "lsgan", "hinge"],
        ),
        "spectral-norm": ("spectral normalization in patchgan, calmer (default off, as in the paper)", None),
        "pretrain-learning-rate": ("peak rate of stage 1 (default 0.001, Adam's own; 0.0002 with --init)", float),
        "encoder-rate": (
            "factor on the learning rate of the encoder's pretrained layers, in both stages: they already know a lot "
            "(default 0.1; 1 if untrained)",
            float,
        ),
        "freeze-encoder": ("train the decoder alone: faster, and the encoder stays as it is (default off)", None),
        "learning-rate": ("rate of stage 2, both networks (default 0.0002, the paper's; 0.00005 with --init)", float),
        "average": (
            "decay of the averaged weights that are validated and kept (default 0.999: about an epoch; 0 for unet)",
            float,
        ),
    },
    "run": {
        "run-dir": (f"where everything goes (default {_RUNS}, or the next free {_RUNS}-2, -3...)", str),
        "precision": (
            "auto: mixed_bfloat16 where the GPUs have it, or without GPUs the processor, two to three times as fast "
            "there; otherwise float32",
            ["auto", "float32", "mixed_bfloat16"],
        ),
        "recipe": (
            "TOML file: make a model in several steps, as scripts/recipes/colorizer.toml does; takes only --data, "
            "--val-data and --run-dir; the same command continues after an interruption",
            str,
        ),
        "seed": ("seed of weights, order and crops (default 0: the same every time)", int),
        "deterministic": ("reproducible to the last bit, slower (default off)", None),
        "resume": (
            "run folder: continue from its last checkpoint; takes no other options but --distribute and --workers, "
            "which may differ from before",
            str,
        ),
    },
    "several GPUs or machines": {
        "distribute": (
            "auto: the cluster that the environment variable TF_CONFIG describes, otherwise all GPUs of this machine; "
            "none: one device; mirrored: all GPUs; workers: the cluster, or fail (default auto); --batch-size is the "
            "batch of all together",
            ["auto", "none", "mirrored", "workers"],
        ),
        "workers": (
            "start so many processes on this machine that train together and share its cores (default: one, without "
            "TF_CONFIG); on several machines, start this command on each, see docs/distribute.md",
            int,
        ),
    },
}


def _parser() -> argparse.ArgumentParser:
    parser = parsing.Parser(
        prog=parsing.program("train"),
        description="Train a colorizer: stage 1 teaches the generator on a plain loss, stage 2 adds the discriminator.",
        epilog=_EPILOG.format(command=parsing.typed("train")),
    )
    for title, options in _OPTIONS.items():
        group = parser.add_argument_group(title)
        for name, (text, kind) in options.items():
            if kind is None:
                group.add_argument(f"--{name}", action="store_true", default=None, help=text)
            elif isinstance(kind, list):
                group.add_argument(f"--{name}", choices=kind, help=text)
            else:
                group.add_argument(f"--{name}", type=kind, help=text)
    return parser


def _read_config(given):
    """Returns (TrainConfig, resume) for the options given."""
    from tf_colorize.training import settings as train_config

    run_dir = given.pop("resume", None)
    if run_dir is not None:
        if given:
            raise ValueError(
                f"`--resume` continues as configured and takes no other option. Received: {', '.join(given)}"
            )
        return train_config.load(run_dir), True
    defaults = {"run_dir": _next_free(_RUNS)}
    if given.get("data", "sample") == "sample":
        defaults.update(_SAMPLE_DEFAULTS)
        if "init" in given:
            del defaults["image_size"]
        if given.get("generator") == "unet":
            defaults["image_size"] = 256  # the paper's U-Net takes multiples of it
    return train_config.TrainConfig(**{**defaults, **given}), False


def _train(given):
    """Trains, alone or as one of several workers; returns the exit code."""
    with quiet.startup():
        from tf_colorize.training import checkpoints, distribution, stages
        from tf_colorize.training import settings as train_config
    workers = distribution.start(given.pop("distribute", "auto"), _report, _end_without)
    again = []

    def read():
        config, resume = _read_config(given)
        return dataclasses.asdict(config), resume

    try:
        # The others may not see the run folder.
        values, resume = workers.from_chief(read)
        if workers.is_chief:
            again = [f"Continue with: {parsing.typed('train')} --resume {values['run_dir']}"]
        stages.train(train_config.TrainConfig(**values), resume=resume, report=_report, workers=workers)
    except checkpoints.TrainingStopped as stop:
        _complain("\n".join([str(stop), *again]))
        return 1
    except (distribution.Followed, distribution.WorkerLost) as reason:
        _complain(reason)
        return 1 if workers.is_chief else launcher.FOLLOWED
    return 0


def _run_recipe(given):
    """Runs a recipe, or continues it; returns the exit code."""
    with quiet.startup():
        from tf_colorize import recipe
        from tf_colorize.training import checkpoints
    path = given.pop("recipe")
    others = sorted(set(given) - {"data", "val_data", "run_dir"})
    if others:
        raise ValueError(
            "`--recipe` takes only --data, --val-data and --run-dir: the rest is in the file. "
            f"Received: {', '.join(others)}"
        )
    if "data" not in given:
        raise ValueError("`--recipe` needs --data: a folder of color photos.")
    run_dir = given.pop("run_dir", f"runs/{pathlib.Path(path).stem}-recipe")
    try:
        recipe.run(path, run_dir=run_dir, report=_report, **given)
    except checkpoints.TrainingStopped as stop:
        _complain(f"{stop}\nContinue with: the same command")
        return 1
    return 0


def _end_without(line):
    """Ends this process, wherever its main thread waits for another worker."""
    _complain(line)
    os._exit(launcher.FOLLOWED)


def _report(line):
    print(line, flush=True)


def _next_free(folder):
    names = itertools.chain([folder], (f"{folder}-{number}" for number in itertools.count(2)))
    return next(name for name in names if not pathlib.Path(name).exists())


@streams.usable
def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit code: 0, 1 if anything failed, 2 for wrong usage."""
    processors.prefer_onednn()  # before TensorFlow starts
    parser = _parser()
    options = parser.parse_args(arguments)
    warnings.formatwarning = lambda message, *_: f"{parser.prog}: {message}\n"
    given = {key: value for key, value in vars(options).items() if value is not None}
    # Each process of --workers runs what runs now.
    again = sys.argv if arguments is None else ["-m", "tf_colorize", "train", *arguments]
    with quiet.missing_packages(parser.prog):
        return _run(given, again)


def _run(given, again):
    try:
        if "recipe" in given:
            return _run_recipe(given)
        if "workers" in given:
            if given.get("distribute", "auto") not in ("auto", "workers"):
                raise ValueError(f"`--workers` does not go with --distribute {given['distribute']}.")
            return launcher.run(again, given.pop("workers"))
        return _train(given)
    except (ValueError, OSError) as error:
        _complain(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        _complain("interrupted")
        return 1


def _complain(text):
    print(f"{parsing.program('train')}: {text}", file=sys.stderr, flush=True)
