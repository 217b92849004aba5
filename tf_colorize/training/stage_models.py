"""What each stage trains: a compiled model, for how long, and by which score its best epoch is chosen."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from tf_colorize import installation, losses, metrics, models, optimizers
from tf_colorize.models import anatomy, catalog
from tf_colorize.training import batches, distribution, objectives, outcome, preparation, settings

with installation.explained():
    import keras
    import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Stage:
    """A stage that is ready to train."""

    number: int  # 1 or 2
    epochs: int
    model: keras.Model  # compiled; it contains the generator
    targets: Callable[[Any, Any], tuple[Any, Any]]  # (lightness, ab) -> what the model trains on
    score: Callable[[dict[str, float]], float]  # of an epoch's logs; lower is better
    average: float  # decay of the weight average; 0: none

    @property
    def name(self) -> str:
        """The name in logs and file names, such as "stage1"."""
        return f"stage{self.number}"

    def examples(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Returns a dataset of (lightness, ab) as what the model trains on."""
        # Otherwise TensorFlow writes source code into a temporary file, which stays if the process is killed.
        return dataset.map(tf.autograph.experimental.do_not_convert(self.targets))


def stage1(
    config: settings.Resolved, generator: keras.Model, data: batches.Batches, workers: distribution.Workers
) -> Stage:
    """Returns the stage that trains the generator alone.

    Args:
        config: `settings.Resolved`.
        generator: `keras.Model`, whose current weights are where it starts.
        data: the run's `batches.Batches`.
        workers: `distribution.Workers`.
    """
    keras.utils.set_random_seed(config.seed)
    outputs = (anatomy.hint_heads if config.hints else anatomy.heads)(generator)
    with workers.scope():
        model = _Stage1(generator.input, outputs, name="stage1")
    model.several_sizes = config.largest_size is not None
    palette_loss = _palette_loss(config, generator, data, workers)
    if not (config.hints or config.strength):  # these train only a small part, on their own loss
        model.terms = objectives.terms(settings.weights(config, 1), palette_loss)
    loss = _stage1_loss(config, palette_loss)
    with workers.scope():
        optimizer = optimizers.FusedAdam(
            objectives.schedule(config.pretrain_learning_rate, config.pretrain_epochs * data.steps_per_epoch),
            rate_factors=anatomy.pretrained_rates(config.encoder_rate),
        )
        model.compile(optimizer, loss=loss)

    def as_targets(lightness, ab):
        return lightness, {name: ab for name in outputs}

    return Stage(1, config.pretrain_epochs, model, as_targets, lambda logs: logs["val_loss"], config.average)


def stage2(
    config: settings.Resolved, generator: keras.Model, data: batches.Batches, workers: distribution.Workers
) -> Stage:
    """Returns the stage that trains the generator and a new discriminator against each other; `Args` as of `stage1`."""
    # Seeded again, so that a run resumed in stage 1 starts stage 2 in the same state.
    keras.utils.set_random_seed(config.seed + 1)
    discriminator = workers.replicated(
        lambda: preparation.build_discriminator(config.discriminator, config.encoder_weights, config.spectral_norm)
    )
    terms = objectives.terms(settings.weights(config, 2), _palette_loss(config, generator, data, workers))
    rate = objectives.schedule(config.learning_rate, config.epochs * data.steps_per_epoch)
    if catalog.kind(config.generator).encoder is None:
        rate = config.learning_rate  # constant, as in the paper
    with workers.scope():
        model = models.Pix2Pix(generator, discriminator, config.lambda_l1, terms)
        both = [
            optimizers.FusedAdam(rate, beta_1=models.pix2pix.BETA_1, rate_factors=factors)
            for factors in (anatomy.pretrained_rates(config.encoder_rate), None)
        ]
        model.compile(both[0], metrics=[metrics.DeltaE()], discriminator_optimizer=both[1], gan_loss=config.gan_loss)
    return Stage(2, config.epochs, model, lambda lightness, ab: (lightness, ab), balanced_score, config.average)


def balanced_score(logs: dict[str, float]) -> float:
    """Returns the score by which stage 2 chooses an epoch: wrong color plus missing (or excess) color.

    Args:
        logs: dict with "val_delta_e76", "val_delta_e76_gray", "val_colorfulness" and
            "val_colorfulness_truth".
    """
    return outcome.balanced({name.removeprefix("val_"): value for name, value in logs.items()})


class _Stage1(keras.Model):
    """A generator with the loss given to `compile` and further terms."""

    terms: Sequence[losses.Term] = ()
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


def _stage1_loss(config, palette_loss):
    """Returns the loss of stage 1 by the name of the output that it acts on, as `compile` takes it."""
    if config.hints:
        return {"ab": objectives.hint_error}
    if config.strength:
        return {"ab": objectives.log_squared_error}
    return {"logits": palette_loss()} if config.pretrain_loss == "classification" else {"ab": "mae"}


def _palette_loss(config, generator, data, workers):
    """Returns a function that makes the loss over the palette, for generators that have one."""
    rebalance = config.rebalance
    return lambda: objectives.palette_crossentropy(generator, data.training(1, 0), rebalance, workers)
