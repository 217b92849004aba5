"""The objectives of a run: its losses with their weights, and the learning-rate schedule."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tf_colorize import installation, losses
from tf_colorize.models import anatomy
from tf_colorize.training import distribution

with installation.explained():
    import keras

if typing.TYPE_CHECKING:
    import tensorflow as tf

WARM_UP = 0.05  # share of a stage's steps
N_PRIOR_BATCHES = 60


def terms(weights: Mapping[str, float], palette_loss: Callable[[], Any]) -> list[losses.Term]:
    """Returns the losses other than L1 and GAN of a stage.

    Args:
        weights: name of a function in `losses` -> its weight, as from `settings.weights`.
        palette_loss: returns the loss over the palette; called if it is needed.
    """
    return [
        losses.Term(
            name, weight, losses.Classification(palette_loss()) if name == "classification" else getattr(losses, name)
        )
        for name, weight in weights.items()
    ]


def palette_crossentropy(
    generator: keras.Model, batches: tf.data.Dataset, rebalance: float, workers: distribution.Workers
) -> losses.PaletteCrossentropy:
    """Returns the cross-entropy over a generator's palette, with weights that decrease with the frequency of entries.

    Args:
        generator: Functional model with a palette.
        batches: of lightness and ab; the chief counts the entries in the first ones.
        rebalance: float, share of the uniform prior, as for `losses.rebalancing_weights`.
        workers: `distribution.Workers`.
    """
    palette = anatomy.palette(generator)
    stride = anatomy.palette_stride(generator)
    sigma = losses.PaletteCrossentropy(palette).sigma

    def prior():
        shares = [
            keras.ops.mean(losses.soft_encode(ab[:, ::stride, ::stride], palette, sigma)[1], axis=(0, 1, 2))
            for _, ab in batches.take(N_PRIOR_BATCHES)
        ]
        return np.mean(shares, axis=0).tolist()

    weights = losses.rebalancing_weights(np.float32(workers.from_chief(prior)), rebalance)
    return losses.PaletteCrossentropy(palette, weights)


def log_squared_error(target: Any, result: Any) -> Any:
    """Returns the logarithm of the mean squared error of each picture, `(batch,)`.

    A picture counts as much as any other, however colorful it is: what is minimized is the mean of PSNRs. An error
    under two Lab units is as good as none.

    Args:
        target, result: `(batch, height, width, channels)`, float.
    """
    return keras.ops.log(keras.ops.mean((target - result) ** 2, axis=(1, 2, 3)) + 2e-4)


def hint_error(target: Any, result: Any) -> Any:
    """Returns the distance of each picture with hints from its target, `(batch,)`.

    It is the root mean squared error plus the mean absolute error: the first penalizes large errors, the second also a
    faint tint all over a picture that should not change.

    Args:
        target, result: `(batch, height, width, channels)`, float.
    """
    return losses.root_mean_squared_error(target, result) + keras.ops.mean(
        keras.ops.abs(target - result), axis=(1, 2, 3)
    )


def hint_target(wish: Any, automatic: Any) -> Any:
    """Returns the target for hints: the wished ab by its share, otherwise the automatic result.

    Args:
        wish: `(batch, height, width, 3)`: ab, and its share in the target, 0 to 1.
        automatic: `(batch, height, width, 2)`, ab without hints; no gradient passes through it.
    """
    share = wish[..., 2:]
    return share * wish[..., :2] + (1.0 - share) * keras.ops.stop_gradient(automatic)


def schedule(peak: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns a linear warm-up, then a cosine down to a hundredth (Loshchilov and Hutter 2017).

    Args:
        peak: float, the peak learning rate.
        steps: int, number of steps of the stage.
    """
    warm_up = max(1, int(WARM_UP * steps))
    return keras.optimizers.schedules.CosineDecay(
        peak / 100, max(1, steps - warm_up), alpha=0.01, warmup_target=peak, warmup_steps=warm_up
    )
