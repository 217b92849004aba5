"""Reports of a training run: pictures, figures, the best generator, a status line."""

from __future__ import annotations

import functools
import json
import math
import os
import pathlib
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TextIO

import numpy as np
from rich import console, control, segment

from tf_colorize import installation, metrics, whole
from tf_colorize.color import tensors
from tf_colorize.models import saving
from tf_colorize.training import distribution

with installation.explained():
    import keras
    import tensorflow as tf

N_PICTURES = 8
_MEASURES = ("psnr", "delta_e76", "delta_e76_gray", "colorfulness", "colorfulness_truth")


class ColorReport(keras.callbacks.Callback):
    """Adds delta E, PSNR and colorfulness of the validation photos to the logs, and draws some of them.

    Args:
        generator: `keras.Model`, lightness -> ab.
        dataset: `tf.data.Dataset` of (lightness, ab), as from `data.image_dataset`, also with hints; predictions are
            always compared with the true colors.
        log_dir: folder for TensorBoard, or None.
        workers: `distribution.Workers`, if each has a share of the data set.
    """

    def __init__(
        self,
        generator: keras.Model,
        dataset: tf.data.Dataset,
        log_dir: str | os.PathLike[str] | None = None,
        workers: distribution.Workers | None = None,
    ) -> None:
        super().__init__()
        self.workers = workers or distribution.Workers()
        self.generator = generator
        self.dataset = dataset
        self._writer = tf.summary.create_file_writer(str(log_dir)) if log_dir else None
        # One trace for batches of all sizes. Of a function of ours, TensorFlow would count the traces of all reports
        # together and warn, although each has its own generator and so needs its own.
        inputs = tf.nest.map_structure(
            lambda spec: tf.TensorSpec([None, *spec.shape[1:]], spec.dtype), dataset.element_spec[0]
        )
        self._predict = tf.function(
            functools.partial(generator, training=False), input_signature=[inputs], autograph=False
        )

    def measure(self) -> tuple[dict[str, float], list[np.ndarray]]:
        """Returns the means over the data set, a dict of floats, and the first pictures.

        With several workers, all must call it: the means are over all shares, the pictures are from the worker's own
        share. Pictures: lightness, prediction and truth as float32 `(n, height, width, 3)` in [0, 1].
        """
        sums = np.zeros(len(_MEASURES) + 1)
        pictures: list[tuple[np.ndarray, ...]] = []
        for inputs, targets in self.dataset:
            prediction, truth, batch = _measured(_lightness(inputs), targets[..., :2], self._predict(inputs))
            sums += [*(batch[name].numpy().sum() for name in _MEASURES), len(targets)]
            if sum(len(group[0]) for group in pictures) < N_PICTURES:
                gray = tensors.lightness_ab_to_rgb(_lightness(inputs), tf.zeros_like(targets[..., :2]))
                pictures.append((gray.numpy(), prediction.numpy(), truth.numpy()))
        *totals, count = self.workers.total(sums)
        means = {name: float(total / count) for name, total in zip(_MEASURES, totals)}
        return means, [np.concatenate(group)[:N_PICTURES] for group in zip(*pictures)]

    def on_epoch_end(self, epoch, logs=None):
        means, pictures = self.measure()
        logs.update({f"val_{key}": value for key, value in means.items()})
        if self._writer is not None:
            with self._writer.as_default(step=epoch):
                rows = np.concatenate(pictures, axis=2)
                tf.summary.image("gray | prediction | truth", rows, max_outputs=N_PICTURES)
                self._writer.flush()


@tf.function(autograph=False, reduce_retracing=True)  # traced once for all reports of a process
def _measured(lightness, ab, ab_predicted):
    """Returns prediction and truth in RGB, and the measures of each picture."""
    truth = tensors.lightness_ab_to_rgb(lightness, ab)
    prediction = tensors.lightness_ab_to_rgb(lightness, ab_predicted)
    measures = {
        "psnr": tf.minimum(metrics.psnr(truth, prediction), 99.0),
        "delta_e76": keras.ops.mean(metrics.delta_e76(ab, ab_predicted), axis=(1, 2)),
        "delta_e76_gray": keras.ops.mean(metrics.delta_e76(ab, tf.zeros_like(ab)), axis=(1, 2)),
        "colorfulness": metrics.colorfulness(prediction),
        "colorfulness_truth": metrics.colorfulness(truth),
    }
    return prediction, truth, measures


def _lightness(inputs):
    return inputs["lightness"] if isinstance(inputs, dict) else inputs


class KeepBest(keras.callbacks.Callback):
    """Saves the generator after each epoch with a better score than all previous ones.

    Args:
        generator: `keras.Model`.
        path: `.keras` file.
        metadata: dict, as in `saving.save_generator`.
        score: function of the epoch's logs, lower is better. Logged as "val_score".
        rows: rows of `History` for earlier epochs, for a resumed run.
        stage: str, the stage whose rows count.
    """

    def __init__(
        self,
        generator: keras.Model,
        path: str | os.PathLike[str],
        metadata: dict[str, Any],
        score: Callable[[dict[str, float]], float],
        rows: Iterable[Mapping[str, Any]],
        stage: str,
    ) -> None:
        super().__init__()
        self.generator = generator
        self.path = path
        self.metadata = metadata
        self.score = score
        self.best = min((row["val_score"] for row in rows if row["stage"] == stage), default=math.inf)

    def on_epoch_end(self, epoch, logs=None):
        logs["val_score"] = self.score(logs)
        if logs["val_score"] < self.best:
            self.best = logs["val_score"]
            saving.save_generator(self.generator, self.path, self.metadata)


class History(keras.callbacks.Callback):
    """Appends the logs of each epoch to a JSON lines file.

    Args:
        path: the file. Rows of the stage from `first_epoch` on, left by a killed run, are dropped.
        stage: str, written with each line.
        first_epoch: int.
    """

    def __init__(self, path: str | os.PathLike[str], stage: str, first_epoch: int = 0) -> None:
        super().__init__()
        self.path = pathlib.Path(path)
        self.stage = stage
        kept = [row for row in self.read() if row["stage"] != stage or row["epoch"] < first_epoch]
        self._write(kept)

    def read(self) -> list[dict[str, Any]]:
        """Returns the rows, like `history`."""
        return history(self.path)

    def on_epoch_end(self, epoch, logs=None):
        row = {"stage": self.stage, "epoch": epoch, **{key: float(value) for key, value in logs.items()}}
        self._write([*self.read(), row])

    def _write(self, rows):
        whole.write_text(self.path, "".join(json.dumps(row) + "\n" for row in rows))


def history(path: pathlib.Path) -> list[dict[str, Any]]:
    """Returns the rows of a history, a list of dicts; an incomplete last line is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


class StateLine(keras.callbacks.Callback):
    """Shows a status line: stage, epoch, step, images/s, time left and losses.

    On a terminal, the line is rewritten in place. In a file, a line is added now and then and at the end of each epoch.
    It also adds images/s to the logs.

    Args:
        stage: str, shown first.
        epochs: int, epochs of the stage.
        steps_per_epoch: int.
        batch_size: int.
        stream: the output stream; None: standard output.
    """

    SECONDS_BETWEEN_LINES = 30.0

    def __init__(
        self, stage: str, epochs: int, steps_per_epoch: int, batch_size: int, stream: TextIO | None = None
    ) -> None:
        super().__init__()
        self.stage = stage
        self.epochs = epochs
        self.steps_per_epoch = steps_per_epoch
        self.batch_size = batch_size
        # Not `rich.progress`, which hides the cursor while it runs: a training that is killed, as when memory runs out,
        # would leave the terminal without one.
        self._console = console.Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self.first_step = 0
        self._shown_at = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._offset, self.first_step = self.first_step % self.steps_per_epoch, 0
        self._started, self._timed, self._rate = time.monotonic(), 0, 0.0

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        self._timed += 1
        self._rate = self._timed * self.batch_size / max(now - self._started, 1e-9)
        if self._timed == 1 and self.steps_per_epoch > 1:
            self._started, self._timed = now, 0  # the first step includes compilation
        terminal = self._console.is_terminal
        step = self._offset + batch + 1
        due = now - self._shown_at > (0.2 if terminal else self.SECONDS_BETWEEN_LINES)
        if due and step < self.steps_per_epoch:  # the line of the last step is written with validation
            self._shown_at = now
            self._write(step, logs, "\r" if terminal else "\n")

    def on_epoch_end(self, epoch, logs=None):
        logs["images_per_second"] = self._rate
        self._write(self.steps_per_epoch, logs, "\n")

    def _write(self, step, logs, end):
        left = (self.epochs - self._epoch) * self.steps_per_epoch - step
        minutes = f"{left * self.batch_size / self._rate / 60:.1f}" if self._rate else "?"
        losses = "  ".join(f"{key} {float(value):.3g}" for key, value in (logs or {}).items() if "loss" in key)
        line = (
            f"{self.stage}  epoch {self._epoch + 1}/{self.epochs}  step {step}/{self.steps_per_epoch}  "
            f"{self._rate:.1f} images/s  {minutes} min left  {losses}"
        )
        if self._console.is_terminal:
            self._console.control(control.Control((segment.ControlType.ERASE_IN_LINE, 2)))
            line = line[: self._console.width - 1]  # a wrapped line could not be rewritten
        self._console.print(line, end=end)
