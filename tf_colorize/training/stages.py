"""The stages of training: stage 1 trains the generator alone, stage 2 adds the discriminator."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from tf_colorize import installation, losses, metrics, models, optimizers
from tf_colorize.data import pipeline
from tf_colorize.models import anatomy, catalog, saving
from tf_colorize.training import (
    averaging,
    checkpoints,
    distribution,
    loop,
    objectives,
    outcome,
    preparation,
    reports,
    results,
    settings,
)

with installation.explained():
    import keras
    import tensorflow as tf

FINE_TUNING_STEPS = 50  # minimum steps per epoch: otherwise epochs on a small album would be too short


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
        config = settings.TrainConfig(**values)
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
        workers.from_chief(lambda: None if resume else preparation.write(config, run_dir, generator, photos))
        _Run(config, run_dir, generator, photos, report, workers).run()
    finally:
        keras.config.set_dtype_policy(policy)
    return run_dir


class _Stage1(keras.Model):
    """A generator with the loss given to `compile` and further terms."""

    terms = ()
    several_sizes = False

    def make_train_function(self, force=False):
        if not self.several_sizes:
            return super().make_train_function(force)
        if self.train_function is None or force:
            # A graph for each size: losses and upsampling need to know it, and so do the faster gradients.
            step = tf.function(self.train_step, autograph=False)
            self.train_function = lambda iterator: step(next(iterator))
        return self.train_function

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if "automatic" in y_pred:
            y = {**y, "ab": objectives.hint_target(y["ab"][..., 2:], y_pred["automatic"])}
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        for term in self.terms:
            loss += losses.per_replica(term.weight * keras.ops.mean(term.function(x, y["ab"], y_pred)))
        return loss


class _Run:
    """A training run: its data, generator and files."""

    def __init__(self, config, run_dir, generator, photos, report, workers):
        self.config = config
        self.run_dir = run_dir
        self.generator = generator
        self.report = report
        self.workers = workers
        self.train_paths = photos["train"]
        self.validation_paths = photos["validation"]
        least = 1 if config.init is None else FINE_TUNING_STEPS
        self.steps_per_epoch = config.steps_per_epoch or max(least, len(self.train_paths) // config.batch_size)
        self.kept = {}  # title -> file of the best generator

    def run(self):
        """Runs the remaining part of the training."""
        with self.workers.watched():
            if self.config.pretrain_epochs:
                self.stage1()
            if self.config.mode == "gan":
                self.stage2()
            self.workers.from_chief(lambda: None)  # all workers stop watching together
        # The others are finished, and may exit before the chief.
        if self.workers.is_chief:
            results.write(self.run_dir, self.kept, self._validation((0, 1)), len(self.validation_paths), self.report)

    def stage1(self):
        """Trains the generator alone, and loads its best weights at the end."""
        config = self.config
        keras.utils.set_random_seed(config.seed)
        outputs = (anatomy.hint_heads if config.hints else anatomy.heads)(self.generator)
        with self.workers.scope():
            model = _Stage1(self.generator.input, outputs, name="stage1")
        model.several_sizes = config.largest_size is not None
        if not (config.hints or config.strength):  # these train only a small part, on their own loss
            model.terms = self._terms(1)
        loss = objectives.stage1_loss(config, self._palette_loss)
        with self.workers.scope():
            optimizer = optimizers.FusedAdam(
                self._schedule(config.pretrain_learning_rate, config.pretrain_epochs),
                rate_factors=anatomy.pretrained_rates(config.encoder_rate),
            )
            model.compile(optimizer, loss=loss)

        def as_targets(lightness, ab):
            return lightness, {name: ab for name in outputs}

        self._fit("stage1", model, config.pretrain_epochs, as_targets, score=lambda logs: logs["val_loss"])

    def stage2(self):
        """Trains generator and discriminator against each other."""
        config = self.config
        # Seeded again, so that a run resumed in stage 1 starts stage 2 in the same state.
        keras.utils.set_random_seed(config.seed + 1)
        discriminator = self.workers.replicated(lambda: preparation.build_discriminator(config))
        terms = self._terms(2)
        rate = self._schedule(config.learning_rate, config.epochs)
        if catalog.kind(config.generator).encoder is None:
            rate = config.learning_rate  # constant, as in the paper
        with self.workers.scope():
            model = models.Pix2Pix(self.generator, discriminator, config.lambda_l1, terms)
            both = [
                optimizers.FusedAdam(rate, beta_1=models.pix2pix.BETA_1, rate_factors=factors)
                for factors in (anatomy.pretrained_rates(config.encoder_rate), None)
            ]
            model.compile(
                both[0],
                metrics=[metrics.DeltaE()],
                discriminator_optimizer=both[1],
                gan_loss=config.gan_loss,
            )
        self._fit("stage2", model, config.epochs, lambda lightness, ab: (lightness, ab), score=balanced_score)

    def _fit(self, stage, model, epochs, as_targets, score):
        """Runs the remaining part of a stage, then loads the best weights into the generator."""
        workers = self.workers
        # Checkpoints must include the variables of metrics.
        loop.create_metrics(workers, model, self._validation((0, 1)).map(as_targets))
        own_validation = self._validation(workers.share)
        average = averaging.WeightAverage(self.generator, self.config.average) if self.config.average else None
        saver = checkpoints.Checkpoints(
            self.run_dir / "checkpoints" / stage,
            average.variables if average else [],
            self.steps_per_epoch,
            workers=workers,
        )
        saver.attach(model)
        first = saver.find()
        if first:
            self.report(f"Resuming {stage} at step {first} of {epochs * self.steps_per_epoch}.")
        watchers = [reports.ColorReport(self.generator, own_validation, workers=workers)]
        if workers.is_chief:
            watchers = self._reports(stage, epochs, first, score, own_validation)
        # The order counts. The average changes with each step before the checkpoint is written, and takes the place of
        # the weights at the end of an epoch for those that come after it: what is reported, scored and kept is the
        # average. A checkpoint is never written between, but when the next epoch begins and the weights are back.
        callbacks = [*([average] if average else []), saver, *watchers]
        with checkpoints.stop_signals(saver.request_stop):
            for begin, end, step in _spans(first, epochs, self.steps_per_epoch):
                loop.fit(
                    workers,
                    model,
                    self._stream(stage, step, workers.share).map(as_targets),
                    self.steps_per_epoch - step % self.steps_per_epoch,
                    range(begin, end),
                    own_validation.map(as_targets),
                    callbacks,
                    saver,
                )
        saver.finish()
        kept = self.run_dir / f"{stage}.keras"
        self.kept[stage.replace("stage", "stage ")] = kept
        workers.from_chief(lambda: self._take_back(kept))
        workers.copy_from_chief(self.generator.weights)

    def _take_back(self, kept):
        best, _ = saving.load_generator(kept)
        for weight, value in zip(self.generator.weights, best.get_weights()):
            distribution.copies(weight)[0].assign(value)

    def _validation(self, share):
        config = self.config
        return pipeline.image_dataset(
            self.validation_paths, config.image_size, config.batch_size, hints=config.hints, share=share
        )

    def _reports(self, stage, epochs, first, score, validation):
        """Returns the reporting callbacks in the order in which they add to an epoch's logs."""
        log_dir = self.run_dir / "logs" / stage
        history = reports.History(self.run_dir / "history.jsonl", stage, first // self.steps_per_epoch)
        line = reports.StateLine(stage, epochs, self.steps_per_epoch, self.config.batch_size)
        line.first_step = first
        about = preparation.about(self.config)
        kept = self.run_dir / f"{stage}.keras"
        return [
            line,
            reports.ColorReport(self.generator, validation, log_dir / "validation", self.workers),
            reports.KeepBest(self.generator, kept, about, score, history.read(), stage),
            history,
            keras.callbacks.TensorBoard(log_dir, write_graph=False),
        ]

    def _stream(self, stage, first_step, share=(0, 1)):
        config = self.config
        seed = config.seed + (stage == "stage2")
        return pipeline.training_batches(
            self.train_paths,
            config.image_size,
            config.batch_size,
            seed=seed,
            first_step=first_step,
            old_photos=config.old_photos,
            largest_size=config.largest_size,
            hints=config.hints,
            share=share,
        )

    def _terms(self, stage):
        return objectives.terms(self.config, stage, self._palette_loss)

    def _palette_loss(self):
        batches = self._stream("stage1", 0)
        return objectives.palette_crossentropy(self.generator, batches, self.config.rebalance, self.workers)

    def _schedule(self, peak, epochs):
        return objectives.schedule(peak, epochs * self.steps_per_epoch)


def _reason(error):
    """Returns the relevant line of a TensorFlow error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    ours = [line for line in lines if "ImageError" in line]
    return (ours or lines)[-1 if ours else 0]


def balanced_score(logs: dict[str, float]) -> float:
    """Returns the score by which stage 2 chooses an epoch: wrong color plus missing (or excess) color.

    Args:
        logs: dict with "val_delta_e76", "val_delta_e76_gray", "val_colorfulness" and
            "val_colorfulness_truth".
    """
    return outcome.balanced({name.removeprefix("val_"): value for name, value in logs.items()})


def _spans(first, epochs, steps_per_epoch):
    """Yields (first epoch, last epoch, step) of each call of `fit`: a partial epoch needs its own call."""
    epoch, done = divmod(first, steps_per_epoch)
    if done:
        yield epoch, epoch + 1, first
        epoch += 1
    if epoch < epochs:
        yield epoch, epochs, epoch * steps_per_epoch
