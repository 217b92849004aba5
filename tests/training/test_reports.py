"""Reports of a run: right figures, also of an incomplete last batch, and no warnings about how they are made."""

import logging

import keras
import numpy as np
import pytest
import skimage.color
import tensorflow as tf

from tf_colorize.training import reports


def generator(a_star):
    """A network that makes every pixel of one color: ab = (a_star, 0) / 110."""
    inputs = keras.Input((None, None, 1))
    layer = keras.layers.Conv2D(2, 1, kernel_initializer="zeros", name="ab")
    model = keras.Model(inputs, layer(inputs))
    layer.bias.assign([a_star / 110, 0.0])
    return model


@pytest.fixture(scope="module")
def batches():
    """Seven gray photos, in batches of four and three."""
    lightness = np.random.default_rng(0).uniform(-0.8, 0.8, (7, 6, 8, 1)).astype("float32")
    return tf.data.Dataset.from_tensor_slices((lightness, np.zeros((7, 6, 8, 2), "float32"))).batch(4)


def test_figures_are_means_over_all_photos(batches):
    figures, (gray, prediction, truth) = reports.ColorReport(generator(20), batches).measure()
    assert figures["delta_e76"] == pytest.approx(20, rel=1e-5) and figures["delta_e76_gray"] == 0
    assert gray.shape == prediction.shape == truth.shape == (7, 6, 8, 3)
    lab = skimage.color.rgb2lab(prediction)
    in_gamut = (prediction > 0.001).all(-1) & (prediction < 0.999).all(-1)
    np.testing.assert_allclose(lab[in_gamut][:, 1:], np.broadcast_to([20, 0], (in_gamut.sum(), 2)), atol=0.1)


def test_many_reports_in_a_process_give_no_warning(batches, caplog):
    """TensorFlow warns where one function is traced five times in a few calls."""
    logger = tf.get_logger()
    logger.addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.WARNING, logger.name):
            for a_star in range(6):
                figures, _ = reports.ColorReport(generator(a_star), batches).measure()
                assert figures["delta_e76"] == pytest.approx(a_star, abs=1e-4)
    finally:
        logger.removeHandler(caplog.handler)
    assert caplog.messages == []
