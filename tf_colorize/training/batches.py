"""The photos of a training run as batches, for training and for validation."""

from __future__ import annotations

import functools
import typing

from tf_colorize.data import pipeline
from tf_colorize.training import settings

if typing.TYPE_CHECKING:
    import tensorflow as tf

FINE_TUNING_STEPS = 50  # minimum steps per epoch: otherwise epochs on a small album would be too short


class Batches:
    """The batches of a run.

    Args:
        config: `settings.Resolved`.
        photos: dict of "train" and "validation" -> paths.

    Attributes:
        size: crops per step, on all devices together.
        steps_per_epoch: int.
        n_validation: number of validation photos.
    """

    def __init__(self, config: settings.Resolved, photos: dict[str, list[str]]) -> None:
        self.size = config.batch_size
        least = 1 if config.init is None else FINE_TUNING_STEPS
        self.steps_per_epoch = config.steps_per_epoch or max(least, len(photos["train"]) // config.batch_size)
        self.n_validation = len(photos["validation"])
        self._seed = config.seed
        self._training = functools.partial(
            pipeline.training_batches,
            photos["train"],
            config.image_size,
            config.batch_size,
            old_photos=config.old_photos,
            largest_size=config.largest_size,
            hints=config.hints,
        )
        self._validation = functools.partial(
            pipeline.image_dataset, photos["validation"], config.image_size, config.batch_size, hints=config.hints
        )

    def training(self, stage: int, first_step: int, share: tuple[int, int] = (0, 1)) -> tf.data.Dataset:
        """Returns the endless stream of a stage, 1 or 2, from a step on, or one worker's share of each batch.

        Args:
            stage: 1 or 2.
            first_step: int.
            share: `(index, count)` of the worker.
        """
        return self._training(seed=self._seed + stage - 1, first_step=first_step, share=share)

    def validation(self, share: tuple[int, int] = (0, 1)) -> tf.data.Dataset:
        """Returns the validation photos, or the share of the worker `(index, count)`."""
        return self._validation(share=share)
