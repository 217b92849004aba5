"""The command `tf-colorize train`: stage 1 teaches the generator on a plain loss, stage 2 adds the discriminator."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import pathlib
import re
import shlex
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from tf_colorize import processors
from tf_colorize.commands import launcher, parsing, quiet, streams
from tf_colorize.training import fields, settings

# No heavy imports at module level: `tf-colorize train --help` must answer at once.

# A few minutes on a laptop: small crops, and epochs whose length does not depend on five photos.
_SAMPLE_DEFAULTS = {"image_size": 96, "batch_size": 8, "steps_per_epoch": 10, "pretrain_epochs": 12, "epochs": 8}
_RUNS = "runs/colorizer"

_EPILOG = """\
examples:
  {command} --mode gan                        sample photos, 2 to 6 minutes on 2 cores
  {command} --mode gan --data photos          stages 1 and 2 on your photos
  {command} --mode pretrain --data photos     stage 1 alone
  {command} --mode gan --generator unet --data photos    pix2pix as in its paper
  {command} --mode gan --data photos --init runs/colorizer    fine-tuning
  {command} --mode pretrain --hints --init saved_models/colorizer/1 --data photos    color hints
  {command} --resume runs/colorizer           continue after an interruption
  {command} --mode gan --data photos --workers 2    two processes, each on half of the cores
  {command} --recipe scripts/recipes/colorizer.toml --data photos    like the shipped model
"""

# group -> option -> (purpose; default and reason; choices or type), for options that are not settings of the run
_OPTIONS: dict[str, dict[str, tuple[str, Any]]] = {
    "run": {
        "recipe": (
            "TOML file: train a model in several steps, as in scripts/recipes/colorizer.toml; can be combined only "
            "with --data, --val-data, --run-dir and --encoder-weights, a file for its ImageNet weights; the same "
            "command continues after an interruption",
            str,
        ),
        "resume": (
            "run folder: continue from its last checkpoint; can be combined only with --distribute and --workers, "
            "which may differ from before",
            str,
        ),
    },
    "several GPUs or machines": {
        "distribute": (
            "auto: the cluster that the environment variable TF_CONFIG describes, otherwise all GPUs of this machine; "
            "none: one device; mirrored: all GPUs; workers: the cluster, or fail (default auto); --batch-size is the "
            "total for all devices",
            ("auto", "none", "mirrored", "workers"),
        ),
        "workers": (
            "start N processes on this machine, which train together and share its cores (default: one, without "
            "TF_CONFIG); for several machines, see docs/distribute.md",
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
    groups: dict[str, Any] = {}
    for name, one in settings.table().items():
        if one.group not in groups:
            groups[one.group] = parser.add_argument_group(one.group)
        _add(groups[one.group], option(name), help_of(one), one.choices or one.kind)
    for title, options in _OPTIONS.items():
        group = groups.get(title) or parser.add_argument_group(title)
        for name, (text, kind) in options.items():
            _add(group, f"--{name}", text, kind)
    return parser


def _add(group, name, text, kind):
    text = text.replace("%", "%%")
    if kind is bool:
        group.add_argument(name, action="store_true", default=None, help=text)
    elif isinstance(kind, tuple):
        group.add_argument(name, choices=kind, help=text)
    else:
        group.add_argument(name, type=kind, help=text)


def option(name: str) -> str:
    """Returns the option that gives a setting.

    Example:
    >>> option("lambda_l1")
    '--lambda-l1'
    """
    return f"--{name.replace('_', '-')}"


def help_of(one: fields.Setting) -> str:
    """Returns the --help text of a setting: its purpose, its default and the reason for it."""
    sample = _SAMPLE_DEFAULTS.get(one.name)
    more = "" if sample is None else f"; {sample} on the sample photos"
    text = f"{one.text} (default {one.about_default()}{more})"
    return re.sub(r"`(\w+)`", lambda match: option(match[1]), text)


def manual_table() -> str:
    """Returns the settings as a table in Markdown, for the manual."""
    rows = ["| option | purpose | default |", "|---|---|---|"]
    for name, one in settings.table().items():
        texts = (
            re.sub(r"`(\w+)`", lambda match: f"`{option(match[1])}`", text) for text in (one.text, one.about_default())
        )
        rows.append(f"| `{option(name)}` | {' | '.join(texts)} |")
    return "\n".join(rows)


def _read_config(given):
    """Returns (TrainConfig, resume) for the options given."""
    run_dir = given.pop("resume", None)
    if run_dir is not None:
        if given:
            raise ValueError(
                "`--resume` continues as configured and cannot be combined with other options. Received: "
                f"{', '.join(given)}"
            )
        return settings.load(run_dir), True
    defaults = {"run_dir": _next_free(_RUNS)}
    if given.get("data", "sample") == "sample":
        # A generator that is fine-tuned has its own size and trains for fewer epochs anyway.
        names = {"steps_per_epoch"} if "init" in given else set(_SAMPLE_DEFAULTS)
        defaults.update({name: _SAMPLE_DEFAULTS[name] for name in names})
        if given.get("generator") == "unet":
            defaults["image_size"] = 256  # the paper's U-Net needs multiples of it
    return settings.TrainConfig(**{**defaults, **given}), False


def _train(given):
    """Trains as a single process or as one of several workers; returns the exit code."""
    with quiet.startup():
        from tf_colorize.training import checkpoints, distribution, stages
    workers = distribution.start(given.pop("distribute", "auto"), _report, _end_without)
    again = []

    def read():
        config, resume = _read_config(given)
        return dataclasses.asdict(config), resume

    try:
        # The other workers may have no access to the run folder.
        values, resume = workers.from_chief(read)
        if workers.is_chief:
            again = [f"Continue with: {parsing.typed('train')} --resume {values['run_dir']}"]
        stages.train(settings.TrainConfig(**values), resume=resume, report=_report, workers=workers)
    except checkpoints.TrainingStopped as stop:
        _complain(stop)
        for line in again:
            print(line, file=sys.stderr)
        return 1
    except (distribution.Followed, distribution.WorkerLost) as reason:
        _complain(reason)
        return 1 if workers.is_chief else launcher.FOLLOWED
    if workers.is_chief:
        _report(_next_steps(values["run_dir"]))
    return 0


def _next_steps(run_dir):
    """Returns the next commands, to be printed at the end of a training."""
    model = shlex.quote(str(run_dir))
    tflite = shlex.quote(str(pathlib.Path(run_dir) / "colorizer.tflite"))
    return (
        "next:\n"
        f"  tf-colorize photo.jpg --model {model}\n"
        f"  {parsing.sibling('train', 'evaluate')} --model {model} --data PHOTOS\n"
        f"  {parsing.sibling('train', 'export')} --model {model} --tflite {tflite}"
    )


def _run_recipe(given):
    """Runs a recipe, or continues it; returns the exit code."""
    with quiet.startup():
        from tf_colorize import recipe
        from tf_colorize.training import checkpoints
    path = given.pop("recipe")
    others = sorted(set(given) - {"data", "val_data", "run_dir", "encoder_weights"})
    if others:
        raise ValueError(
            "`--recipe` can be combined only with --data, --val-data, --run-dir and --encoder-weights: all other "
            f"settings are in the file. Received: {', '.join(others)}"
        )
    if "data" not in given:
        raise ValueError("`--recipe` needs --data: a folder of color photos.")
    run_dir = given.pop("run_dir", f"runs/{pathlib.Path(path).stem}-recipe")
    try:
        recipe.run(path, run_dir=run_dir, report=_report, **given)
    except checkpoints.TrainingStopped as stop:
        _complain(stop)
        print("The same command continues it", file=sys.stderr)
        return 1
    return 0


def _end_without(line):
    """Ends this process even while its main thread waits for another worker."""
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
    warnings.formatwarning = lambda message, *_: f"{parser.prog}: {parsing.in_words(message)}\n"
    given = {key: value for key, value in vars(options).items() if value is not None}
    # Each process of --workers runs the current script.
    again = sys.argv if arguments is None else ["-m", "tf_colorize", "train", *arguments]
    with quiet.missing_packages(parser.prog):
        return _run(given, again)


def _run(given, again):
    try:
        if "recipe" in given:
            return _run_recipe(given)
        if "workers" in given:
            if given.get("distribute", "auto") not in ("auto", "workers"):
                raise ValueError(f"`--workers` cannot be combined with --distribute {given['distribute']}.")
            return launcher.run(again, given.pop("workers"))
        return _train(given)
    except (ValueError, OSError) as error:
        streams.raise_if_of_output(error)
        _complain(f"error: {parsing.reason_of(error)}")
        return 1
    except KeyboardInterrupt:
        _complain("interrupted")
        return 1


def _complain(text):
    parsing.complain(parsing.program("train"), text)
