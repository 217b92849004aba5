"""The curve of hints: what is simulated, what plain spreading gives, and what the script reports."""

import json
import shutil
import xml.etree.ElementTree

import exports
import keras
import numpy as np
import pytest
import skimage.data
import tiny_models
from PIL import Image

from tf_colorize import Colorizer, hints
from tf_colorize.commands import evaluate
from tf_colorize.evaluation import hint_gains as curve_of_hints
from tf_colorize.evaluation import hint_reach, measures, protocols, spreading
from tf_colorize.evaluation.report import charts


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(skimage.data.coffee()[:300, :400]).save(folder / "coffee.png")
    Image.fromarray(skimage.data.chelsea()).save(folder / "cat.png")
    return folder


def neighbors(lightness, y, x):
    """Levin's equation 2 for one pixel, in plain loops: its neighbors and their weights."""
    height, width = lightness.shape
    window = [(v, u) for v in range(y - 1, y + 2) for u in range(x - 1, x + 2) if 0 <= v < height and 0 <= u < width]
    variance = np.var([lightness[place] for place in window])
    around = [place for place in window if place != (y, x)]
    weights = np.exp([-((lightness[place] - lightness[y, x]) ** 2) / (0.6 * variance) for place in around])
    return around, weights / weights.sum()


def test_spreading_solves_the_equations_of_levin():
    random = np.random.default_rng(0)
    lightness, values = random.uniform(-1, 1, (7, 9)), random.uniform(-1, 1, (7, 9, 2))
    known = random.uniform(size=(7, 9)) < 0.1
    result = spreading.spread(lightness, values, known)
    assert known.sum() > 2 and result.dtype == np.float32
    np.testing.assert_allclose(result[known], values[known], atol=1e-6)
    for y, x in np.argwhere(~known):
        around, weights = neighbors(lightness, y, x)
        np.testing.assert_allclose(result[y, x], weights @ [result[place] for place in around], atol=1e-5)


def test_spreading_stops_where_lightness_changes():
    lightness = np.where(np.arange(20) < 10, -0.5, 0.5)[np.newaxis].repeat(12, axis=0)
    values, known = np.zeros((12, 20, 2)), np.zeros((12, 20), bool)
    for x, value in ((2, 0.4), (17, -0.3)):
        values[6, x], known[6, x] = value, True
    result = spreading.spread(lightness, values, known)
    np.testing.assert_allclose(result[:, :9], 0.4, atol=0.15)
    np.testing.assert_allclose(result[:, 11:], -0.3, atol=0.15)
    with pytest.raises(ValueError, match="`known` must be true somewhere"):
        spreading.spread(lightness, values, np.zeros_like(known))


def test_simulated_hints_repeat_and_fewer_are_the_first_of_more(photos):
    sample = protocols.load(photos / "cat.png", "crop256")
    painted = curve_of_hints.painted(sample, 256, (0, 1, 20))
    again = curve_of_hints.painted(sample, 256, (1,))
    np.testing.assert_array_equal(painted[1], again[1])
    assert not painted[0].any() and painted[1][..., 2].sum() == 36
    assert 36 * 15 < painted[20][..., 2].sum() <= 36 * 20 and painted[20][painted[1][..., 2] > 0, 2].all()
    rows, columns = np.nonzero(painted[1][..., 2])
    assert np.ptp(rows) == np.ptp(columns) == 5
    expected = sample.truth_lab[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1, 1:].mean((0, 1)) / 110
    np.testing.assert_allclose(painted[1][rows[0], columns[0], :2], expected, atol=1e-3)
    assert (curve_of_hints.painted(sample, 256, (1,), seed=1)[1] != painted[1]).any()
    small = curve_of_hints.painted(sample, 64, (1,))[1]
    assert small[..., 2].sum() == 4  # 1.5 pixels, rounded


def believer():
    """A model that has no color of its own, and gives hints at their places only."""
    model = hints.WithHints(lambda lightness: np.zeros((1, 64, 64, 2), np.float32), lambda _, given: given[..., :2])
    return Colorizer(model, 64)


def test_the_curve_starts_at_the_automatic_result(photos, tmp_path):
    (photos / "broken.jpg").write_bytes(b"no picture")
    paths = sorted(photos.iterdir())
    done = []
    curve = curve_of_hints.evaluate(believer(), paths, (50, 5), progress=lambda: done.append(1))
    (photos / "broken.jpg").unlink()
    assert curve.counts == (0, 5, 50) and len(done) == 2
    for name, row in zip(("cat.png", "coffee.png"), curve.psnr["network"]):
        sample = protocols.load(photos / name, "crop256")
        assert row[0] == pytest.approx(measures.psnr(sample.truth, sample.gray), abs=0.05)
    np.testing.assert_array_equal(curve.psnr["network"][:, 0], curve.psnr["spreading"][:, 0])
    for way in curve_of_hints.WAYS:
        (zero, *_), *others = curve.gains(way)
        assert zero == 0 and all(lower <= gain <= upper for gain, lower, upper in others)
    assert (curve.psnr["spreading"][:, 2] > curve.psnr["network"][:, 2] + 1).all()  # what spreads gains more
    assert (curve.psnr["network"][:, 2] > curve.psnr["network"][:, 0]).all()


@pytest.mark.parametrize(
    ("model", "counts", "message"),
    [
        (Colorizer(lambda lightness: lightness, 8), (1,), "`colorizer` must take hints"),
        (believer(), (-1,), "`counts` must be 0 or more"),
    ],
)
def test_wrong_arguments_are_refused(photos, model, counts, message):
    with pytest.raises(ValueError, match=message):
        curve_of_hints.evaluate(model, [photos / "cat.png"], counts)


def test_chart_lines_are_in_the_right_places():
    series = [("#123456", [(0, 0), (1, 2), (4, 6)], False), ("#654321", [(0, 0), (4, -1)], True)]
    text = charts.lines(series, title="a<b", labels=("x", "y"), ticks=[(0, "none"), (4, "many")])
    first, second = xml.etree.ElementTree.fromstring(text).iter("polyline")
    points = [tuple(map(float, point.split(","))) for point in first.get("points").split()]
    (left, zero), (quarter, two), (right, six) = points
    assert quarter - left == pytest.approx((right - left) / 4, abs=0.2)
    assert zero - two == pytest.approx((zero - six) / 3, abs=0.2)
    assert second.get("stroke-dasharray") and not first.get("stroke-dasharray")
    assert float(second.get("points").split()[-1].split(",")[1]) > zero  # below none
    assert ">none</text>" in text and ">many</text>" in text


def test_the_script_reports_the_curve(photos, tmp_path, capsys):
    hinted = shutil.copy(exports.far_reaching_hints(), tmp_path / "hinted.tflite")
    plain = tiny_models.write_tflite(tmp_path)
    pixel = keras.Input((256, 256, 3))
    keras.Model(pixel, keras.layers.AveragePooling2D(64, name="pool")(pixel)).save(tmp_path / "pixel.keras")
    arguments = ["--model", str(hinted), "--model", str(plain), "--data", str(photos)]
    arguments += ["--features", str(tmp_path / "pixel.keras")]
    assert evaluate.main([*arguments, "--hints", "0,3,5", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "hints, 2 photos" in said.out and "plain" in said.out and "+2.96" in said.out
    assert "left out: hints: tiny takes none." in said.err
    content = json.loads((tmp_path / "out" / "metrics.json").read_text())
    rows = content["hints"]["models"]["hinted"]["network"]
    assert [row["hints"] for row in rows] == [0, 3, 5] and rows[0]["gain"] == 0
    assert rows[0]["psnr"] == pytest.approx(content["models"]["hinted"]["figures"]["psnr"]["value"], abs=1e-6)
    assert content["hints"]["published_gains"]["100"] == 6.7
    assert set(content["hints"]["reach"]["models"]["hinted"]) == {*hint_reach.COLORS, "mean"}
    assert "reach of one hint" in said.out
    report = (tmp_path / "out" / "report.html").read_text()
    assert "<h2>Hints</h2>" in report and "siggraph17" in report
    assert evaluate.main(["--model", str(plain), "--data", str(photos), "--hints", "1"]) == 1
    assert (
        capsys.readouterr().err == "tf-colorize evaluate: --hints needs a model that takes hints; none of these does\n"
    )


@pytest.mark.parametrize("arguments", [["--hints", "1,x"], ["--hints", "-1"], ["--hints", "1", "--film", "3"]])
def test_wrong_usage_of_the_script(arguments):
    with pytest.raises(SystemExit) as stop:
        evaluate.main(["--model", "m", "--data", ".", *arguments])
    assert stop.value.code == 2
