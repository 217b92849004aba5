"""tensors.py against scikit-image, in eager mode, in graphs and in pipelines; with tensorflow-io and without it."""

import subprocess
import sys

import numpy as np
import pytest
import skimage.color
import tensorflow as tf

from tf_colorize.color import lab, tensors


@pytest.fixture(params=["tensorflow-io", "its formula"], autouse=True)
def conversion(request, monkeypatch):
    """Runs every test with tensorflow-io, if it is installed, and without it."""
    if request.param == "its formula":
        monkeypatch.setattr(tensors, "tfio", None)
    elif tensors.tfio is None:
        pytest.skip("tensorflow-io has no wheel here")


@pytest.fixture
def grid():
    """All sRGB colors with 17 levels per channel, on a non-square image."""
    levels = np.linspace(0, 1, 17, dtype=np.float32)
    return np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(17, 289, 3)


def run_eager(function, *inputs):
    return function(*inputs)


def run_graph(function, *inputs):
    return tf.function(function)(*inputs)


def run_dataset(function, *inputs):
    dataset = tf.data.Dataset.from_tensors(inputs).map(function)
    return next(iter(dataset))


MODES = pytest.mark.parametrize("run", [run_eager, run_graph, run_dataset])


@MODES
def test_equals_scikit_image_on_the_srgb_grid(run, grid):
    actual = run(tensors.rgb_to_lab, grid)
    assert actual.dtype == tf.float32
    np.testing.assert_allclose(actual, skimage.color.rgb2lab(grid), atol=1e-3)


@MODES
def test_lab_to_rgb_equals_scikit_image(run, grid):
    lab_color = skimage.color.rgb2lab(grid).astype(np.float32)
    actual = run(tensors.lab_to_rgb, lab_color)
    np.testing.assert_allclose(actual, skimage.color.lab2rgb(lab_color), atol=2e-4)


@MODES
def test_round_trip_is_within_half_a_gray_level(run, grid):
    lightness, ab = run(tensors.rgb_to_lightness_ab, grid)
    assert lightness.shape == (17, 289, 1) and ab.shape == (17, 289, 2)
    assert np.abs(lightness).max() <= 1 + 1e-5 and np.abs(ab).max() <= 0.981
    back = run(tensors.lightness_ab_to_rgb, lightness, ab)
    np.testing.assert_allclose(back, grid, atol=0.5 / 255)


def test_equals_the_host_conversion(grid):
    rgb = np.rint(grid * 255).astype(np.uint8)
    lightness, ab = tensors.rgb_to_lightness_ab(rgb.astype(np.float32) / 255)
    expected_lightness, expected_ab = lab.rgb_to_lightness_ab(rgb)
    np.testing.assert_allclose(lightness, expected_lightness, atol=1e-5)
    np.testing.assert_allclose(ab, expected_ab, atol=1e-5)


def test_colors_outside_the_gamut_are_clamped():
    lightness = tf.constant([[[[0.0]], [[0.9]]]])
    ab = tf.constant([[[[1.0, -1.0]], [[-1.0, 1.0]]]])
    rgb = tensors.lightness_ab_to_rgb(lightness, ab).numpy()
    assert rgb.min() == 0.0 and rgb.max() <= 1.0 and np.isfinite(rgb).all()


@MODES
def test_gradients_are_finite_at_black_and_white(run):
    def gradients(rgb, lab_color):
        with tf.GradientTape() as tape:
            tape.watch([rgb, lab_color])
            total = tf.reduce_sum(tensors.rgb_to_lab(rgb))
            total += tf.reduce_sum(tensors.lab_to_rgb(lab_color))
        return tape.gradient(total, [rgb, lab_color])

    rgb = tf.constant([[0.0, 0, 0], [1, 1, 1], [0, 0, 1], [0.5, 0.5, 0.5]])
    lab_color = tf.constant([[0.0, 0, 0], [100, 0, 0], [50, 109, -109], [50, 0, 0]])
    for gradient in run(gradients, rgb, lab_color):
        assert np.isfinite(gradient).all()
        assert np.abs(gradient[3]).max() > 0


def test_gradient_equals_finite_differences_inside_the_gamut():
    rgb = tf.random.stateless_uniform((50, 3), seed=(1, 2), minval=0.05, maxval=0.95)
    rgb = tf.cast(rgb, tf.float64)
    analytic, numeric = tf.test.compute_gradient(
        lambda x: tensors.lab_to_rgb(tensors.rgb_to_lab(x)), [rgb[:4]], delta=1e-5
    )
    np.testing.assert_allclose(analytic[0], numeric[0], atol=1e-4)
    np.testing.assert_allclose(analytic[0], np.eye(12), atol=1e-4)


def test_works_inside_a_saved_model(tmp_path):
    module = tf.Module()
    module.join = tf.function(
        tensors.lightness_ab_to_rgb,
        input_signature=[
            tf.TensorSpec((None, None, None, 1)),
            tf.TensorSpec((None, None, None, 2)),
        ],
    )
    tf.saved_model.save(module, tmp_path)
    lightness, ab = tf.fill((1, 3, 5, 1), 0.2), tf.fill((1, 3, 5, 2), 0.1)
    np.testing.assert_array_equal(
        tf.saved_model.load(tmp_path).join(lightness, ab),
        tensors.lightness_ab_to_rgb(lightness, ab),
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda: tensors.rgb_to_lab(np.zeros((2, 2, 3), np.uint8)),
        lambda: tensors.lab_to_rgb(np.zeros((2, 2, 2), np.float32)),
        lambda: tensors.rgb_to_lightness_ab(np.zeros((2, 2, 4), np.float32)),
        lambda: tensors.lightness_ab_to_rgb(tf.zeros((2, 2, 2)), tf.zeros((2, 2, 2))),
    ],
)
def test_wrong_input_is_an_error(call):
    with pytest.raises(ValueError, match="Received: .*"):
        call()


def test_the_import_hides_no_other_warning():
    code = (
        "import warnings\n"
        "with warnings.catch_warnings(record=True) as seen:\n"
        "    warnings.simplefilter('always')\n"
        "    import tf_colorize.color\n"
        "    warnings.warn('file system plugins are not loaded')\n"
        "print([str(w.message) for w in seen if 'plugins' in str(w.message)])\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "['file system plugins are not loaded']"
    assert "UserWarning" not in run.stderr


def test_the_formula_is_that_of_tensorflow_io_and_so_is_its_gradient(grid):
    tfio = pytest.importorskip("tensorflow_io").experimental.color
    # black, white, all colors, and Lab colors far outside the gamut
    wide = tf.random.stateless_uniform((17, 289, 3), seed=(1, 2), minval=[0.0, -110, -110], maxval=[100.0, 110, 110])
    pairs = [(tfio.rgb_to_lab, tensors._rgb_to_lab, grid)]
    pairs += [(tfio.lab_to_rgb, tensors._lab_to_rgb, color) for color in (tfio.rgb_to_lab(grid), wide)]
    for reference, ours, color in pairs:
        results = []
        for function in (reference, ours):
            with tf.GradientTape() as tape:
                color = tf.convert_to_tensor(color)
                tape.watch(color)
                value = function(color)
            results.append((value, tape.gradient(value, color)))
        (expected, expected_gradient), (value, gradient) = results
        # a* is 500 times a difference of numbers around 1, of which float32 has 6e-8.
        np.testing.assert_allclose(value, expected, atol=1.5e-4)
        gradient, expected_gradient = gradient.numpy(), expected_gradient.numpy()
        # Both have none at black and outside the gamut; `rgb_to_lab` and `lab_to_rgb` make that 0. Rounding
        # decides on which side of a border a color is.
        assert (np.isfinite(gradient) == np.isfinite(expected_gradient)).mean() > 0.95
        finite = np.isfinite(gradient) & np.isfinite(expected_gradient)
        np.testing.assert_allclose(gradient[finite], expected_gradient[finite], rtol=2e-2, atol=2e-2)


@MODES
def test_bytes_to_lightness_equals_the_numpy_version(run, grid):
    rgb = np.rint(grid * 255).astype(np.uint8)
    lightness = run(tensors.rgb8_to_lightness, tf.constant(rgb))
    assert lightness.shape == (17, 289, 1) and lightness.dtype == tf.float32
    np.testing.assert_allclose(lightness, lab.rgb_to_lightness(rgb), atol=1e-6)
    np.testing.assert_allclose(lightness, skimage.color.rgb2lab(rgb)[..., :1] / 50 - 1, atol=2e-5)


@MODES
def test_joined_bytes_equal_the_numpy_version_in_and_out_of_gamut(run, grid):
    lightness, ab = lab.rgb_to_lightness_ab(np.rint(grid * 255).astype(np.uint8))
    for strength in (1.0, 2.5):
        vivid = np.clip(ab * np.float32(strength), -1, 1)
        rgb = run(tensors.lightness_ab_to_rgb8, lightness, vivid)
        assert rgb.shape == (17, 289, 3) and rgb.dtype == tf.uint8
        difference = np.abs(rgb.numpy().astype(int) - lab.lightness_ab_to_rgb(lightness, vivid))
        assert difference.max() <= 1 and difference.mean() < 1e-3
