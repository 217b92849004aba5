"""What the discriminator's layers keep between steps: spectral norms and moving statistics."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_colorize import models
from tf_colorize.models import blocks


@pytest.fixture(params=["float32", "mixed_bfloat16"])
def policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


def unit(vector):
    return vector / np.linalg.norm(vector)


def iterated(kernel, u):
    """One power iteration (Miyato et al. 2018, algorithm 1): the vector and the norm it gives."""
    matrix = kernel.reshape(-1, kernel.shape[-1])
    u = unit(matrix.T @ unit(matrix @ u))
    return u, np.linalg.norm(matrix @ u)


def pix2pix(rate=0.0, **arguments):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, None, 1))
    generator = keras.Model(inputs, keras.layers.Conv2D(2, 3, padding="same", name="ab", dtype="float32")(inputs))
    model = models.Pix2Pix(generator, models.patchgan(filters=8, **arguments))
    optimizers = {"optimizer": keras.optimizers.SGD(rate), "discriminator_optimizer": keras.optimizers.SGD(rate)}
    model.compile(**optimizers, run_eagerly=True)  # for one step, faster
    return model


def batch():
    rng = np.random.default_rng(0)
    condition = rng.uniform(-1, 1, (2, 64, 64, 1)).astype("float32")
    return condition, rng.uniform(-1, 1, (2, 64, 64, 2)).astype("float32")


def spectral_layers(model):
    layers = [layer for layer in model.discriminator.layers if isinstance(layer, blocks.SpectralConv2D)]
    assert len(layers) == 5
    return layers


def test_only_the_optimizer_changes_the_weights_of_a_discriminator_with_spectral_norm(policy):
    model = pix2pix(rate=0.0, spectral_norm=True)
    before = [variable.numpy() for variable in model.discriminator.trainable_variables]
    model.train_on_batch(*batch())
    for variable, value in zip(model.discriminator.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)  # not rounded, not divided


def test_a_step_is_one_power_iteration_in_float32(policy):
    model = pix2pix(spectral_norm=True)
    before = [(layer.kernel.numpy(), layer.vector_u.numpy()) for layer in spectral_layers(model)]
    model.train_on_batch(*batch())
    for layer, (kernel, u) in zip(spectral_layers(model), before):
        assert layer.kernel.dtype == layer.vector_u.dtype == "float32"
        np.testing.assert_allclose(layer.vector_u.numpy(), iterated(kernel, u)[0], atol=1e-5)


def test_testing_assigns_nothing(policy):
    model = pix2pix(spectral_norm=True)
    before = [weight.numpy() for weight in model.discriminator.weights]
    model.test_on_batch(*batch())
    model.discriminator(list(batch()), training=False)
    for weight, value in zip(model.discriminator.weights, before):
        np.testing.assert_array_equal(weight.numpy(), value)


def test_a_spectral_convolution_divides_by_the_largest_singular_value(policy):
    layer = blocks.SpectralConv2D(6, 3, padding="same", activation="relu", name="conv")
    inputs = np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype("float32")
    for _ in range(200):
        outputs = layer(inputs, training=True)
    layer.bias.assign(np.linspace(-1, 1, 6))
    kernel = layer.kernel.numpy()
    divided = kernel / np.linalg.svd(kernel.reshape(-1, 6))[1][0]
    expected = np.maximum(tf.nn.conv2d(inputs, divided, 1, "SAME") + np.linspace(-1, 1, 6), 0)
    outputs = layer(inputs, training=False)
    assert outputs.dtype == layer.compute_dtype
    # bfloat16 has 8 bits; the norm itself must not be rounded (in the mean it would show).
    np.testing.assert_allclose(np.asarray(outputs, "float32"), expected, atol=1e-5 if policy == "float32" else 3e-2)
    copy = blocks.SpectralConv2D.from_config(layer.get_config())
    copy.build(inputs.shape)
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(copy(inputs), outputs)


def test_gradients_go_through_the_division():
    layer = blocks.SpectralConv2D(6, 3, use_bias=False, name="conv")
    inputs = tf.random.stateless_normal((2, 8, 8, 4), (0, 1))
    layer(inputs)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(inputs, training=True) ** 2)
    gradient = tape.gradient(loss, layer.kernel.value).numpy()
    # The size of the kernel is divided away, so that no gradient points along it.
    kernel = layer.kernel.numpy()
    assert np.abs(gradient).max() > 0.1
    assert abs(np.vdot(unit(gradient.ravel()), unit(kernel.ravel()))) < 1e-4


def test_a_kernel_of_zeros_stays_one():
    layer = blocks.SpectralConv2D(2, 3, kernel_initializer="zeros", name="conv")
    assert not np.any(layer(tf.ones((1, 4, 4, 1)), training=True))


def test_moving_statistics_see_real_and_generated_pictures_once_each():
    model = pix2pix()
    condition, target = batch()
    before_norm = keras.Model(model.discriminator.inputs, model.discriminator.get_layer("block2_conv").output)
    fake = model.generator(condition).numpy()
    features = [before_norm([condition, picture]).numpy() for picture in (target, fake)]
    mean, variance = np.zeros(16), np.ones(16)
    for values in features:
        mean = 0.9 * mean + 0.1 * values.mean(axis=(0, 1, 2))
        variance = 0.9 * variance + 0.1 * values.var(axis=(0, 1, 2), ddof=1)
    model.train_on_batch(condition, target)
    norm = model.discriminator.get_layer("block2_norm")
    np.testing.assert_allclose(norm.moving_mean.numpy(), mean, atol=1e-6)
    np.testing.assert_allclose(norm.moving_variance.numpy(), variance, rtol=1e-5)


@pytest.mark.parametrize("arguments", [{"axis": 1}, {"axis": 2}, {"axis": [1, 3]}, {"synchronized": True}])
def test_fused_batch_normalization_rejects_unsupported_arguments(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=rf"`{name}` must be.*Received: {name}="):
        blocks.FusedBatchNormalization(**arguments)
    assert blocks.FusedBatchNormalization(axis=3).axis == -1  # as keras-cv's networks name it
