"""Losses against numbers worked out by hand."""

import keras
import numpy as np
import pytest

from tf_colorize import losses

REAL = np.array([[2.0, -1.0]], "float32")
FAKE = np.array([[0.5, 0.0]], "float32")


def softplus(value):
    return np.log1p(np.exp(value))


EXPECTED = {
    # -log sigmoid(x) = softplus(-x); -log(1 - sigmoid(x)) = softplus(x)
    "vanilla": (
        (softplus(-2.0) + softplus(1.0)) / 2,
        (softplus(0.5) + np.log(2.0)) / 2,
        (softplus(-0.5) + np.log(2.0)) / 2,
    ),
    # (1 + 4) / 2; (0.25 + 0) / 2; (0.25 + 1) / 2
    "lsgan": (2.5, 0.125, 0.625),
    # (0 + 2) / 2; (1.5 + 1) / 2; -0.25
    "hinge": (1.0, 1.25, -0.25),
}


@pytest.mark.parametrize("name", losses.GAN_LOSSES)
def test_gan_losses_are_the_papers(name):
    discriminator_loss, generator_loss = losses.get_gan_loss(name)
    real, fake = discriminator_loss(REAL, FAKE)
    np.testing.assert_allclose([real, fake, generator_loss(FAKE)], EXPECTED[name], rtol=1e-6)


def test_vanilla_loss_at_equilibrium_is_log_two():
    discriminator_loss, generator_loss = losses.get_gan_loss("vanilla")
    zeros = np.zeros((1, 30, 30, 1), "float32")
    np.testing.assert_allclose([*discriminator_loss(zeros, zeros), generator_loss(zeros)], np.log(2.0), rtol=1e-6)


def test_a_keras_loss_is_used_as_it_is():
    discriminator_loss, generator_loss = losses.get_gan_loss(keras.losses.MeanAbsoluteError())
    real, fake = discriminator_loss(REAL, FAKE)
    np.testing.assert_allclose([real, fake, generator_loss(FAKE)], [1.5, 0.25, 0.75], rtol=1e-6)


def test_an_unknown_gan_loss_is_named():
    with pytest.raises(ValueError, match=r"`gan_loss` must be one of vanilla.*Received: gan_loss='wgan'"):
        losses.get_gan_loss("wgan")


PALETTE = np.array([[0.0, 0.0], [0.3, 0.0], [0.0, 0.4]], "float32")


def test_soft_labels_are_gaussians_over_the_palette():
    values = np.array([[0.3, 0.0], [0.1, 0.1]], "float32")
    nearest, labels = losses.soft_encode(values, PALETTE, sigma=0.2)
    squared = ((values[:, None] - PALETTE) ** 2).sum(axis=-1)
    gaussians = np.exp(-squared / (2 * 0.2**2))
    np.testing.assert_array_equal(nearest, [1, 0])
    np.testing.assert_allclose(labels, gaussians / gaussians.sum(axis=1, keepdims=True), rtol=1e-5)


def test_palette_crossentropy_is_weighted_and_pools_the_truth():
    truth = np.zeros((1, 2, 2, 2), "float32")
    truth[0, :, :, 0] = [[0.2, 0.4], [0.2, 0.4]]  # on average the second entry
    logits = np.array([1.0, 2.0, -1.0], "float32").reshape(1, 1, 1, 3)
    loss = losses.PaletteCrossentropy(PALETTE, weights=[1.0, 5.0, 1.0], sigma=0.01)
    expected = -5.0 * (2.0 - np.log(np.exp([1.0, 2.0, -1.0]).sum()))
    np.testing.assert_allclose(loss(truth, logits), expected, rtol=1e-5)


def test_palette_crossentropy_survives_serialization():
    loss = losses.PaletteCrossentropy(PALETTE, weights=[1.0, 2.0, 3.0], sigma=0.1)
    copy = keras.losses.deserialize(keras.losses.serialize(loss))
    truth = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 8, 8, 2)).astype("float32")
    logits = np.random.default_rng(1).normal(size=(2, 4, 4, 3)).astype("float32")
    np.testing.assert_array_equal(loss(truth, logits), copy(truth, logits))


def test_palette_crossentropy_refuses_weights_of_another_palette():
    with pytest.raises(ValueError, match=r"`weights`.*\(2,\)"):
        losses.PaletteCrossentropy(PALETTE, weights=[1.0, 2.0])


def test_rebalancing_weights_average_one_and_favor_the_rare():
    prior = np.array([0.7, 0.2, 0.1])
    weights = losses.rebalancing_weights(prior, uniform=0.5)
    raw = 1 / (0.5 * prior + 0.5 / 3)
    np.testing.assert_allclose(weights, raw / (prior @ raw), rtol=1e-6)
    np.testing.assert_allclose(losses.rebalancing_weights(prior, uniform=1.0), 1.0, rtol=1e-6)


def smoothness(condition, error):
    target = np.full((1, 64, 64, 2), 0.2, "float32")
    return float(losses.edge_aware_smoothness(np.float32(condition), target, target + np.float32(error))[0])


def test_smoothness_sees_blotches_on_surfaces_but_no_color_and_no_edges():
    wall = np.zeros((1, 64, 64, 1))
    blotch = np.zeros((1, 64, 64, 2))
    blotch[:, 16:48, 16:48, 0] = 0.3
    seen = smoothness(wall, blotch)
    # Two sides of 32 pixels in each direction, among 7 x 8 pairs of blocks of 8 and 3 x 4 of 16.
    expected = 0.3 * (2 * 4 / (7 * 8) + 2 * 2 / (3 * 4)) / 2
    np.testing.assert_allclose(seen, expected, atol=2e-3)
    np.testing.assert_allclose(smoothness(wall, blotch.swapaxes(1, 2)), seen, rtol=1e-5)
    # The whole wall in one wrong color is no blotch.
    np.testing.assert_allclose(smoothness(wall, np.full_like(blotch, 0.5)), 1e-3, rtol=1e-3)
    # Where lightness has texture, so may chroma.
    texture = np.random.default_rng(0).choice([-0.3, 0.3], wall.shape)
    assert smoothness(texture, blotch) < 0.01 * seen


def test_smoothness_compares_with_the_target():
    wall, target = np.zeros((2, 32, 32, 1), "float32"), np.zeros((2, 32, 32, 2), "float32")
    target[1, :, 16:] = 0.4  # two colors of one lightness
    loss = losses.edge_aware_smoothness(wall, target, target).numpy()
    np.testing.assert_allclose(loss, 1e-3, rtol=1e-3)
    both = losses.edge_aware_smoothness(wall, target, np.zeros_like(target)).numpy()
    assert both[1] > 50 * both[0]
