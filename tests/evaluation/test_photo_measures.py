"""Figures that stronger color cannot improve, and what color adds to a gray picture."""

import numpy as np
import pytest
import skimage.color
import skimage.data
import skimage.metrics
from PIL import Image

from tf_colorize import evaluation
from tf_colorize.evaluation import photo_measures, protocols

SIDE = 256  # what `crop256` leaves as it is


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    crops = [skimage.data.astronaut()[:SIDE, 100 : 100 + SIDE], skimage.data.coffee()[60 : 60 + SIDE, 120 : 120 + SIDE]]
    for name, picture in zip(("a", "b"), crops):
        Image.fromarray(picture).save(folder / f"{name}.png")
    return folder, [np.asarray(picture) for picture in crops]


def tinted(gray, strength=1.0):
    """A colorizer that is partly right: warm in the middle tones, within the gamut."""
    picture = skimage.color.rgb2lab(gray)
    lightness = picture[..., 0]
    picture[..., 1] = strength * lightness * (100 - lightness) / 400
    picture[..., 2] = strength * lightness * (100 - lightness) / 150
    return np.uint8(np.round(255 * np.clip(skimage.color.lab2rgb(picture), 0, 1)))


def ab_of(pictures):
    return np.concatenate([skimage.color.rgb2lab(picture)[..., 1:].reshape(-1, 2) for picture in pictures])


def measured(folder, colorizers):
    return evaluation.evaluate(colorizers, folder, baselines=False)


def test_correlation_is_that_of_all_pixels_together(photos):
    folder, truths = photos
    result = measured(folder, {"tinted": tinted})
    value, lower, upper = result.figures("tinted")["correlation"]
    grays = [protocols.without_color(truth) for truth in truths]
    own, truth = ab_of([tinted(gray) for gray in grays]), ab_of(truths)
    own, truth = own - own.mean(axis=0), truth - truth.mean(axis=0)
    expected = (own * truth).sum() / np.sqrt((own**2).sum() * (truth**2).sum())
    assert 0.1 < expected < 0.9 and value == pytest.approx(expected, abs=1e-4)
    assert lower <= value <= upper


def test_the_truth_correlates_fully_gray_and_even_tints_not_at_all(photos):
    folder, truths = photos
    known = {photo.tobytes(): truth for truth in truths for photo in [protocols.without_color(truth)]}
    colorizers = {
        "right": lambda gray: known[gray.tobytes()],
        "none": lambda gray: gray,
        "wrong": lambda gray: 255 - known[gray.tobytes()],
    }
    result = measured(folder, colorizers)
    found = {name: result.figures(name)["correlation"][0] for name in colorizers}
    assert found["right"] == pytest.approx(1) and found["none"] == 0 and found["wrong"] < -0.5


def test_a_gain_raises_psnr_but_not_the_correlation(photos):
    folder, _ = photos
    result = measured(folder, {name: lambda gray, s=s: tinted(gray, s) for name, s in (("weak", 1.0), ("strong", 2.0))})
    weak, strong = (result.figures(name) for name in ("weak", "strong"))
    assert weak["correlation"][0] == pytest.approx(strong["correlation"][0], abs=0.01)  # rounding to 8 bits
    assert abs(weak["psnr"][0] - strong["psnr"][0]) > 0.05


def test_psnr_over_gray_is_the_difference_of_two_psnrs(photos):
    folder, truths = photos
    result = measured(folder, {"tinted": tinted, "none": lambda gray: gray})
    grays = [protocols.without_color(truth) for truth in truths]
    gains = [
        skimage.metrics.peak_signal_noise_ratio(truth, tinted(gray))
        - skimage.metrics.peak_signal_noise_ratio(truth, gray)
        for truth, gray in zip(truths, grays)
    ]
    assert result.figures("tinted")["psnr_over_gray"][0] == pytest.approx(np.mean(gains), abs=1e-6)
    assert result.figures("none")["psnr_over_gray"] == (0, 0, 0)


def test_rows_have_their_columns(photos):
    sample = protocols.load(photos[0] / "a.png", "crop256")
    assert len(photo_measures.of_truth(sample)) == len(photo_measures.TRUTH_COLUMNS)
    assert len(photo_measures.of_prediction(sample, sample.gray)[0]) == len(photo_measures.COLUMNS)
