"""What a finished run leaves: the generator, a contact sheet, and lines that say how good it is and where it all is."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping

import numpy as np

from tf_colorize import installation, whole
from tf_colorize.models import saving
from tf_colorize.photos import contact_sheet
from tf_colorize.training import outcome, preparation, reports

with installation.explained():
    import tensorflow as tf


def write(
    run_dir: pathlib.Path,
    kept: Mapping[str, pathlib.Path],
    validation: tf.data.Dataset,
    n_photos: int,
    report: Callable[[str], None],
) -> None:
    """Writes `generator.keras` and `contact_sheet.png`, and reports the outcome and all paths.

    Args:
        run_dir: The run folder.
        kept: For each stage that was trained, "stage 1" or "stage 2", the file of its kept generator; the last is the
            result.
        validation: All validation photos, `tf.data.Dataset` of (lightness, ab).
        n_photos: Their number.
        report: Called with each line to show.
    """
    target = run_dir / "generator.keras"
    whole.copy(list(kept.values())[-1], target)
    columns: dict[str, list[np.ndarray]] = {}
    for title, file in kept.items():
        figures, pictures = _measured(file, validation)
        gray, prediction, truth = (list(np.round(255 * group).astype(np.uint8)) for group in pictures)
        columns = {"gray": gray, **columns, title: prediction}
    columns["truth"] = truth
    with whole.open_whole(run_dir / "contact_sheet.png") as sheet:
        contact_sheet.contact_sheet(columns).save(sheet, "PNG")
    start = run_dir / preparation.START
    before = _measured(start, validation)[0] if start.exists() else None
    for line in _outcome(run_dir, list(kept)[-1].replace(" ", ""), n_photos, figures, before).lines():
        report(line)
    report(f"weights           {target}")
    report(f"TensorBoard logs  {run_dir / 'logs'}  (tensorboard --logdir {run_dir.parent})")
    report(f"contact sheet     {run_dir / 'contact_sheet.png'}")


def _measured(file, validation):
    generator, _ = saving.load_generator(file)
    return reports.ColorReport(generator, validation).measure()


def _outcome(run_dir, stage, n_photos, figures, before):
    rows = reports.history(run_dir / "history.jsonl")
    scores = {row["epoch"]: row["val_score"] for row in rows if row["stage"] == stage}
    best = min(scores, key=lambda epoch: scores[epoch])
    return outcome.Outcome(stage, best + 1, len(scores), n_photos, figures, before)
