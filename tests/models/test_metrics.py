"""Training metrics against hand calculations and scikit-image."""

import math

import keras
import numpy as np
import pytest
import skimage.data
import skimage.metrics
import tensorflow as tf

from tf_colorize import metrics


def random_ab(seed, shape=(3, 5, 7, 2)):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


def test_delta_e_of_a_right_triangle():
    truth = np.zeros((1, 2, 2, 2), "float32")
    prediction = np.zeros_like(truth)
    prediction[0, 0, 0] = [0.3, 0.4]  # distance 0.5, times 110, over one of four pixels
    metric = metrics.DeltaE()
    metric.update_state(truth, prediction)
    assert float(metric.result()) == pytest.approx(110 * 0.5 / 4, rel=1e-6)


def test_delta_e_equals_scikit_image_at_shared_lightness():
    truth, prediction = random_ab(0), random_ab(1)
    lightness = np.full(truth.shape[:-1] + (1,), 60.0)
    expected = skimage.color.deltaE_cie76(
        np.concatenate([lightness, truth * 110.0], -1),
        np.concatenate([lightness, prediction * 110.0], -1),
    )
    np.testing.assert_allclose(metrics.delta_e76(truth, prediction), expected, rtol=1e-5)


def test_delta_e_averages_over_all_pixels_of_unequal_batches():
    truth, prediction = random_ab(2), random_ab(3)
    metric = metrics.DeltaE()
    metric.update_state(truth[:2], prediction[:2])
    metric.update_state(truth[2:], prediction[2:])
    expected = 110 * np.linalg.norm(truth - prediction, axis=-1).mean()
    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)
    metric.reset_state()
    assert float(metric.result()) == 0.0


def test_delta_e_of_bfloat16_is_summed_in_float32():
    truth = np.zeros((1, 256, 256, 2), "float32")
    prediction = np.full_like(truth, 0.5)
    metric = metrics.DeltaE()
    metric.update_state(tf.cast(truth, tf.bfloat16), tf.cast(prediction, tf.bfloat16))
    assert float(metric.result()) == pytest.approx(110 * math.sqrt(0.5), rel=1e-5)


def test_delta_e_survives_serialization_and_compile():
    metric = keras.metrics.deserialize(keras.metrics.serialize(metrics.DeltaE()))
    assert isinstance(metric, metrics.DeltaE) and metric.name == "delta_e76"
    model = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(2, 1, kernel_initializer="zeros")])
    model.compile("adam", loss="mae", metrics=[metrics.DeltaE()])
    truth = random_ab(4)
    logs = model.evaluate(truth[..., :1], truth, verbose=0, return_dict=True)
    assert logs["delta_e76"] == pytest.approx(110 * np.linalg.norm(truth, axis=-1).mean(), rel=1e-5)


def test_psnr_equals_scikit_image_for_each_picture():
    truth = np.stack([skimage.data.astronaut()[:64, :96], skimage.data.coffee()[:64, :96]]).astype("float32") / 255
    prediction = np.clip(truth + np.random.default_rng(0).normal(0, 0.05, truth.shape), 0, 1).astype("float32")
    expected = [skimage.metrics.peak_signal_noise_ratio(t, p, data_range=1.0) for t, p in zip(truth, prediction)]
    np.testing.assert_allclose(metrics.psnr(truth, prediction), expected, rtol=1e-5)
    assert np.isinf(metrics.psnr(truth, truth)).all()


def test_colorfulness_of_two_colors_matches_a_hand_calculation():
    picture = np.zeros((1, 1, 2, 3), "float32")
    picture[0, 0, 0] = [
        1,
        0,
        0,
    ]  # rg 255, yb 127.5; the other pixel is black: means 127.5 and 63.75, deviations equal
    expected = math.hypot(127.5, 63.75) * 1.3
    np.testing.assert_allclose(metrics.colorfulness(picture), [expected], rtol=1e-6)


def test_colorfulness_is_signed_and_zero_for_gray():
    picture = np.zeros((2, 1, 2, 3), "float32")
    picture[0, 0, 0, 0] = picture[0, 0, 1, 1] = 1  # red beside green: rg +255 and -255, yb 127.5 twice
    picture[1] = 0.5
    np.testing.assert_allclose(metrics.colorfulness(picture), [255 + 0.3 * 127.5, 0], rtol=1e-6, atol=1e-4)


def test_batch_functions_work_inside_dataset_map():
    picture = skimage.data.astronaut()[None, :32, :48].astype("float32") / 255
    dataset = tf.data.Dataset.from_tensors(picture).map(lambda x: (metrics.colorfulness(x), metrics.psnr(x, 0.5 * x)))
    colorfulness, psnr = next(iter(dataset))
    np.testing.assert_allclose(colorfulness, metrics.colorfulness(picture), rtol=1e-5)
    np.testing.assert_allclose(psnr, metrics.psnr(picture, 0.5 * picture), rtol=1e-5)
