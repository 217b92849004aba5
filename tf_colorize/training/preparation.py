"""Prepares a training run: its settings, photos and networks."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import random
import time
import typing
from collections.abc import Callable
from typing import Any

from tf_colorize import model_metadata, models, whole
from tf_colorize.color import lab
from tf_colorize.data import selection
from tf_colorize.models import anatomy, backbone_weights, catalog, grafts, saving
from tf_colorize.training import distribution, resolving, settings

if typing.TYPE_CHECKING:
    import keras


START = "start.keras"  # the initial generator of a run with `init`
# A distribution over chroma needs channels at a quarter of the resolution rather than more pixels.
PALETTE_DECODER = {"decoder_filters": (224, 128, 128)}
DEEP_DECODER = {"decoder_filters": (224, 128, 112), "n_residual": 2}
# Chosen on validation photos after stage 1: among pairs that are equally colorful, the one with the best PSNR.
PALETTE_HEAD = {"mean_gain": 0.83, "contrast": 1.19}


def write_json(path: pathlib.Path, value: Any) -> None:
    """Writes a JSON file completely or not at all."""
    whole.write_text(path, json.dumps(value, indent=2) + "\n")


def prepare(
    config: settings.TrainConfig, resume: bool, report: Callable[[str], None], workers: distribution.Workers
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Determines everything that a run needs to start or resume, and reports it; called on the chief.

    Args:
        config, resume, report, workers: as for `stages.train`.

    Returns:
        `(config, photos)`: the resolved `TrainConfig` as a dict, and "train" and "validation" -> paths.

    Raises:
        ValueError: a value or the data is invalid.
    """
    run_dir = pathlib.Path(config.run_dir)
    if resume:
        config = resumed(config, run_dir)
    else:
        # Errors are found before weights are downloaded.
        before = trained_with(config.init)
        resolving.resolve(config, before)
        if (run_dir / "config.json").exists():
            raise ValueError(f"`run_dir` {run_dir} already holds a run. Resume it, or choose another `run_dir`.")
    workers.check(config.batch_size)
    if resume and (run_dir / "photos.json").exists():
        # Photos are not searched again: one added or removed since would change the split and every step.
        photos = json.loads((run_dir / "photos.json").read_text(encoding="utf-8"))
    else:
        photos = dict(zip(("train", "validation"), choose_photos(config, report)))
    if not resume:
        config = with_discriminator_weights(resolving.resolve(with_encoder_weights(config), before))
    for key, value in dataclasses.asdict(config).items():
        report(f"{key:24}{value}")
    return dataclasses.asdict(config), photos


def write(
    config: settings.Resolved, generator: keras.Model, about: dict[str, Any], photos: dict[str, list[str]]
) -> None:
    """Writes the config and the photos of a run to its folder, and the generator that it starts from, for `resumed`.

    Args:
        config: `settings.Resolved`.
        generator: `keras.Model` with its initial weights.
        about: its metadata, from `about`.
        photos: "train" and "validation" -> paths.
    """
    run_dir = pathlib.Path(config.run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    write_json(run_dir / "photos.json", photos)
    if config.init is not None:
        saving.save_generator(generator, run_dir / START, about)
    write_json(run_dir / "config.json", dataclasses.asdict(config))


def choose_photos(config: settings.TrainConfig, report: Callable[[str], None] = print) -> tuple[list[str], list[str]]:
    """Returns the photos of a config: `(train, validation)`, disjoint lists of paths.

    Args:
        config: `TrainConfig`.
        report: function of one str, called with the numbers of photos found and left out.
    """
    found = selection.find_photos(config.data, progress=_progress(report))
    left_out = f"{found.n_gray} gray, {len(found.unreadable)} unreadable, {found.n_results} made by tf-colorize"
    report(f"{len(found.paths)} photos in {config.data}; left out: {left_out}.")
    val_data = config.val_data or ("sample@validation" if config.data == "sample" else None)
    if val_data is None:
        # Independent of the seed: a run that continues another must not validate on its training photos.
        train_paths, val_paths = selection.split(found.paths, config.val_fraction, seed=0)
    else:
        val_paths = selection.find_photos(val_data, min_colorfulness=0.0).paths
        held_out = {os.path.realpath(path) for path in val_paths}
        train_paths = [path for path in found.paths if os.path.realpath(path) not in held_out]
        if len(train_paths) < len(found.paths):
            report(
                f"{len(found.paths) - len(train_paths)} photos are also in the validation data and not used for "
                "training."
            )
        if not train_paths:
            raise ValueError(f"`data` has no photo that is not in `val_data`. Received: data={config.data!r}")
    report(f"Training on {len(train_paths)} photos, validating on {len(val_paths)}.")
    # The first ones are drawn, so they should not all be from one subfolder.
    random.Random(config.seed).shuffle(val_paths)
    return [os.path.abspath(path) for path in train_paths], [os.path.abspath(path) for path in val_paths]


def _progress(report):
    """Returns a function that reports the progress of the scan of a large folder now and then."""
    told = time.monotonic()

    def progress(n_done, n_files):
        nonlocal told
        if time.monotonic() - told > 5.0:
            told = time.monotonic()
            report(f"Looked at {n_done} of {n_files} files.")

    return progress


def trained_with(init: str | None) -> dict[str, Any]:
    """Returns the settings of an initial generator, for `resolving.resolve`.

    Raises:
        ValueError: `init` is not a generator.
    """
    if init is None or init.endswith(".weights.h5"):
        return {}
    about = saving.load_metadata(init)
    return {"image_size": about["image_size"], **about.get("training", {})}


def with_encoder_weights(config: settings.TrainConfig) -> settings.TrainConfig:
    """Returns a config with `encoder_weights` "auto" decided: "imagenet" if available, otherwise "none"."""
    kind = catalog.kind(config.generator)
    if config.encoder_weights != "auto" or config.init is not None or kind.encoder is None:
        return config
    found = backbone_weights.imagenet_file(required=False) if kind.imagenet else None
    return dataclasses.replace(config, encoder_weights="none" if found is None else "imagenet")


def with_discriminator_weights(config: settings.Resolved) -> settings.Resolved:
    """Returns a resolved config after ensuring that there are weights for the discriminator "projected".

    Raises:
        ValueError: the public weights are needed but not available.
    """
    if config.mode != "gan" or config.discriminator != "projected" or config.encoder_weights != "auto":
        return config
    backbone_weights.imagenet_file(required=True)  # now, not after hours of stage 1
    return dataclasses.replace(config, encoder_weights="imagenet")


def about(config: settings.Resolved) -> dict[str, Any]:
    """Returns the metadata of the generators saved by a run."""
    about = anatomy.generator_metadata(config.image_size, settings.recipe(config))
    if config.hints and config.init is not None and not config.init.endswith(".weights.h5"):
        # Apart from its new branch, the generator is unchanged, at whatever size the branch was trained.
        before = saving.load_metadata(config.init)
        about |= {key: before[key] for key in ("image_size", "image_sizes", "terms") if key in before}
    return about


def resumed(config: settings.TrainConfig, run_dir: pathlib.Path) -> settings.TrainConfig:
    """Returns the config of a run folder, with the run's copy of the initial generator."""
    kept = run_dir / START
    return dataclasses.replace(config, init=str(kept)) if kept.exists() else config


def build_generator(config: settings.Resolved, report: Callable[[str], None] = print) -> keras.Model:
    """Returns the generator of a config, with its initial weights, in the current precision.

    Raises:
        ValueError: `config.init` is not a generator, or does not match the config.
    """
    generator = _initial_generator(config, report)
    anatomy.freeze_encoder(generator, config.freeze_encoder)
    if config.hints:
        grafts.train_hints_only(generator)
    elif anatomy.predicts_strength(generator):
        grafts.train_strength(generator, alone=config.strength)
    return generator


def build_discriminator(kind: str, encoder_weights: str, spectral_norm: bool) -> keras.Model:
    """Returns a discriminator with its initial weights, in the current precision.

    Args:
        kind: "patchgan" or "projected".
        encoder_weights: for projected: "imagenet", or a file.
        spectral_norm: for patchgan: whether it has spectral normalization.
    """
    if kind == "projected":
        return models.projected(encoder_weights)
    return models.patchgan(spectral_norm=spectral_norm)


def _initial_generator(config, report):
    if config.init is None:
        return _new_generator(config, config.encoder_weights)
    if config.init.endswith(".weights.h5"):
        generator = _new_generator(config, None)
        try:
            generator.load_weights(config.init)
        except Exception as error:  # of many kinds, because the file may come from anywhere
            raise ValueError(f"{_misfit(config)} ({model_metadata.first_line(error)})") from error
    else:
        generator, _ = saving.load_generator(config.init)
        lacks_palette = config.pretrain_loss == "classification" and not anatomy.has_palette(generator)
        if generator.name != config.generator or lacks_palette:
            raise ValueError(_misfit(config))
        if anatomy.takes_hints(generator) and not config.hints:
            report("Dropping the hints branch, which was trained for the old features. Train it again afterwards.")
            generator = anatomy.automatic(generator)
        generator = saving.with_policy(generator, config.precision)
    report(f"Starting from {config.init}.")
    if config.strength and not anatomy.predicts_strength(generator):
        return saving.with_policy(grafts.add_strength(generator), config.precision)
    if config.hints and not anatomy.takes_hints(generator):
        return grafts.add_hints(generator)
    return generator


def _new_generator(config, encoder_weights):
    if config.pretrain_loss != "classification":
        return catalog.build(config.generator, encoder_weights, {})
    decoder = DEEP_DECODER if config.deep_decoder else PALETTE_DECODER
    head = {"palette": lab.ab_palette(), **decoder, **PALETTE_HEAD}
    generator = catalog.build(config.generator, encoder_weights, head)
    if not config.deep_decoder:
        return generator
    # The layers of the copy are those of one pass.
    return saving.with_policy(grafts.add_nonlocal_mean(generator), config.precision)


def _misfit(config):
    return (
        f"`init` does not fit generator {config.generator} with pretrain_loss {config.pretrain_loss}: give the options "
        f"with which it was trained. Received: init={config.init!r}"
    )
