"""Writes the machine-readable files of an evaluation, metrics.json and photos.csv, with the data to reproduce it."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import importlib.metadata
import io
import json
import os
import pathlib
import platform
from collections.abc import Mapping
from typing import Any

import tf_colorize
from tf_colorize import processors, whole
from tf_colorize.evaluation import (
    aging,
    comparison,
    hint_gains,
    hint_reach,
    hint_regions,
    photo_measures,
    protocols,
    reference_gains,
)
from tf_colorize.evaluation.report import figures

PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "scipy", "scikit-image", "pillow")


@dataclasses.dataclass(frozen=True)
class Run:
    """The data to reproduce an evaluation.

    Args:
        command: as it was typed.
        models: dict of name to the path or address of each model.
        notes: notices about what was left out.
    """

    command: str
    models: dict
    notes: tuple = ()


def write_metrics(
    path: str | os.PathLike[str],
    result: comparison.Evaluation,
    run: Run,
    curves: Mapping[str, Any] | None = None,
    reaches: Mapping[str, Any] | None = None,
    old: Mapping[str, Any] | None = None,
    references: Mapping[str, Any] | None = None,
    fillings: Mapping[str, Any] | None = None,
) -> None:
    """Writes metrics.json; everything except `"run"` is the same for the same input.

    `curves`, `reaches`, `old`, `references` and `fillings` are those of `hint_gains.evaluate`, `hint_reach.evaluate`,
    `aging.evaluate`, `reference_gains.evaluate` and `hint_regions.evaluate` by model, if they were measured.
    """
    reach = {"reach": hint_reach.record(reaches)} if reaches else {}
    content = {
        "protocol": {"name": result.protocol, "meaning": protocols.PROTOCOLS[result.protocol]},
        "data": {"photos": len(result.photos), "sha256": result.data_sha256, "skipped": len(result.skipped)},
        "feature_model": result.feature_name,
        "truth": {key: _rounded(value) for key, value in figures.of_truth(result).items()},
        "models": {name: _model(result, run, name) for name in result.predictions},
        **({"hints": hint_gains.record(curves) | reach} if curves else {}),
        **({"hint_regions": hint_regions.record(fillings)} if fillings else {}),
        **({"old": aging.record(old)} if old else {}),
        **({"references": reference_gains.record(references)} if references else {}),
        "run": {
            **_of_run(run),
            "photos_per_second": {name: _rounded(result.photos_per_second(name)) for name in run.models},
        },
    }
    whole.write_text(path, json.dumps(content, indent=1) + "\n")


def write_regions(path: str | os.PathLike[str], fillings: Mapping[str, hint_regions.Filling], run: Run) -> None:
    """Writes hint_regions.json, the results of `hint_regions.evaluate` by model where nothing else was measured."""
    models = {name: {"sha256": sha256_of(model)} for name, model in run.models.items()}
    content = {"models": models, "hint_regions": hint_regions.record(fillings), "run": _of_run(run)}
    whole.write_text(path, json.dumps(content, indent=1) + "\n")


def _of_run(run):
    return {**dataclasses.asdict(run), "machine": machine(), "versions": versions()}


def _model(result, run, name):
    entries = {
        key: {"value": _rounded(value), "interval_95": None if lower is None else [_rounded(lower), _rounded(upper)]}
        for key, (value, lower, upper) in result.figures(name).items()
    }
    return {"sha256": sha256_of(run.models.get(name)), "figures": entries}


def _rounded(value):
    return round(float(value), 6)


def write_photos(path: str | os.PathLike[str], result: comparison.Evaluation) -> None:
    """Writes a CSV file with one line for each photo and colorizer."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    truth_columns = [f"truth_{key}" for key in photo_measures.TRUTH_COLUMNS]
    writer.writerow(["photo", "model", *result.columns, *truth_columns])
    for index, photo in enumerate(photo_names(result)):
        for name, rows in result.predictions.items():
            values = [*rows[index], *result.truth[index]]
            writer.writerow([photo, name, *(f"{value:.6f}" for value in values)])
    whole.write_text(path, lines.getvalue())


def photo_names(result: comparison.Evaluation) -> list[str]:
    """Lists the paths of the photos relative to their common folder."""
    root = os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in result.photos])
    return [pathlib.Path(os.path.relpath(path, root)).as_posix() for path in result.photos]


def sha256_of(model: str | os.PathLike[str] | None) -> str | None:
    """Returns the SHA-256 of a model file, or of a folder's file names and contents; `None` for anything else.

    In a run folder, only the model counts, not the logs.
    """
    if model is None or not os.path.exists(model):
        return None
    path = pathlib.Path(model)
    path = path / "generator.keras" if (path / "generator.keras").is_file() else path
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(path).as_posix()}\0{file.stat().st_size}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Returns the versions of Python, of this package and of the packages for the arithmetic."""
    found = {"python": platform.python_version(), "tf_colorize": tf_colorize.__version__}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def machine() -> str:
    """Describes the machine, as far as Python knows it, because speeds depend on it."""
    return f"{platform.system()} {platform.machine()}, {processors.usable()} cores"
