"""Evaluation against scikit-image and against colorizers whose figures are known."""

import evaluated
import numpy as np
import pytest
import skimage.color
import skimage.data
from PIL import Image

from tf_colorize import evaluation
from tf_colorize.color import colorfulness
from tf_colorize.evaluation import measures, protocols


def test_knowing_the_truth_scores_perfectly(photos):
    scores = evaluation.evaluate_colorizer(
        evaluated.oracle(photos), photos, feature_model=evaluated.mean_pixel_features()
    )
    assert scores["psnr"] == measures.MAX_PSNR
    assert scores["ssim"] == pytest.approx(1, abs=1e-6)
    assert scores["chroma_ratio"] == 1
    assert scores["colorfulness"] == scores["truth_colorfulness"] > 20
    assert scores["frechet_distance"] == pytest.approx(0, abs=1e-6)
    assert scores["kernel_distance"] == pytest.approx(0, abs=1e-9)
    assert scores["patches"] == 1
    zero = ["ciede2000", "ab_error", "colorfulness_difference_of_means", "colorfulness_mean_difference"]
    assert [scores[key] for key in zero] == [0, 0, 0, 0]
    assert scores["photos_per_second"] > 0


def test_gray_baseline_has_the_figures_of_gray(photos):
    result = evaluation.evaluate({}, photos)
    scores = {key: value for key, (value, _, _) in result.figures("gray").items()}
    labs = [skimage.color.rgb2lab(picture) for picture in evaluated.crop256(photos)]
    assert scores["colorfulness"] == scores["colorfulness_absolute"] == 0
    assert scores["chroma_ratio"] < 0.002
    assert scores["ab_error"] == pytest.approx(np.mean([np.abs(lab[..., 1:]).mean() for lab in labs]), abs=0.01)
    gray_labs = [lab * [1, 0, 0] for lab in labs]
    expected = np.mean([skimage.color.deltaE_ciede2000(*pair).mean() for pair in zip(labs, gray_labs)])
    assert scores["ciede2000"] == pytest.approx(expected, abs=0.05)


def test_differences_of_colorfulness_are_of_means_and_of_photos(photos):
    answer = evaluated.oracle(photos)

    def swapped(gray):  # every photo gets the colors of its truth turned upside down, except the cat, which stays gray
        truth = answer(gray)
        return gray if np.array_equal(truth, evaluated.crop256(photos)[1]) else truth[::-1]

    scores = evaluation.evaluate_colorizer(swapped, photos)
    cat = colorfulness.colorfulness(evaluated.crop256(photos)[1])
    assert scores["colorfulness_difference_of_means"] == pytest.approx(-cat / 3, abs=1e-4)
    assert scores["colorfulness_mean_difference"] == pytest.approx(cat / 3, abs=1e-4)


def test_warm_tint_gives_every_pixel_the_same_color(photos):
    tinted = protocols.warm_tint(protocols.load(photos / "cat.png", "crop256").gray)
    mean = skimage.color.rgb2lab(tinted)[..., 1:].mean((0, 1))
    np.testing.assert_allclose(mean, protocols.WARM_TINT, atol=0.2)  # 8 bit


def test_colorizers_see_the_lightness_of_the_photo_and_no_color(photos):
    sample = protocols.load(photos / "coffee.jpg", "crop256")
    assert (sample.gray == sample.gray[..., :1]).all()
    lightness = [skimage.color.rgb2lab(picture)[..., 0] for picture in (sample.gray, sample.truth)]
    assert np.abs(lightness[0] - lightness[1]).max() < 0.35  # half of a gray level


def test_protocols_frame_photos(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (256, 300, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "wide.png")
    Image.fromarray(picture[:100, :60]).save(tmp_path / "small.png")
    wide = {name: protocols.load(tmp_path / "wide.png", name).truth for name in evaluation.PROTOCOLS}
    np.testing.assert_array_equal(wide["crop256"], picture[:, 22:278])
    np.testing.assert_array_equal(wide["full"], picture)
    squashed = np.asarray(Image.fromarray(picture).resize((256, 256), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(wide["squash256"], squashed)
    enlarged = Image.fromarray(picture[20:80, :60]).resize((256, 256), Image.Resampling.BICUBIC)
    small = protocols.load(tmp_path / "small.png", "crop256").truth
    assert np.abs(small[8:-8, 8:-8].astype(int) - np.asarray(enlarged)[8:-8, 8:-8]).max() <= 1


def test_whole_photos_of_many_sizes_are_measured(photos):
    result = evaluation.evaluate(
        {"oracle": evaluated.oracle(photos, "full")}, photos, protocol="full", features=evaluated.mean_pixel_features()
    )
    assert result.figures("oracle")["ciede2000"][0] == 0
    pixels = sum(Image.open(path).width * Image.open(path).height for path in photos.iterdir())
    assert [counts.sum() for counts in result.histograms["truth"]] == [pixels, pixels]


def test_intervals_surround_the_value_and_shrink_to_it_without_spread(photos, tmp_path):
    value, lower, upper = evaluation.evaluate({}, photos).figures("gray")["psnr"]
    assert lower < value < upper
    for name in ("a.png", "b.png"):
        Image.fromarray(skimage.data.coffee()).save(tmp_path / name)
    value, lower, upper = evaluation.evaluate({}, tmp_path).figures("gray")["psnr"]
    assert lower == value == upper


def test_unreadable_photos_are_reported_and_the_others_measured(photos, tmp_path):
    broken, tiny = tmp_path / "broken.jpg", tmp_path / "tiny.png"
    broken.write_bytes((photos / "coffee.jpg").read_bytes()[:4000])
    Image.new("RGB", (40, 5)).save(tiny)
    paths = [broken, photos / "cat.png", tiny, tmp_path / "missing.png"]
    result = evaluation.evaluate({}, paths, protocol="full")
    assert result.photos == [photos / "cat.png"]
    assert [path for path, _ in result.skipped] == [str(broken), str(tiny), str(tmp_path / "missing.png")]
    assert all(path in reason for path, reason in result.skipped)
    with pytest.raises(ValueError, match="broken.jpg"):
        evaluation.evaluate({}, [broken])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"protocol": "crop224"}, "`protocol`.*crop224"),
        ({"photos": []}, "`photos` must hold at least one"),
        ({"colorizers": {"gray": lambda gray: gray}}, "`colorizers`.*'gray'"),
        ({"colorizers": {"half": lambda gray: gray[::2]}}, "'half'.*128"),
        ({"colorizers": {"float": lambda gray: gray / 255}}, "'float'.*float64"),
    ],
)
def test_wrong_arguments_are_refused(photos, arguments, message):
    with pytest.raises(ValueError, match=message):
        evaluation.evaluate(**{"colorizers": {}, "photos": photos, **arguments})


def test_feature_distance_needs_two_photos(photos):
    with pytest.raises(ValueError, match="at least two"):
        evaluation.evaluate({}, [photos / "cat.png"], features=evaluated.mean_pixel_features())
