"""The TensorFlow operations find the margins that NumPy finds; the shipped model has them."""

import pathlib

import mounts
import numpy as np
import pytest
import tensorflow as tf

from tf_colorize import hints as hints_module
from tf_colorize.color import margins
from tf_colorize.export import margin_ops

SIDE = 96
PICTURES = {**mounts.with_margins(), **mounts.without_margins()}
SQUARES = np.stack([mounts.seen(picture, SIDE) for picture in PICTURES.values()])[..., np.newaxis]


@pytest.fixture(scope="module")
def without_color_in_margins():
    specs = [tf.TensorSpec((None, SIDE, SIDE, channels), tf.float32) for channels in (1, 2)]
    return tf.function(margin_ops.without_color_in_margins(SIDE), autograph=False, input_signature=specs)


def expected_shares():
    return np.stack([margins.color_share(square[..., 0]) for square in SQUARES])[..., np.newaxis]


def test_they_find_what_numpy_finds(without_color_in_margins):
    shares = without_color_in_margins(SQUARES, tf.ones((*SQUARES.shape[:3], 2))).numpy()
    for name, share, expected in zip(PICTURES, shares, expected_shares()):
        np.testing.assert_allclose(share[..., :1], expected, atol=1e-6, err_msg=name)
    assert sum(share.min() < 1 for share in shares) >= 20


def test_the_last_bits_of_lightness_do_not_matter(without_color_in_margins):
    noise = np.random.default_rng(0).normal(0, 2e-6, SQUARES.shape).astype(np.float32)
    shares = without_color_in_margins(SQUARES + noise, tf.ones((*SQUARES.shape[:3], 2))).numpy()
    np.testing.assert_allclose(shares[..., :1], expected_shares(), atol=1e-6)


def test_a_hint_in_a_margin_keeps_the_color_of_its_picture():
    square = np.stack([mounts.seen(mounts.mounted(mounts.PHOTOS["camera"], 120)[0], SIDE)] * 3)[..., np.newaxis]
    places = ((2, 50), (50, 50), None)
    painted = np.zeros((3, SIDE, SIDE, 3), np.float32)
    for each, place in zip(painted, places):
        if place:
            each[:] = hints_module.raster([hints_module.Hint(*place, "#884422")], (SIDE, SIDE), square[:1])[0]
    removed = margin_ops.without_color_in_margins(SIDE)
    kept = removed(tf.constant(square), tf.ones((3, SIDE, SIDE, 2)), tf.constant(painted)).numpy()
    assert kept[0].min() == 1 and kept[1].min() == 0
    np.testing.assert_array_equal(kept[1], kept[2])


@pytest.mark.parametrize("side", [1, 31, 33])
def test_small_squares_do_not_fail(side):
    lightness = np.zeros((1, side, side, 1), np.float32)
    kept = margin_ops.without_color_in_margins(side)(lightness, tf.ones((1, side, side, 2)))
    assert kept.shape == (1, side, side, 2) and kept.numpy().min() == 1


@pytest.mark.slow
def test_the_shipped_saved_model_leaves_a_mount_gray():
    path = pathlib.Path(__file__).parents[2] / "saved_models" / "colorizer" / "1"
    picture = mounts.mounted(mounts.PHOTOS["astronaut"], 175, (80, 80, 80, 80))[0]
    image = np.repeat(picture[..., np.newaxis], 3, axis=-1)
    loaded = tf.saved_model.load(str(path), tags=["serve"])
    color = loaded.signatures["colorize"](image=tf.constant(image[np.newaxis]))["image"].numpy()[0].astype(int)
    assert (color[:70] == 175).all() and (color[:, :70] == 175).all()
    assert np.ptp(color[100:-100, 100:-100], axis=-1).mean() > 10
