"""Artificially aged photos: their truth, and the figures of colorizers whose results are known."""

import json

import numpy as np
import pytest
import skimage.color
import skimage.data
import tiny_models
from PIL import Image

from tf_colorize.color import lab
from tf_colorize.commands import evaluate
from tf_colorize.evaluation import aging, protocols


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(skimage.data.astronaut()[:300, 80:380]).save(folder / "astronaut.png")
    Image.fromarray(skimage.data.coffee()).save(folder / "coffee.png")
    (folder / "broken.png").write_bytes(b"nothing")
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def samples(photos):
    return [protocols.load(path, "crop256") for path in photos if path.stem != "broken"]


@pytest.mark.parametrize("fault", aging.FAULTS)
def test_a_fault_changes_lightness_and_keeps_the_color(samples, fault):
    for sample in samples:
        old = aging.aged(sample, fault)
        assert old.truth.shape == old.gray.shape == sample.truth.shape and old.truth.dtype == np.uint8
        np.testing.assert_array_equal(aging.aged(sample, fault).gray, old.gray)
        assert (old.gray == old.gray[..., :1]).all()
        tone = skimage.color.rgb2lab(old.gray)[..., 0]
        moved = np.abs(tone - skimage.color.rgb2lab(sample.gray)[..., 0])
        assert moved.max() < 1.5 if fault == aging.CLEAN else moved.mean() > 0.3
        before, after = (skimage.color.rgb2lab(picture) for picture in (sample.truth, old.truth))
        # Where the gamut has room, that is in the middle tones, the colors are the photo's.
        room = (np.abs(tone - 55) < 15) & (np.hypot(*np.moveaxis(before[..., 1:], -1, 0)) < 25)
        if fault == "mount":
            room[:21] = room[-31:] = False
            room[:, :24] = room[:, -24:] = False
            assert np.abs(after[:19, :, 1:]).max() < 1 < np.abs(before[:19, :, 1:]).max()
        assert room.sum() > 100
        assert np.median(np.abs(after[room] - before[room])[..., 1:]) < 1
        np.testing.assert_allclose(after[room][:, 0], tone[room], atol=1.5)


def answering(samples, strength):
    """A colorizer that knows the color of each aged photo and returns a given share of it."""
    known = {}
    for sample in samples:
        for fault in aging.FAULTS:
            old = aging.aged(sample, fault)
            known[old.gray.tobytes()] = strength * lab.rgb_to_lightness_ab(old.truth)[1]
    return lambda gray: lab.lightness_ab_to_rgb(lab.rgb_to_lightness(gray), known[gray.tobytes()])


def squared_distance(truths, pictures):
    return ((truths.astype(float) - pictures) ** 2).mean(axis=(1, 2, 3))


def test_a_perfect_colorizer_loses_nothing(photos, samples):
    result = aging.evaluate(answering(samples, 1.0), photos, lpips=squared_distance)
    assert result.chroma.shape == (2, len(aging.FAULTS))  # a photo that cannot be read is left out
    for row in result.means().values():
        assert row["psnr_over_gray"] > 15 and row["chroma_ratio"] == pytest.approx(1, abs=0.02)
        assert row["lpips_gain"] > 0
    assert result.means()[aging.CLEAN]["lpips_kept"] == 1


def test_gains_are_those_of_a_known_share_of_the_color(photos, samples):
    means = aging.evaluate(answering(samples, 0.5), photos, lpips=squared_distance).means()
    for row in means.values():
        assert row["chroma_ratio"] == pytest.approx(0.5, abs=0.05)
        assert 3 < row["psnr_over_gray"] < 8  # 20 log10(2) = 6, in Lab
    nothing = aging.evaluate(lambda gray: gray, photos).means()
    for row in nothing.values():
        assert row == {"psnr_over_gray": 0, "chroma_ratio": pytest.approx(0, abs=0.01)}


def test_photos_of_any_size_are_judged_by_their_central_squares(photos):
    seen = []

    def distance(truths, pictures):
        seen.append((truths.shape, pictures.shape))
        return squared_distance(truths, pictures)

    aging.evaluate(lambda gray: gray, photos, protocol="full", lpips=distance)
    assert set(seen) == {((2, 256, 256, 3),) * 2}


def test_a_folder_without_readable_photos_is_an_error(photos):
    with pytest.raises(ValueError, match="`photos` must contain a readable color photo"):
        aging.evaluate(lambda gray: gray, [photos[1]])


def test_a_distance_without_gain_on_clean_photos_has_no_share(photos):
    result = aging.evaluate(lambda gray: gray, photos, lpips=squared_distance)
    assert np.isnan(result.means()["grain"]["lpips_kept"])
    assert aging.record({"gray": result})["gray"]["grain"]["lpips_kept"] is None


def test_the_script_reports_the_results(photos, tmp_path, capsys):
    model = tiny_models.write_tflite(tmp_path)
    arguments = ["--model", str(model), "--data", str(photos[0].parent), "--old", "--out", str(tmp_path / "out")]
    evaluate.main(arguments)
    assert "old photos, 2 of them" in capsys.readouterr().out
    content = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert set(content["old"]["tiny"]) == set(aging.FAULTS)
    assert "Photos made old" in (tmp_path / "out" / "report.html").read_text()
    with pytest.raises(SystemExit) as stop:
        evaluate.main(["--model", "m", "--bw", ".", "--old", "--out", "o"])
    assert stop.value.code == 2
