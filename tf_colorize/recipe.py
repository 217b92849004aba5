"""Recipes: TOML files from which one repeatable command makes a model in several steps.

A recipe is a list of `[[step]]`, each with a `name` and one of these tables:

- `train`: keys of `training.settings.TrainConfig`. `init` may name a file of an earlier step. An optional table `after`
  in the same step writes `after.keras`, made from the trained generator: `share` moves it to a point between `init` and
  itself, as in `training.averaging.blend`; `strongest` limits the factors of a generator that predicts strength;
  `colorfulness` and `mean_share` set the gains, as in `training.gains.fit`; `image_size`, `image_sizes` (one of which
  is chosen for each picture) and `terms` become metadata.
- `blend`: `first`, `second` (files of earlier steps) and `share`, as for `training.averaging.blend`; `gains`
  (`mean_gain`, `contrast`, `expansion`), `hints` (a file of an earlier step whose hints branch is added, to be trained
  further), `image_size` and `terms` are optional.
- `nonlocal_mean`: `model` (a file of an earlier step), to which `models.grafts.add_nonlocal_mean` is applied.
- `export`: `model` (a file of an earlier step); writes `saved_model/1` and `colorizer.tflite`. Optional are `quantize`,
  as for the TFLite export, and `rounded`: if true, kernels are first rounded to the 8 bits of bfloat16. The
  SavedModel's float16 represents these exactly, and archives of it are a third smaller.

Each step has a folder of its name in the run folder. Finished steps are skipped, and an interrupted training run
continues from its last checkpoint. If a step, or one that it starts from, has been edited since, it is run again; its
earlier results are kept beside it, as `NAME.before`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import pathlib
import typing
from collections.abc import Callable

import keras

from tf_colorize.export import saved_model, tflite
from tf_colorize.models import anatomy, grafts, saving
from tf_colorize.training import averaging, gains, preparation, recipe_files, settings, stages

if typing.TYPE_CHECKING:
    import os


_RECORD = "step.json"  # in a step's folder: the step's definition when it was started


def run(
    path: str | os.PathLike[str],
    *,
    data: str,
    val_data: str | None = None,
    run_dir: str | os.PathLike[str],
    encoder_weights: str | None = None,
    report: Callable[[str], None] = print,
) -> None:
    """Makes a model from a recipe, or continues an interrupted run.

    Args:
        path: str or path of the recipe.
        data: str, photos to train on, as for `TrainConfig`.
        val_data: str or None, photos to validate and check exports on; None: held out from `data`.
        run_dir: str or path, the folder for all steps.
        encoder_weights: str or None, a file of ImageNet weights to use where a step says "imagenet".
        report: function of one str, called with each line to show.

    Raises:
        ValueError: the recipe or the data is invalid. checkpoints.TrainingStopped: training was interrupted; the same
        call continues it.
    """
    steps, run_dir = recipe_files.load(path), pathlib.Path(run_dir)
    records = _records(steps)
    for number, (name, kind, table) in enumerate(steps, start=1):
        folder = run_dir / name
        title = f"step {number} of {len(steps)}: {name} ({kind})"
        aside = _set_aside(folder, records[name])
        if (folder / "done").exists():
            report(f"{title}: already done")
            continue
        report(f"{title}: it was edited, so it is run again; {aside} keeps its earlier results" if aside else title)
        folder.mkdir(parents=True, exist_ok=True)
        preparation.write_json(folder / _RECORD, records[name])
        if kind == "train":
            if encoder_weights and table.get("encoder_weights") == "imagenet":
                table = {**table, "encoder_weights": encoder_weights}
            _train(table, run_dir, folder, data, val_data, report)
        elif kind == "blend":
            _blend(table, run_dir, folder)
        elif kind == "nonlocal_mean":
            _nonlocal_mean(table, run_dir, folder)
        else:
            _export(table, run_dir, folder, val_data, report)
        (folder / "done").touch()


def _records(steps):
    """Returns, for each step, everything that its result depends on: the step and those that it starts from, as a dict
    for JSON."""
    records = {}
    for name, kind, table in steps:
        texts = [value for value in table.values() if isinstance(value, str)]
        before = {text.split("/")[0] for text in texts if "/" in text} & set(records)
        sources = {one: _digest(records[one]) for one in sorted(before)}
        records[name] = {"kind": kind, "table": table, "from": sources}
    return records


def _digest(record):
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _set_aside(folder, record):
    """Renames the folder of a step that has been edited since; returns its new path, or None."""
    path = folder / _RECORD
    if not path.exists() or _recorded(path) == record:  # earlier versions wrote no record
        return None
    names = itertools.chain([".before"], (f".before-{number}" for number in itertools.count(2)))
    aside = next(other for other in (folder.with_name(folder.name + name) for name in names) if not other.exists())
    return folder.rename(aside)


def _recorded(path):
    """Returns the record of a step, or None if it is broken: the step is then run again."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None


def _train(table, run_dir, folder, data, val_data, report):
    table = {**table, "data": data, "val_data": val_data, "run_dir": str(folder)}
    after = table.pop("after", None)
    if "init" in table and (run_dir / table["init"]).exists():
        table["init"] = str(run_dir / table["init"])
    if (folder / "config.json").exists():
        stages.train(settings.load(folder), resume=True, report=report)
    else:
        stages.train(settings.TrainConfig(**table), report=report)
    if after:
        _after(after, folder, report)


def _after(table, folder, report):
    generator, about = saving.load_generator(folder / "generator.keras")
    if "share" in table:
        averaging.blend(saving.load_generator(folder / preparation.START)[0], generator, table["share"])
    about |= {key: table[key] for key in ("image_size", "image_sizes", "terms") if key in table}
    if "terms" in about:
        about["terms"] = " ".join(about["terms"].split())
    if "strongest" in table:
        anatomy.limit_strength(generator, table["strongest"])
    if "colorfulness" in table:
        photos = json.loads((folder / "photos.json").read_text(encoding="utf-8"))["validation"]
        size, mean_share = about["image_size"], table.get("mean_share", 1.0)
        found = gains.fit(generator, photos, size, colorfulness=table["colorfulness"], mean_share=mean_share)
        report(f"gains: {', '.join(f'{name} {value:.3f}' for name, value in found.items())}")
    saving.save_generator(generator, folder / "after.keras", about)


def _blend(table, run_dir, folder):
    first, _ = saving.load_generator(run_dir / table["first"])
    second, about = saving.load_generator(run_dir / table["second"])
    averaging.blend(first, second, table["share"])
    if "gains" in table:
        anatomy.set_gains(second, **table["gains"])
    if "hints" in table:
        second = grafts.with_hints_of(second, saving.load_generator(run_dir / table["hints"])[0])
    about |= {key: table[key] for key in ("image_size", "terms") if key in table}
    if "terms" in about:
        about["terms"] = " ".join(about["terms"].split())  # one line, whatever line breaks the file has
    saving.save_generator(second, folder / "generator.keras", about)


def _nonlocal_mean(table, run_dir, folder):
    generator, about = saving.load_generator(run_dir / table["model"])
    saving.save_generator(grafts.add_nonlocal_mean(generator), folder / "generator.keras", about)


def _export(table, run_dir, folder, photos, report):
    generator, about = saving.load_generator(run_dir / table["model"])
    if table.get("rounded"):
        for weight in generator.weights:
            if len(weight.shape) > 1:
                weight.assign(keras.ops.cast(keras.ops.cast(weight, "bfloat16"), weight.dtype))
    common = {"metadata": about, "photos": photos, "overwrite": True}
    quantize = table.get("quantize", "dynamic")
    for exported in (
        saved_model.export_saved_model(generator, folder / "saved_model" / "1", **common),
        tflite.export_tflite(generator, folder / "colorizer.tflite", quantize=quantize, **common),
    ):
        report(f"{exported.path}: {exported.n_bytes / 1e6:.1f} MB; {exported.agreement}")
