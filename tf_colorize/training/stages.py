"""The stages of training: stage 1 trains the generator alone, stage 2 adds the discriminator."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from tf_colorize import installation
from tf_colorize.models import saving
from tf_colorize.training import (
    averaging,
    batches,
    checkpoints,
    distribution,
    loop,
    preparation,
    reports,
    results,
    settings,
    stage_models,
)

with installation.explained():
    import keras
    import tensorflow as tf


def train(
    config: settings.TrainConfig,
    *,
    resume: bool = False,
    report: Callable[[str], None] = print,
    workers: distribution.Workers | None = None,
) -> pathlib.Path:
    """Trains a colorizer and writes it to the run folder.

    The folder holds `config.json`, `history.jsonl`, `logs/` (TensorBoard), `checkpoints/`, `stage1.keras` and
    `generator.keras` (the best generators, float32), `contact_sheet.png` and, with `init`, `start.keras`, so that a run
    can be resumed without the initial file.

    Stage 1 keeps the epoch with the lowest validation loss. Stage 2 keeps the epoch with the lowest val_score: delta E
    relative to a gray picture's, plus the relative distance of the mean colorfulness from the truth's. Delta E alone
    would favor brown.

    Args:
        config: `TrainConfig`.
        resume: bool. Continue from the last checkpoint of `config.run_dir`.
        report: function of one str, called with each line to show.
        workers: result of `distribution.start`; None: only this process, on one device. With several workers, all must
            call this function, but only the chief uses `config`, `report` and the run folder. All need the photos under
            the same paths.

    Returns:
        `pathlib.Path` of the run folder.

    Raises:
        ValueError: an invalid value, invalid data, or a checkpoint of another config. checkpoints.TrainingStopped: the
        run was interrupted, the disk is full, a loss is not finite, or a worker is lost; the run can be resumed.
        distribution.Followed: raised on the other workers if the chief raised an exception.
    """
    workers = workers or distribution.Workers()
    if not workers.is_chief:
        report = _no_report
    try:
        values, photos = workers.from_chief(lambda: preparation.prepare(config, resume, report, workers))
        config = settings.Resolved(**values)
        return _train(config, photos, resume, report, workers)
    except (distribution.WorkerLost, checkpoints.TrainingStopped) as error:
        raise _stopped(workers)(str(error)) from error
    except tf.errors.OpError as error:
        lost = workers.who_is_gone()
        raise (_stopped(workers)(lost) if lost else checkpoints.TrainingStopped(_reason(error))) from error


def _stopped(workers):
    return checkpoints.TrainingStopped if workers.is_chief else distribution.Followed


def _no_report(line):
    pass


def _train(config, photos, resume, report, workers):
    run_dir = pathlib.Path(config.run_dir)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config.precision)
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    try:
        generator = workers.replicated(lambda: preparation.build_generator(config, report))
        about = preparation.about(config)
        workers.from_chief(lambda: None if resume else preparation.write(config, generator, about, photos))
        data = batches.Batches(config, photos)
        _Run(run_dir, generator, data, about, report, workers).run(_stages(config, generator, data, workers))
    finally:
        keras.config.set_dtype_policy(policy)
    return run_dir


def _stages(config, generator, data, workers):
    """Yields the stages of a run. Each is made when the one before has ended, on whose generator it builds."""
    if config.pretrain_epochs:
        yield stage_models.stage1(config, generator, data, workers)
    if config.mode == "gan":
        yield stage_models.stage2(config, generator, data, workers)


class _Run:
    """A training run: its generator, batches and files."""

    def __init__(self, run_dir, generator, data, about, report, workers):
        self.run_dir = run_dir
        self.generator = generator
        self.data = data
        self.about = about  # metadata of the generators that the run saves
        self.report = report
        self.workers = workers
        self.kept = {}  # title -> file of the best generator

    def run(self, stages):
        """Runs the remaining part of the training."""
        with self.workers.watched():
            for stage in stages:
                self._fit(stage)
            self.workers.from_chief(lambda: None)  # all workers stop watching together
        # The others are finished, and may exit before the chief.
        if self.workers.is_chief:
            results.write(self.run_dir, self.kept, self.data.validation(), self.data.n_validation, self.report)

    def _fit(self, stage):
        """Runs the remaining part of a stage, then loads the best weights into the generator."""
        workers, steps_per_epoch = self.workers, self.data.steps_per_epoch
        # Checkpoints must include the variables of metrics.
        loop.create_metrics(workers, stage.model, stage.examples(self.data.validation()))
        validation = self.data.validation(workers.share)
        average = averaging.WeightAverage(self.generator, stage.average) if stage.average else None
        saver = checkpoints.Checkpoints(
            self.run_dir / "checkpoints" / stage.name,
            average.variables if average else [],
            steps_per_epoch,
            workers=workers,
        )
        saver.attach(stage.model)
        first = saver.find()
        if first:
            self.report(f"Resuming {stage.name} at step {first} of {stage.epochs * steps_per_epoch}.")
        watchers = [reports.ColorReport(self.generator, validation, workers=workers)]
        if workers.is_chief:
            watchers = self._reports(stage, first, validation)
        # The order counts. The average changes with each step before the checkpoint is written, and takes the place of
        # the weights at the end of an epoch for those that come after it: what is reported, scored and kept is the
        # average. A checkpoint is never written between, but when the next epoch begins and the weights are back.
        callbacks = [*([average] if average else []), saver, *watchers]
        with checkpoints.stop_signals(saver.request_stop):
            for begin, end, step in _spans(first, stage.epochs, steps_per_epoch):
                loop.fit(
                    workers,
                    stage.model,
                    stage.examples(self.data.training(stage.number, step, workers.share)),
                    steps_per_epoch - step % steps_per_epoch,
                    range(begin, end),
                    stage.examples(validation),
                    callbacks,
                    saver,
                )
        saver.finish()
        kept = self.run_dir / f"{stage.name}.keras"
        self.kept[f"stage {stage.number}"] = kept
        workers.from_chief(lambda: self._take_back(kept))
        workers.copy_from_chief(self.generator.weights)

    def _take_back(self, kept):
        best, _ = saving.load_generator(kept)
        for weight, value in zip(self.generator.weights, best.get_weights()):
            distribution.copies(weight)[0].assign(value)

    def _reports(self, stage, first, validation):
        """Returns the reporting callbacks in the order in which they add to an epoch's logs."""
        log_dir = self.run_dir / "logs" / stage.name
        steps_per_epoch = self.data.steps_per_epoch
        history = reports.History(self.run_dir / "history.jsonl", stage.name, first // steps_per_epoch)
        line = reports.StateLine(stage.name, stage.epochs, steps_per_epoch, self.data.size)
        line.first_step = first
        kept = self.run_dir / f"{stage.name}.keras"
        return [
            line,
            reports.ColorReport(self.generator, validation, log_dir / "validation", self.workers),
            reports.KeepBest(self.generator, kept, self.about, stage.score, history.read(), stage.name),
            history,
            keras.callbacks.TensorBoard(log_dir, write_graph=False),
        ]


def _reason(error):
    """Returns the relevant line of a TensorFlow error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    ours = [line for line in lines if "ImageError" in line]
    return (ours or lines)[-1 if ours else 0]


def _spans(first, epochs, steps_per_epoch):
    """Yields (first epoch, last epoch, step) of each call of `fit`: a partial epoch needs its own call."""
    epoch, done = divmod(first, steps_per_epoch)
    if done:
        yield epoch, epoch + 1, first
        epoch += 1
    if epoch < epochs:
        yield epoch, epochs, epoch * steps_per_epoch
