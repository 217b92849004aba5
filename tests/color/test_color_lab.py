"""lab.py against scikit-image and against numbers worked out by hand."""

import tracemalloc
import warnings

import numpy as np
import pytest
import skimage.color
import skimage.data

from tf_colorize.color import lab


@pytest.fixture
def grid():
    """All sRGB colors with 17 levels per channel, on a non-square image."""
    levels = np.linspace(0, 255, 17).round().astype(np.uint8)
    return np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(17, 289, 3)


def test_equals_scikit_image_on_the_srgb_grid(grid):
    lightness, ab = lab.rgb_to_lightness_ab(grid)
    expected = skimage.color.rgb2lab(grid)
    assert lightness.dtype == ab.dtype == np.float32
    assert lightness.shape == (17, 289, 1) and ab.shape == (17, 289, 2)
    np.testing.assert_allclose((lightness + 1) * 50, expected[..., :1], atol=1e-3)
    np.testing.assert_allclose(ab * 110, expected[..., 1:], atol=1e-3)
    np.testing.assert_allclose(lab.rgb_to_lightness(grid), lightness, atol=1e-6)


def test_known_colors():
    # Red is L* 53.24, a* 80.09, b* 67.20 in every table of sRGB primaries.
    rgb = np.array([[255, 0, 0], [0, 0, 0], [255, 255, 255]], np.uint8)
    lightness, ab = lab.rgb_to_lightness_ab(rgb)
    np.testing.assert_allclose(lightness[:, 0], [53.24 / 50 - 1, -1, 1], atol=1e-4)
    np.testing.assert_allclose(ab[0], [80.09 / 110, 67.20 / 110], atol=1e-4)
    np.testing.assert_allclose(ab[1:], 0, atol=1e-4)


def test_round_trip_gives_the_same_bytes(grid):
    np.testing.assert_array_equal(lab.lightness_ab_to_rgb(*lab.rgb_to_lightness_ab(grid)), grid)
    photo = skimage.data.coffee()[:, :357]  # non-contiguous and not a whole block
    np.testing.assert_array_equal(lab.lightness_ab_to_rgb(*lab.rgb_to_lightness_ab(photo)), photo)


def test_out_of_gamut_colors_keep_lightness_and_hue():
    random = np.random.default_rng(0)
    lightness = random.uniform(-0.9, 0.9, (40, 50, 1)).astype(np.float32)
    ab = random.uniform(-1, 1, (40, 50, 2)).astype(np.float32)
    rgb = lab.lightness_ab_to_rgb(lightness, ab)
    result = skimage.color.rgb2lab(rgb)
    lab_image = np.concatenate([(lightness + 1) * 50, ab * 110], axis=-1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-image counts the negative Z values
        inside = (np.abs(skimage.color.rgb2lab(skimage.color.lab2rgb(lab_image)) - lab_image) < 0.1).all(-1)
    assert 0.05 < inside.mean() < 0.95
    assert np.abs(result - lab_image)[inside].max() < 2.5  # what 8 bits lose in the dark
    assert np.abs(result[..., 0] - lab_image[..., 0]).max() < 0.4
    # As colorful as sRGB allows at this lightness: a channel is at its end.
    assert ((rgb[~inside].min(-1) <= 1) | (rgb[~inside].max(-1) >= 254)).all()
    chroma = np.hypot(result[..., 1], result[..., 2])
    assert (chroma <= np.hypot(lab_image[..., 1], lab_image[..., 2]) + 2.5).all()
    turn = np.angle(np.exp(1j * (np.arctan2(*lab_image[..., :0:-1].T) - np.arctan2(*result[..., :0:-1].T)).T))
    assert np.degrees(np.abs(turn)[chroma > 10]).mean() < 8


def test_vividness_scales_chroma_within_the_gamut():
    lightness = np.full((7, 9, 1), 0.0, np.float32)
    ab = np.random.default_rng(0).uniform(-0.2, 0.2, (7, 9, 2)).astype(np.float32)
    np.testing.assert_array_equal(lab.with_vividness(lightness, ab, 1), ab)
    np.testing.assert_array_equal(lab.with_vividness(lightness, ab, 0), 0 * ab)
    np.testing.assert_allclose(lab.with_vividness(lightness, ab, 0.5), ab / 2)
    doubled = lab.with_vividness(lightness, ab, 2)
    gain = doubled / ab
    assert (gain > 1).all() and (gain < 2).all()
    np.testing.assert_allclose(gain[..., 0], gain[..., 1], rtol=1e-5)  # hue is kept
    # Inside the gamut: what is asked for is what comes out.
    result = skimage.color.rgb2lab(lab.lightness_ab_to_rgb(lightness, doubled))
    np.testing.assert_allclose(result[..., 1:], doubled * 110, atol=1.5)


def test_vividness_spares_shadows_and_highlights():
    ab = np.full((1, 5, 2), -0.05, np.float32)
    lightness = np.array([[[-1.0], [-0.9], [0.0], [0.9], [1.0]]], np.float32)
    gain = (lab.with_vividness(lightness, ab, 2) / ab)[0, :, 0]
    assert gain[0] == gain[4] == 1.0  # black and white stay what they are
    assert gain[1] < 1.2 and gain[3] < 1.3 and 1.5 < gain[2] < 2


@pytest.mark.parametrize("vividness", [-0.1, 2.1, float("nan")])
def test_vividness_out_of_range_is_refused(vividness):
    with pytest.raises(ValueError, match="`vividness` must be in"):
        lab.with_vividness(np.zeros((1, 1, 1)), np.zeros((1, 1, 2)), vividness)


def test_memory_beside_input_and_output_is_small():
    rgb = np.zeros((1500, 2000, 3), np.uint8)
    lab.rgb_to_lightness(rgb[:1])
    tracemalloc.start()
    lightness = lab.rgb_to_lightness(rgb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < lightness.nbytes + 3e6


def test_palette_is_every_bin_of_the_srgb_gamut():
    palette = lab.ab_palette()
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    bins = np.rint(skimage.color.rgb2lab(cube)[0, :, 1:] / 10).astype(int)
    expected = {tuple(row) for row in bins}
    actual = {tuple(row) for row in np.rint(palette * 11).astype(int)}
    assert palette.dtype == np.float32 and len(actual) == len(palette)
    assert expected <= actual
    assert len(actual - expected) <= 5  # bins that the coarse sweep above misses
    assert np.abs(palette).max() <= 1
    assert len(lab.ab_palette(20)) < len(palette) / 3


@pytest.mark.parametrize(
    "call",
    [
        lambda: lab.rgb_to_lightness(np.zeros((2, 2, 3), np.float32)),
        lambda: lab.rgb_to_lightness_ab(np.zeros((2, 2), np.uint8)),
        lambda: lab.lightness_ab_to_rgb(np.zeros((2, 2, 1)), np.zeros((2, 3, 2))),
        lambda: lab.lightness_ab_to_rgb(np.full((2, 2, 1), np.nan), np.zeros((2, 2, 2))),
        lambda: lab.ab_palette(0),
    ],
)
def test_wrong_input_is_an_error(call):
    with pytest.raises(ValueError, match="Received: .*"):
        call()


@pytest.mark.parametrize("value", [1e20, np.inf, -np.inf, np.nan])
def test_chroma_of_a_broken_model_gives_an_error_and_no_warning(value):
    ab = np.zeros((3, 4, 2), np.float32)
    ab[1, 2, 0] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="must be finite"):
            lab.lightness_ab_to_rgb(np.zeros((3, 4, 1), np.float32), ab)
