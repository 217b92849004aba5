"""Averages of a generator's weights: over the steps of a training run, and between two generators."""

from __future__ import annotations

from tf_colorize import installation
from tf_colorize.training import distribution

with installation.explained():
    import keras
    import tensorflow as tf


class WeightAverage(keras.callbacks.Callback):
    """Keeps an exponential moving average of the generator's weights and validates with it.

    The average replaces the weights during validation and at the end of each epoch, for later callbacks; training
    continues from the raw weights.

    Source: Polyak and Juditsky 1992; the decay is warmed up as in `tf.train.ExponentialMovingAverage`, for short
    training runs.

    Args:
        generator: `keras.Model` whose weights are averaged, including moving statistics: those of the last batches
            would not fit averaged kernels.
        decay: float in [0, 1), reached after about 10 / (1 - decay) steps.
    """

    def __init__(self, generator: keras.Model, decay: float = 0.999) -> None:
        super().__init__()
        # Weights are equal on all devices, so one average is enough.
        self.copies = [distribution.copies(weight) for weight in generator.weights]
        self.weights = [copies[0] for copies in self.copies]
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
            for average, copies in zip(self.averages, self.copies):
                values = copies[0].numpy()
                for weight in copies:
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


def blend(first: keras.Model, second: keras.Model, share: float) -> None:
    """Moves the weights of `second` to a point between two generators of the same architecture.

    Source: network interpolation, Wang et al. 2018, "ESRGAN", section 3.4.

    Args:
        first, second: `keras.Model`s with weights of the same shapes.
        share: float in [0, 1], the share of `second`.

    Raises:
        ValueError: the generators do not have the same weights, or `share` is out of range.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"`share` must be in [0, 1]. Received: share={share}")
    shapes = [[tuple(weight.shape) for weight in model.weights] for model in (first, second)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"`first` and `second` must have the same architecture. Received: {first.name}, {second.name}")
    pairs = zip(first.get_weights(), second.get_weights())
    second.set_weights([(1 - share) * one + share * other for one, other in pairs])
