"""What makes up for kernels that are rounded to int8."""

import keras
import numpy as np
import pytest

from tf_colorize.export import checks, rounding
from tf_colorize.models import blocks, saving


@pytest.fixture(scope="module")
def sample_squares():
    return checks.photo_squares(None, 64, 8)


def network():
    """A convolution that loses most of itself in int8, and its transpose, each normalized."""
    random = np.random.default_rng(0)
    lightness = keras.Input((None, None, 1), name="lightness")
    x = keras.layers.Conv2D(8, 5, use_bias=False, name="down")(lightness)
    x = blocks.FusedBatchNormalization(name="down_norm")(x)
    x = keras.layers.Dropout(0.5, name="dropout")(x)
    x = keras.layers.Conv2DTranspose(4, 5, use_bias=False, name="up")(x)
    model = keras.Model(lightness, blocks.FusedBatchNormalization(name="up_norm")(x))
    down, up = model.get_layer("down"), model.get_layer("up")
    for layer, largest in ((down, (0, 0, 0, slice(None))), (up, (0, 0, slice(None), 0))):
        kernel = random.uniform(0.001, 0.0035, layer.kernel.shape)
        kernel[largest] = 1.0  # a step is 1/127: the others are less than half of one
        layer.kernel.assign(kernel)
    model.get_layer("down_norm").moving_mean.assign(random.normal(size=8))
    return model


def outputs_of_layer(model, name, squares):
    return keras.Model(model.input, model.get_layer(name).output)(np.concatenate(squares)).numpy()


@pytest.mark.parametrize("name", ["down_norm", "up_norm"])
def test_rounded_kernels_give_the_mean_and_spread_of_exact_ones(name, sample_squares):
    exact = network()
    before = [weight.numpy() for weight in exact.weights]
    corrected = rounding.with_statistics_of_int8(exact, sample_squares)
    assert all(np.array_equal(weight, kept) for weight, kept in zip(exact.weights, before))
    plain = saving.with_policy(exact, "float32")
    for model in (plain, corrected):
        for layer, axis in ((model.get_layer("down"), 3), (model.get_layer("up"), 2)):
            np.testing.assert_array_equal(layer.kernel, exact.get_layer(layer.name).kernel)
            layer.kernel.assign(rounding._rounded(layer.kernel.numpy(), axis))

    def distance(model):
        found, expected = (outputs_of_layer(each, name, sample_squares) for each in (model, exact))
        means, spreads = (
            abs(of(found, axis=(0, 1, 2)) - of(expected, axis=(0, 1, 2))).max() for of in (np.mean, np.std)
        )
        return max(means, spreads)

    assert distance(corrected) < 0.3 * distance(plain)


def test_rounding_keeps_127_steps_for_each_output():
    kernel = np.array([[[[1.0, 0.0, -0.1], [0.5039, 0.0, 0.05]]]], np.float32)
    expected = [[[[1.0, 0.0, -0.1], [64 / 127, 0.0, 64 / 1270]]]]
    np.testing.assert_allclose(rounding._rounded(kernel, 3), expected, rtol=1e-6)
