"""What happens beside the training steps: weight averages, checkpoints, pictures, a line of state."""

import json
import math
import os
import pathlib
import sys
import time

import keras
import numpy as np
import tensorflow as tf

from tf_colorize import color, metrics
from tf_colorize.models import loading

CHECKPOINT_MINUTES = 3.0
N_PICTURES = 8


class TrainingStopped(Exception):
    """A training that ended early and can be resumed: its message says why and how."""


class WeightAverage(keras.callbacks.Callback):
    """Keeps an exponential moving average of the generator's weights and validates with it.

    The average takes the place of the weights during validation and at the end of each epoch,
    for the callbacks that come after this one; training goes on from the raw weights.

    Source: Polyak and Juditsky 1992; the warm-up of the decay is that of
    `tf.train.ExponentialMovingAverage`, so that short trainings average too.

    Args:
        generator: `keras.Model` whose trainable weights are averaged.
        decay: float in [0, 1), reached after about 10 / (1 - decay) steps.
    """

    def __init__(self, generator, decay=0.999):
        super().__init__()
        self.weights = [weight.value for weight in generator.trainable_weights]
        self.decay = decay
        self.averages = [tf.Variable(weight, trainable=False) for weight in self.weights]
        self.n_updates = tf.Variable(0.0, trainable=False)
        self.variables = [*self.averages, self.n_updates]
        self._swapped = False

    @tf.function
    def _update(self):
        self.n_updates.assign_add(1.0)
        decay = tf.minimum(self.decay, self.n_updates / (9.0 + self.n_updates))
        for average, weight in zip(self.averages, self.weights):
            average.assign_sub((1.0 - decay) * (average - weight))

    def _swap(self, averaged):
        if self._swapped != averaged:
            for average, weight in zip(self.averages, self.weights):
                values = weight.numpy()
                weight.assign(average)
                average.assign(values)
            self._swapped = averaged

    def on_train_batch_end(self, batch, logs=None):
        self._update()

    def on_test_begin(self, logs=None):
        self._swap(True)

    def on_epoch_end(self, epoch, logs=None):
        self._swap(True)

    def on_epoch_begin(self, epoch, logs=None):
        self._swap(False)

    def on_train_end(self, logs=None):
        self._swap(False)


class Checkpoints(keras.callbacks.Callback):
    """Saves the whole state of a training every few minutes and resumes it at the exact step.

    State: weights, optimizers, averages, running metrics, random states, epoch and step. Files
    are written by `tf.train.CheckpointManager`: a new checkpoint counts only once it is whole,
    and the last two are kept. Ctrl-C and SIGTERM end in `request_stop`: the step in progress is
    finished, its state saved, and `TrainingStopped` raised. So does a loss that is not finite,
    without saving it.

    Args:
        folder: where checkpoints go.
        variables: list of `tf.Variable` or `keras.Variable` beside those of the model.
        steps_per_epoch: int.
        minutes: float, time between two checkpoints; None: `CHECKPOINT_MINUTES`.
    """

    def __init__(self, folder, variables, steps_per_epoch, minutes=None):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.extra_variables = variables
        self.steps_per_epoch = steps_per_epoch
        self.minutes = CHECKPOINT_MINUTES if minutes is None else minutes
        self.position = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._restore_from = None
        self._stop = False
        self._saved_at = time.monotonic()

    def attach(self, model):
        """Names all state of `model`, which must be compiled and have been evaluated once.

        (Keras creates the variables of metrics when it first needs them.)
        """
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        tracked = [*model.variables, *model.optimizer.variables, *model.metrics_variables, *self.extra_variables]
        discriminator_optimizer = getattr(model, "discriminator_optimizer", None)
        if discriminator_optimizer is not None:
            tracked += discriminator_optimizer.variables
        values = [variable.value if isinstance(variable, keras.Variable) else variable for variable in tracked]
        state = {f"v{index:04d}": value for index, value in enumerate(values)}
        self._checkpoint = tf.train.Checkpoint(position=self.position, **state)
        self._manager = tf.train.CheckpointManager(self._checkpoint, str(self.folder), max_to_keep=2)

    def find(self):
        """Returns the step of the newest readable checkpoint, or 0; it is loaded at the next epoch's begin."""
        for path in reversed(self._manager.checkpoints):
            try:
                reader = tf.train.load_checkpoint(path)
                for name in reader.get_variable_to_shape_map():
                    value = reader.get_tensor(name)
                    if name.startswith("position/"):
                        self.position.assign(value)
            except (tf.errors.OpError, ValueError, IndexError):
                continue  # damaged on disk: the one before it
            self._restore_from = path
            return int(self.position)
        return 0

    def latest(self):
        """Returns the path of the newest checkpoint, or None."""
        return self._manager.latest_checkpoint

    def request_stop(self, *_):
        """Asks for a checkpoint and an end after the step in progress; a signal handler."""
        self._stop = True

    def save(self):
        """Writes a checkpoint now.

        Raises:
            TrainingStopped: it cannot be written (no space left, say); older ones stay.
        """
        try:
            self._manager.save()
        except (tf.errors.OpError, OSError) as error:
            raise TrainingStopped(
                f"cannot write a checkpoint into {self.folder}: {str(error).splitlines()[0]}. "
                f"The last good one is {self.latest() or 'none'}. Free some space and resume."
            ) from error
        self._saved_at = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        # Here, not before `fit`: Keras resets the running metrics at the begin of each epoch.
        if self._restore_from is not None:
            try:
                self._checkpoint.restore(self._restore_from).assert_consumed()
            except (AssertionError, ValueError, tf.errors.OpError) as error:
                raise ValueError(
                    f"the checkpoint {self._restore_from} belongs to another configuration "
                    f"({str(error).splitlines()[0]}). Resume with the config.json it was written with."
                ) from error
            self._restore_from = None
        elif int(self.position):
            self.save_and_stop_if_asked()

    def on_train_batch_end(self, batch, logs=None):
        self.position.assign_add(1)
        bad = [key for key, value in (logs or {}).items() if not math.isfinite(value)]
        if bad:
            raise TrainingStopped(
                f"{', '.join(bad)} is not finite at step {int(self.position)}. The last good checkpoint is "
                f"{self.latest() or 'none'}. Try a lower learning rate or --precision float32."
            )
        due = time.monotonic() - self._saved_at > 60 * self.minutes
        # After an epoch's last step validation comes first: it is saved when the next one begins.
        if (self._stop or due) and int(self.position) % self.steps_per_epoch:
            self.save_and_stop_if_asked()

    def save_and_stop_if_asked(self):
        """Writes a checkpoint, then raises `TrainingStopped` if `request_stop` was called."""
        self.save()
        if self._stop:
            raise TrainingStopped(f"stopped at step {int(self.position)}; the state is saved.")


class ColorReport(keras.callbacks.Callback):
    """Adds PSNR and colourfulness of the validation photos to the logs, and draws some of them.

    Args:
        generator: `keras.Model`, lightness -> ab.
        dataset: `tf.data.Dataset` of (lightness, ab), as from `data.image_dataset`.
        log_dir: folder for TensorBoard, or None.
    """

    def __init__(self, generator, dataset, log_dir=None):
        super().__init__()
        self.generator = generator
        self.dataset = dataset
        self._writer = tf.summary.create_file_writer(str(log_dir)) if log_dir else None
        self._measure = tf.function(self._measure_batch)

    def _measure_batch(self, lightness, ab):
        truth = color.lightness_ab_to_rgb(lightness, ab)
        prediction = color.lightness_ab_to_rgb(lightness, self.generator(lightness, training=False))
        return (
            prediction,
            truth,
            {
                "psnr": tf.minimum(metrics.psnr(truth, prediction), 99.0),
                "delta_e76_gray": metrics.delta_e76(ab, tf.zeros_like(ab)),
                "colorfulness": metrics.colorfulness(prediction),
                "colorfulness_truth": metrics.colorfulness(truth),
            },
        )

    def measure(self):
        """Returns the means over the data set, a dict of floats, and the first pictures.

        Pictures: lightness, prediction and truth as float32 `(n, height, width, 3)` in [0, 1].
        """
        values, pictures = {}, []
        for lightness, ab in self.dataset:
            prediction, truth, batch = self._measure(lightness, ab)
            for key, value in batch.items():
                values.setdefault(key, []).append(value.numpy())
            if sum(len(group[0]) for group in pictures) < N_PICTURES:
                gray = color.lightness_ab_to_rgb(lightness, tf.zeros_like(ab))
                pictures.append((gray.numpy(), prediction.numpy(), truth.numpy()))
        means = {key: float(np.concatenate(value).mean()) for key, value in values.items()}
        return means, [np.concatenate(group)[:N_PICTURES] for group in zip(*pictures)]

    def on_epoch_end(self, epoch, logs=None):
        means, pictures = self.measure()
        logs.update({f"val_{key}": value for key, value in means.items()})
        if self._writer is not None:
            with self._writer.as_default(step=epoch):
                rows = np.concatenate(pictures, axis=2)
                tf.summary.image("gray | prediction | truth", rows, max_outputs=N_PICTURES)
                self._writer.flush()


class KeepBest(keras.callbacks.Callback):
    """Saves the generator after each epoch that scores better than all before.

    Args:
        generator: `keras.Model`.
        path: `.keras` file.
        metadata: dict, as in `loading.save_generator`.
        score: function of the epoch's logs; lower is better. Logged as "val_score".
        rows: rows of `History` of earlier epochs, for a resumed run.
        stage: str, the stage whose rows count.
    """

    def __init__(self, generator, path, metadata, score, rows, stage):
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
            loading.save_generator(self.generator, self.path, self.metadata)


class History(keras.callbacks.Callback):
    """Appends the logs of each epoch to a JSON lines file.

    Args:
        path: the file. Epochs from `first_epoch` on, left by a run that was killed, are dropped.
        stage: str, written with each line.
        first_epoch: int.
    """

    def __init__(self, path, stage, first_epoch=0):
        super().__init__()
        self.path = pathlib.Path(path)
        self.stage = stage
        kept = [row for row in self.read() if (row["stage"], row["epoch"]) < (stage, first_epoch)]
        text = "".join(json.dumps(row) + "\n" for row in kept)
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(text)
        os.replace(temporary, self.path)

    def read(self):
        """Returns the rows, a list of dicts; a last line that was cut off is left out."""
        rows = []
        for line in self.path.read_text().splitlines() if self.path.exists() else []:
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
        return rows

    def on_epoch_end(self, epoch, logs=None):
        row = {"stage": self.stage, "epoch": epoch, **{key: float(value) for key, value in logs.items()}}
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")


class StateLine(keras.callbacks.Callback):
    """Shows one line of state: stage, epoch, step, images/s, time left and losses.

    On a terminal the line is rewritten in place; in a file a line is added now and then and at
    each epoch's end. Adds images/s to the logs.

    Args:
        stage: str, shown first.
        epochs: int, of the stage.
        steps_per_epoch: int.
        batch_size: int.
        stream: where to write.
    """

    SECONDS_BETWEEN_LINES = 30.0

    def __init__(self, stage, epochs, steps_per_epoch, batch_size, stream=None):
        super().__init__()
        self.stage = stage
        self.epochs = epochs
        self.steps_per_epoch = steps_per_epoch
        self.batch_size = batch_size
        self.stream = stream or sys.stdout
        self.first_step = 0
        self._shown_at = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._offset, self.first_step = self.first_step % self.steps_per_epoch, 0
        self._started, self._timed, self._rate = None, 0, 0.0

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        if self._started is None:
            self._started = now  # after the first step, which compiles
        else:
            self._timed += 1
            self._rate = self._timed * self.batch_size / max(now - self._started, 1e-9)
        terminal = self.stream.isatty()
        if now - self._shown_at > (0.2 if terminal else self.SECONDS_BETWEEN_LINES):
            self._shown_at = now
            self._write(self._offset + batch + 1, logs, "\r" if terminal else "\n")

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
        self.stream.write(("\x1b[2K" if self.stream.isatty() else "") + line + end)
        self.stream.flush()
