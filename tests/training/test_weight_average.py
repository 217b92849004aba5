"""The average of a generator's weights: its numbers, and when it takes the place of the weights."""

import keras
import numpy as np
import pytest

from tf_colorize.training import averaging

X = np.array([[1.0], [2.0], [4.0]], "float32")
Y = np.array([[3.0], [1.0], [-2.0]], "float32")


def linear():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[0.5]], "float32")])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


def by_hand(steps, decay, weight=0.5):
    """The weight after each step of gradient descent on one sample at a time, and the average after each."""
    weights, averages, average = [], [], weight
    for step in range(steps):
        x, y = float(X[step % 3, 0]), float(Y[step % 3, 0])
        weight -= 0.1 * 2 * x * (weight * x - y)
        share = min(decay, (step + 1) / (10 + step))
        average = share * average + (1 - share) * weight
        weights.append(weight)
        averages.append(average)
    return weights, averages


class Weights(keras.callbacks.Callback):
    """Records the weight that validation uses, and those before and after."""

    def __init__(self, generator):
        super().__init__()
        self.generator, self.seen = generator, {}

    def note(self, name):
        self.seen.setdefault(name, []).append(float(self.generator.get_weights()[0][0, 0]))

    def on_test_batch_begin(self, batch, logs=None):
        self.note("validation")

    def on_epoch_end(self, epoch, logs=None):
        self.note("end of epoch")

    def on_train_batch_begin(self, batch, logs=None):
        self.note("step")


@pytest.mark.parametrize("decay", [0.3, 0.999])
def test_validation_uses_the_average_and_training_continues_from_the_weights(decay):
    model = linear()
    average, noted = averaging.WeightAverage(model, decay), Weights(model)
    history = model.fit(
        *(X, Y),
        batch_size=1,
        epochs=2,
        shuffle=False,
        verbose=0,
        validation_data=(X, Y),
        validation_batch_size=3,
        callbacks=[average, noted],
    ).history
    weights, averages = by_hand(6, decay)
    assert noted.seen["validation"] == pytest.approx([averages[2], averages[5]], rel=1e-5)
    assert noted.seen["end of epoch"] == pytest.approx([averages[2], averages[5]], rel=1e-5)
    assert noted.seen["step"] == pytest.approx([0.5, *weights[:5]], rel=1e-5)
    expected = [np.mean((value * X - Y) ** 2) for value in (averages[2], averages[5])]
    assert history["val_loss"] == pytest.approx(expected, rel=1e-5)
    assert float(model.get_weights()[0][0, 0]) == pytest.approx(weights[5], rel=1e-5)


def test_moving_statistics_are_averaged_with_the_kernels():
    model = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(momentum=0.5)])
    average = averaging.WeightAverage(model, 0.5)
    before = model.get_weights()
    values = [np.full_like(weight, 8.0) for weight in before]
    model.set_weights(values)
    average.on_train_batch_end(0)
    average.on_epoch_end(0)
    for old, new, mean in zip(before, values, model.get_weights(), strict=True):
        np.testing.assert_allclose(mean, 0.1 * old + 0.9 * new, rtol=1e-6)  # the first step counts 9 of 10
