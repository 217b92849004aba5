"""Measures of finished pictures against hand calculations and independent implementations."""

import math
import statistics
import subprocess
import sys

import numpy as np
import pytest
import scipy.linalg
import skimage.color
import skimage.data
import skimage.util

from tf_colorize.color import colorfulness
from tf_colorize.evaluation import blotches, measures


def photo():
    return skimage.data.astronaut()[60:160, 170:310]


def noisy(picture, seed=0, sigma=20):
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def fitted(features, batches=3):
    fit = measures.GaussianFit(features.shape[1])
    for part in np.array_split(features, batches):
        fit.update(part)
    return fit


def test_importing_measures_does_not_load_tensorflow():
    code = "import sys, tf_colorize.evaluation.measures; sys.exit(bool({'tensorflow', 'keras'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_psnr_matches_a_hand_calculation_and_is_capped_for_identical_pictures():
    truth = np.zeros((12, 20, 3), np.uint8)
    prediction = truth.copy()
    prediction[:, :10] = 51  # a fifth of the range, over half of the picture
    assert measures.psnr(truth, prediction) == pytest.approx(10 * math.log10(2 * 25), abs=1e-9)
    assert measures.psnr(truth, truth) == measures.MAX_PSNR


def test_ssim_of_a_picture_with_itself_is_one_and_equals_float64():
    truth, prediction = photo(), noisy(photo())
    assert measures.ssim(truth, truth) == pytest.approx(1, abs=1e-6)
    expected = np.mean([ssim_of_wang(truth[..., i] / 1.0, prediction[..., i] / 1.0) for i in range(3)])
    assert measures.ssim(truth, prediction) == pytest.approx(expected, abs=1e-5)


def ssim_of_wang(x, y):
    """The formula of Wang et al. 2004, windows that lie inside the picture only."""
    window = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(window, window) / window.sum() ** 2

    def blur(z):
        return (np.lib.stride_tricks.sliding_window_view(z, (11, 11)) * window).sum((-2, -1))

    mx, my = blur(x), blur(y)
    vx, vy, cov = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
    c1, c2 = 2.55**2, 7.65**2
    return np.mean((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))


def test_ciede2000_of_published_pairs():
    """Sharma, Wu, Dalal 2005, table 1: pairs 1, 7, 17, 25 (hue wrap, gray, large, medium)."""
    first = [[50, 2.6772, -79.7751], [50, 0, 0], [50, 2.5, 0], [60.2574, -34.0099, 36.2677]]
    second = [[50, 0, -82.7485], [50, -1, 2], [50, 0, -2.5], [60.4626, -34.1751, 39.4387]]
    for one, other, expected in zip(first, second, [2.0425, 2.3669, 4.3065, 1.2644]):
        pair = np.array([[[one]], [[other]]], np.float32)
        assert measures.ciede2000(*pair) == pytest.approx(expected, abs=2e-4)


def test_lab_measures_match_a_hand_calculation():
    gray, tinted = np.zeros((2, 2, 3), np.float32), np.zeros((2, 2, 3), np.float32)
    tinted[0, 0] = [0, 3, -4]
    assert measures.ab_error(gray, tinted) == pytest.approx(7 / 8)
    assert measures.mean_chroma(tinted) == pytest.approx(5 / 4)
    assert measures.mean_chroma(gray) == 0


def test_rgb_to_lab_of_pure_red():
    red = np.full((1, 1, 3), [255, 0, 0], np.uint8)
    np.testing.assert_allclose(measures.rgb_to_lab(red)[0, 0], [53.24, 80.09, 67.20], atol=0.02)


def colorfulness_in_plain_python(picture, absolute):
    pixels = [tuple(map(float, pixel)) for pixel in picture.reshape(-1, 3)]
    red_green = [r - g for r, g, _ in pixels]
    yellow_blue = [(r + g) / 2 - b for r, g, b in pixels]
    if absolute:
        red_green, yellow_blue = [abs(v) for v in red_green], [abs(v) for v in yellow_blue]
    spread = math.sqrt(statistics.pvariance(red_green) + statistics.pvariance(yellow_blue))
    return spread + 0.3 * math.hypot(statistics.fmean(red_green), statistics.fmean(yellow_blue))


def test_colorfulness_equals_plain_python_on_a_photo():
    picture = skimage.data.coffee()[::8, ::8]
    assert colorfulness.colorfulness(picture) == pytest.approx(colorfulness_in_plain_python(picture, False), rel=1e-6)
    absolute = colorfulness.colorfulness_absolute(picture)
    assert absolute == pytest.approx(colorfulness_in_plain_python(picture, True), rel=1e-6)
    assert abs(absolute - colorfulness.colorfulness(picture)) > 0.1


def test_the_two_colorfulness_variants_match_a_hand_calculation():
    picture = np.zeros((1, 2, 3), np.uint8)
    picture[0, 0, 0] = picture[0, 1, 1] = 255  # red beside green: rg +255 and -255, yb 127.5 twice
    assert colorfulness.colorfulness(picture) == pytest.approx(255 + 0.3 * 127.5)
    assert colorfulness.colorfulness_absolute(picture) == pytest.approx(0.3 * math.hypot(255, 127.5))


def test_gray_is_not_colorful():
    gray = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    assert colorfulness.colorfulness(gray) == colorfulness.colorfulness_absolute(gray) == 0


def test_gaussian_fit_equals_numpy_on_all_vectors():
    features = np.random.default_rng(0).normal(3, 2, (50, 6)).astype(np.float32)
    fit = fitted(features)
    np.testing.assert_allclose(fit.mean, features.mean(0, dtype=np.float64), rtol=1e-10)
    np.testing.assert_allclose(fit.covariance, np.cov(features.astype(np.float64).T), rtol=1e-9)


def test_frechet_distance_in_one_dimension_matches_a_hand_calculation():
    first, second = fitted(np.array([[0.0], [2.0]])), fitted(np.array([[4.0], [10.0]]))
    expected = (7 - 1) ** 2 + (math.sqrt(18) - math.sqrt(2)) ** 2  # means 1 and 7, unbiased variances 2 and 18
    assert measures.frechet_distance(first, second) == pytest.approx(expected)


def test_frechet_distance_equals_the_formula_with_scipy_sqrtm():
    generator = np.random.default_rng(1)
    x = generator.normal(size=(400, 8)) @ generator.normal(size=(8, 8))
    y = generator.normal(size=(300, 8)) @ generator.normal(size=(8, 8)) + 0.5
    s1, s2 = np.cov(x.T), np.cov(y.T)
    root = scipy.linalg.sqrtm(s1 @ s2).real
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(s1 + s2 - 2 * root)
    assert measures.frechet_distance(fitted(x), fitted(y)) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_with_fewer_pictures_than_features():
    features = np.random.default_rng(2).normal(size=(10, 64))
    assert measures.frechet_distance(fitted(features), fitted(features)) == pytest.approx(0, abs=1e-9)
    shifted = measures.frechet_distance(fitted(features), fitted(features + 0.25))
    assert shifted == pytest.approx(64 * 0.25**2, abs=1e-9)


def test_frechet_distance_of_one_picture_is_refused():
    with pytest.raises(ValueError, match="`second`.*count=1"):
        measures.frechet_distance(fitted(np.zeros((4, 2))), fitted(np.zeros((1, 2)), batches=1))


def test_bootstrap_interval_has_the_width_of_the_standard_error():
    values = np.random.default_rng(3).normal(5, 2, (400, 1))
    lower, upper = np.quantile(measures.bootstrap_means(values), [0.025, 0.975])
    half = 1.96 * values.std(ddof=1) / math.sqrt(400)
    assert lower == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert upper == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_bootstrap_draws_the_same_photos_every_time_and_for_every_column():
    values = np.random.default_rng(4).normal(size=(30, 2))
    means = measures.bootstrap_means(np.column_stack([values, values.sum(1)]), resamples=50)
    np.testing.assert_allclose(means[:, 2], means[:, 0] + means[:, 1], atol=1e-12)
    np.testing.assert_array_equal(means[:, :2], measures.bootstrap_means(values, resamples=50))
    np.testing.assert_array_equal(measures.bootstrap_means(np.full((5, 1), 7.0)), np.full((2000, 1), 7.0))


def test_kernel_distance_against_its_definition():
    random = np.random.default_rng(0)
    truth, prediction = random.normal(0, 1, (7, 5)), random.normal(0.5, 1, (7, 5))

    def kernel(x, y):
        return (x @ y / 5 + 1) ** 3

    pairs = [(i, j) for i in range(7) for j in range(7) if i != j]
    expected = np.mean(
        [
            kernel(truth[i], truth[j]) + kernel(prediction[i], prediction[j]) - 2 * kernel(truth[i], prediction[j])
            for i, j in pairs
        ]
    )
    assert measures.kernel_distance(truth, prediction) == pytest.approx(expected)
    assert measures.kernel_distance(truth, truth) == pytest.approx(0, abs=1e-12)


def test_kernel_distance_takes_pairs():
    with pytest.raises(ValueError, match="features of the same photos, at least two"):
        measures.kernel_distance(np.zeros((3, 4)), np.zeros((4, 4)))


def lab_of(blocks):
    """CIELAB `(rows * 16, columns * 16, 3)` of a value for each block."""
    return np.repeat(np.repeat(np.asarray(blocks, np.float32), 16, axis=0), 16, axis=1)


def test_gray_blocks_match_a_hand_calculation():
    truth = lab_of([[(50, 0, 0), (50, 3, 4), (50, 30, 0)]])
    prediction = lab_of([[(50, 6, 8), (50, 0, 2), (50, 0, 0)]])
    total, number = blotches.gray_blocks(truth, prediction)
    assert number == 2 and total == pytest.approx(10 + 2)


def test_patches_match_a_hand_calculation():
    truth = lab_of([[(50, 0, 0), (50, 1, 0), (80, 20, 0)]])
    prediction = lab_of([[(50, 0, 0), (50, 3, 4), (80, 0, 0)]])
    # The third block is lighter: no matter how its color differs, it may.
    assert blotches.patches(truth, prediction) == pytest.approx((5, 1))
    rough = truth + np.random.default_rng(0).normal(0, 10, (*truth.shape[:2], 1)) * [1, 0, 0]
    assert blotches.patches(rough, prediction) == (0, 0)
