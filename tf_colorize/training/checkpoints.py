"""Saves and restores checkpoints of a training run."""

from __future__ import annotations

import contextlib
import math
import pathlib
import signal
import threading
import time
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tf_colorize import durable, installation
from tf_colorize.training import distribution

with installation.explained():
    import keras
    import tensorflow as tf

if typing.TYPE_CHECKING:
    import os


CHECKPOINT_MINUTES = 3.0


class TrainingStopped(Exception):
    """Training ended early and can be resumed; the message says why and how."""


class Checkpoints(keras.callbacks.Callback):
    """Saves the whole state of a training run every few minutes and resumes it at the exact step.

    The state consists of weights, optimizers, averages, running metrics, random states, epoch and step. Files are
    written by `tf.train.CheckpointManager`: a new checkpoint counts only when it is complete, and the last two are
    kept. Ctrl-C and SIGTERM call `request_stop`: the current step is finished, its state is saved, and
    `TrainingStopped` is raised. A non-finite loss also raises it, without saving. With several workers, the chief reads
    and writes, and all stop after the same step. A run can be resumed with another number of workers.

    Args:
        folder: folder of the checkpoints.
        variables: list of `tf.Variable` or `keras.Variable` in addition to those of the model.
        steps_per_epoch: int.
        minutes: float, time between checkpoints; None: `CHECKPOINT_MINUTES`.
        workers: `distribution.Workers`; None: only this process.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        variables: Sequence[Any],
        steps_per_epoch: int,
        minutes: float | None = None,
        workers: distribution.Workers | None = None,
    ) -> None:
        super().__init__()
        self.workers = workers or distribution.Workers()
        self.folder = pathlib.Path(folder)
        self.extra_variables = variables
        self.steps_per_epoch = steps_per_epoch
        self.minutes = CHECKPOINT_MINUTES if minutes is None else minutes
        self.position = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.stop_requested = self.stop_agreed = False
        self._restore_from, self._restores = None, False
        self._saved_at = time.monotonic()

    def attach(self, model: keras.Model) -> None:
        """Registers all state of `model`, which must have been compiled and evaluated once.

        (Keras creates the variables of metrics on first use.)
        """
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        tracked = [*model.variables, *model.optimizer.variables, *model.metrics_variables, *self.extra_variables]
        discriminator_optimizer = getattr(model, "discriminator_optimizer", None)
        if discriminator_optimizer is not None:
            tracked += discriminator_optimizer.variables
        self._tracked = tracked
        self._values = [distribution.copies(variable)[0] for variable in tracked]
        # Running metrics are per device; files contain their sums.
        shared = {id(variable) for variable in model.metrics_variables} if self.workers.replicas > 1 else ()
        self._sums = {
            index: tf.Variable(value, trainable=False)
            for index, (variable, value) in enumerate(zip(tracked, self._values))
            if id(variable) in shared
        }
        state = {f"v{index:04d}": self._sums.get(index, value) for index, value in enumerate(self._values)}
        self._checkpoint = tf.train.Checkpoint(position=self.position, **state)
        self._manager = tf.train.CheckpointManager(self._checkpoint, str(self.folder), max_to_keep=2)

    def find(self) -> int:
        """Returns the step of the newest readable checkpoint, or 0; it is restored when the next epoch begins."""
        self.position.assign(self.workers.from_chief(self._find))
        self._restores = bool(self.position > 0)
        return int(self.position)

    def _find(self):
        for path in reversed(self._manager.checkpoints):
            try:
                reader = tf.train.load_checkpoint(path)
                values = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
                position = int(values["position/.ATTRIBUTES/VARIABLE_VALUE"])
            except (tf.errors.OpError, ValueError, IndexError, KeyError):
                continue  # damaged on disk: try the previous one
            self._restore_from = path
            return position
        if self._manager.checkpoints:
            raise ValueError(f"no checkpoint in {self.folder} can be read: all are damaged. Start a new run.")
        return 0

    def latest(self) -> str | None:
        """Returns the path of the newest checkpoint, or None."""
        return self._manager.latest_checkpoint

    def request_stop(self, *_: Any) -> None:
        """Requests a checkpoint and a stop after the current step; can be used as a signal handler."""
        self.stop_requested = True
        self.stop_agreed = self.workers.strategy is None

    def save(self) -> None:
        """Writes a checkpoint now, on the chief.

        Raises:
            TrainingStopped: it cannot be written (for example, the disk is full), or the state is not finite; older
                checkpoints are kept.
        """
        if not self.workers.is_chief:
            return
        for index, total in self._sums.items():
            total.assign(self._values[index] * self.workers.replicas)
        if not all(tf.reduce_all(tf.math.is_finite(value)) for value in self._values if value.dtype.is_floating):
            raise TrainingStopped(self._not_finite("the state"))
        try:
            self._manager.save()
            durable.sync(self.folder)
        except (tf.errors.OpError, OSError) as error:
            raise TrainingStopped(
                f"cannot write a checkpoint into {self.folder}: {str(error).splitlines()[0]}. "
                f"The last good one is {self.latest() or 'none'}. Free some space and resume."
            ) from error
        self._saved_at = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        # Here and not before `fit`, because Keras resets the running metrics at the beginning of each epoch.
        if self._restores:
            self._restore()
        elif int(self.position):
            self._save_if_due()

    def _restore(self):
        self.workers.from_chief(self._read)
        self.workers.copy_from_chief(self._tracked)
        self._restores = False

    def _read(self):
        try:
            self._checkpoint.restore(self._restore_from).assert_consumed()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            raise ValueError(
                f"the checkpoint {self._restore_from} belongs to another configuration or version "
                f"({str(error).splitlines()[0]}). Resume with the config.json with which it was written."
            ) from error
        for index, total in self._sums.items():
            self._values[index].assign(total / self.workers.replicas)

    def on_train_batch_end(self, batch, logs=None):
        self.position.assign_add(1)
        bad = [key for key, value in (logs or {}).items() if not math.isfinite(value)]
        if bad:
            raise TrainingStopped(self._not_finite(", ".join(bad)))
        # After an epoch's last step, validation comes first; the step is saved when the next epoch begins.
        if int(self.position) % self.steps_per_epoch:
            self._save_if_due()

    def _not_finite(self, what):
        return (
            f"{what} is not finite at step {int(self.position)}. The last good checkpoint is "
            f"{self.latest() or 'none'}. Start a new run with a lower learning rate or `precision` float32. To "
            "continue from the best generator so far, pass it as `init`."
        )

    def _save_if_due(self):
        due = time.monotonic() - self._saved_at > 60 * self.minutes
        if due or self.stop_agreed:
            self.finish()

    def finish(self) -> None:
        """Writes a checkpoint, then raises `TrainingStopped` if a stop was requested.

        If the stage was already complete and did not run, it restores instead.
        """
        if self._restores:
            self._restore()
            return
        if self.stop_agreed:
            # The others wait until it is written: if one exits first, the chief reports it as lost.
            self.workers.from_chief(self.save)
            raise TrainingStopped(f"stopped at step {int(self.position)}; the state is saved.")
        self.save()


@contextlib.contextmanager
def stop_signals(handler: Callable[..., None]) -> Iterator[None]:
    """Makes the first Ctrl-C, SIGTERM or, on Windows, Ctrl-Break call `handler`; a second one acts as usual."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)]
    previous = {number: signal.getsignal(number) for number in numbers}

    def once(number, frame):
        signal.signal(number, previous[number])
        handler()

    for number in numbers:
        signal.signal(number, once)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, previous[number])
