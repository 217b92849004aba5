"""Sheets of variants: what they show, that each label reproduces its picture, and that no run takes them for photos."""

import re
import shlex

import numpy as np
import pytest
import skimage
import tiny_models
from PIL import Image

from tf_colorize import Colorizer, Look
from tf_colorize.albums import plan, variants
from tf_colorize.commands import main
from tf_colorize.hints import Hint
from tf_colorize.inference import insight, likely
from tf_colorize.inference.predictor import Predictor
from tf_colorize.photos import contact_sheet

GRAY = Image.fromarray(skimage.data.astronaut()[:400, 60:360]).convert("L")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    GRAY.save("a.png")
    return tmp_path


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize(
    "look, strengths, warmths",
    [
        (Look(), [0.6, 1, 1.4], [-0.5, 0, 0.5]),
        (Look(1.9, 0.8), [1.1, 1.5, 1.9], [-0.2, 0.3, 0.8]),
        (Look(0.1, -1), [0.1, 0.5, 0.9], [-1, -0.5, 0]),
        (Look(2, 1), [1.2, 1.6, 2], [0, 0.5, 1]),
    ],
)
def test_the_look_is_one_of_nine(look, strengths, warmths):
    rows = variants.rows(look)
    assert [[(one.look.vividness, one.look.warmth) for one in row] for row in rows] == [
        [(strength, warmth) for strength in strengths] for warmth in warmths
    ]
    assert look in [one.look for row in rows for one in row]


def test_each_label_makes_its_picture(here, monkeypatch):
    labels, laid_out = [], contact_sheet.labeled

    def listening(rows):
        labels.extend(rows)
        return laid_out(rows)

    monkeypatch.setattr(contact_sheet, "labeled", listening)
    assert main.main(["a.png", "--variants"]) == 0
    assert [path.name for path in sorted(here.iterdir())] == ["a.png", "a.variants.jpg"]
    assert [len(row) for row in labels[:3]] == [3, 3, 3] and 1 <= len(labels[3]) <= 3
    assert all(re.fullmatch(r"--hint \d+,\d+=#[0-9a-f]{6}", label) for label, _ in labels[3])
    for label, picture in (labels[0][0], labels[1][1], labels[2][2], labels[3][0]):
        assert main.main(["a.png", "-o", "x.png", "--overwrite", *shlex.split(label)]) == 0
        np.testing.assert_array_equal(pixels("x.png"), picture)  # the photo is small enough to be on it as it is
    with Image.open("a.variants.jpg") as sheet:
        assert min(sheet.size) > 3 * 300 and max(sheet.size) < 2600


def test_a_sheet_is_the_same_each_time(here):
    for folder in ("one/", "two/"):
        assert main.main(["a.png", "--variants", "-o", folder]) == 0
    assert (here / "one/a.variants.jpg").read_bytes() == (here / "two/a.variants.jpg").read_bytes()


def test_a_sheet_is_never_a_photo_and_never_replaces_one(here, capsys):
    model = ["--model", str(tiny_models.write_tflite(here.parent))]
    assert main.main([".", "--variants", *model]) == 0
    before = (here / "a.variants.jpg").read_bytes()
    capsys.readouterr()
    assert main.main([".", "--variants", *model]) == 0
    assert capsys.readouterr().out == "a.variants.jpg exists; --overwrite replaces it\n"
    assert (here / "a.variants.jpg").read_bytes() == before
    assert main.main([".", *model]) == 0 and main.main([".", "--variants", "--overwrite", *model]) == 0
    assert sorted(path.name for path in here.iterdir()) == ["a.color.png", "a.png", "a.variants.jpg"]
    assert plan.plan_photos(["."], variants=True)[0][0].target.name == "a.variants.jpg"
    assert main.main(["a.variants.jpg", *model]) == 1
    assert "its name says that it is already colorized; give its photo, a.png" in capsys.readouterr().err


def test_a_model_without_hints_gives_nine_looks(here, monkeypatch):
    rows = []
    monkeypatch.setattr(contact_sheet, "labeled", lambda given: rows.extend(given) or Image.new("RGB", (9, 9)))
    assert main.main(["a.png", "--variants", "--model", str(tiny_models.write_tflite(here.parent))]) == 0
    assert [len(row) for row in rows] == [3, 3, 3]


@pytest.mark.parametrize("arguments", [["a.png", "--variants", "--compare"], ["-", "--variants"]])
def test_options_that_exclude_each_other_are_wrong_usage(here, capsys, arguments):
    assert main.main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_colors_for_a_region_differ_from_its_own_and_from_each_other():
    # Two peaks beside the color that the network gives, and noise.
    palette = np.stack(np.meshgrid(np.arange(-60, 61, 10.0), np.arange(-60, 61, 10.0)), axis=-1).reshape(-1, 2)
    share = {(0, 0): 0.4, (50, 0): 0.25, (0, -40): 0.2, (10, 0): 0.15}
    distribution = np.array([share.get(tuple(entry), 0.0) for entry in palette.astype(int).tolist()])
    others = likely._others(distribution, palette, np.array([2.0, 1.0]), 2)
    np.testing.assert_array_equal(others, [[50, 0], [0, -40]])


def test_a_place_lies_in_the_middle_of_its_region():
    region = np.zeros((insight.GRID, insight.GRID), bool)
    region[4:13, 6:21] = True
    region[8, 21:] = True  # an arm
    down, across = likely._middle(region)
    assert down == 8 and 10 <= across <= 16  # as deep as can be, and not in the arm


def test_a_black_photo_has_no_region():
    assert likely.largest(np.full((1, 224, 224, 1), -1, np.float32)) is None


def test_hints_fit_the_size_that_the_model_chooses_for_the_photo():
    def hinted(lightness, hints):
        assert hints.shape == (*lightness.shape[:-1], 3)
        return np.broadcast_to(hints[..., :2].sum(axis=(1, 2), keepdims=True), (*lightness.shape[:-1], 2)) * 0.1

    model = Predictor(64, lambda lightness: np.zeros((*lightness.shape[:-1], 2), np.float32), hinted, (96,))
    sheet = variants.sheet(Colorizer(model), GRAY, Look(), [Hint(10, 10, "red")], str, has_colors=False)
    assert np.ptp(np.asarray(sheet).astype(int), axis=-1).max() > 5
