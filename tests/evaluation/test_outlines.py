"""Files of outlined things, and the command that measures hints in them."""

import copy
import json
import shutil

import exports
import numpy as np
import pytest
import skimage.data
import tiny_models
from PIL import Image

from tf_colorize.commands import evaluate
from tf_colorize.evaluation import hint_regions, outlines

COAT = {"photo": "a.png", "name": "coat", "polygon": [[10, 5], [60, 5], [60.5, 40], [10, 40]], "point": [30, 20.5]}


@pytest.fixture
def photo(tmp_path):
    Image.fromarray(skimage.data.camera()[100:150, 200:280]).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def write(path, *regions, **others):
    path.write_text(json.dumps({"version": 1, "regions": regions, **others}))
    return path


def test_a_file_says_what_is_where(photo, tmp_path):
    (tmp_path / "more").mkdir()
    shutil.copy(photo, tmp_path / "more" / "b.png")
    hat = {**COAT, "photo": "b.png", "name": "hat", "polygon": [[0, 0], [80, 0], [0, 50]], "point": [0, 0], "by": "me"}
    other = {**COAT, "photo": "b.png"}
    path = write(tmp_path / "regions.json", COAT, hat, other)
    coat, hat, other = outlines.read(path, [tmp_path / "none", tmp_path / "more"])
    assert coat.photo == photo and hat.photo == tmp_path / "more" / "b.png"
    assert [one.label for one in (coat, hat, other)] == ["coat, a.png", "hat", "coat, b.png"]
    assert coat.point == (30, 20.5) and coat.polygon[2] == (60.5, 40)
    mask = hat.mask((80, 50))
    rows, columns = np.mgrid[:50, :80]
    below = columns / 80 + rows / 50
    assert mask.shape == (50, 80) and mask[below < 0.97].all() and not mask[below > 1.03].any()


def test_polygons_need_not_be_convex():
    corners = ((0, 0), (29, 0), (29, 29), (20, 29), (20, 9), (9, 9), (9, 29), (0, 29))
    mask = outlines.Region("a.png", "arch", corners, (1, 1), "arch").mask((30, 30))
    expected = np.ones((30, 30), bool)
    expected[10:, 10:20] = False
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"point": [70, 20]}, r"region 2 \(coat\): the point \[70, 20\] is outside the polygon"),
        ({"point": [30, 50]}, r"the point \[30, 50\] is outside a\.png, which has 80 x 50 pixels"),
        ({"point": [30, "50%"]}, r"its point must be \[x, y\], two numbers of pixels"),
        ({"polygon": [[10, 5], [60, 5]]}, r"at least 3 corners\. Received: 2 corners"),
        ({"polygon": "all"}, r"at least 3 corners\. Received: all"),
        ({"polygon": [[10, 5], [60, 5], [60, 50.5]]}, r"the corner \[60, 50\.5\] is outside a\.png"),
        ({"polygon": [[10, 5], [60, 5], [-1, 40]]}, r"the corner \[-1, 40\] is outside a\.png"),
        ({"polygon": [[10, 5], [60, 5], [60, 40, 1]]}, r"each corner of its polygon must be \[x, y\]"),
        ({"polygon": [[10, 5], [60, 5], [float("nan"), 40]]}, r"each corner of its polygon must be \[x, y\]"),
        ({"photo": "c.png"}, r"region 2 \(coat\): no photo c\.png in .*Name it relative to"),
        ({"photo": 3}, r"its photo must be a line of text\. Received: 3"),
        ({"name": " "}, r"its name must be a line of text"),
        ({"name": "a\nb"}, r"its name must be a line of text\. Received: 'a\\nb'"),
        ({}, r"has 2 regions coat, a\.png\. Give each of them another name"),
    ],
)
def test_a_wrong_region_is_reported(photo, tmp_path, change, message):
    path = write(tmp_path / "regions.json", COAT, {**copy.deepcopy(COAT), **change})
    with pytest.raises(ValueError, match=message) as error:
        outlines.read(path)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


def test_a_file_of_something_else_is_reported(photo, tmp_path):
    path = tmp_path / "regions.json"
    for text, message in [
        ("[]", "not a file of regions. It must be like"),
        ('{"version": 1, "hints": []}', "not a file of regions"),
        ('{"version": 2, "regions": [{}]}', "has version 2"),
        ('{"version": 1, "regions": []}', "has no regions"),
        ('{"version": 1, "regions": ["coat"]}', "region 1: must have a photo, a name, a polygon and a point"),
        ('{"version": 1, "regions": [{"photo": "a.png", "name": "coat", "point": [1, 1]}]}', "region 1: must have a"),
        ("{", "not valid JSON"),
    ]:
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            outlines.read(path)
    photo.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"a\.png: "):
        outlines.read(write(path, COAT))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return shutil.copy(exports.far_reaching_hints(), folder / "hinted.tflite"), tiny_models.write_tflite(folder)


def test_the_command_measures_regions_alone(photo, models, tmp_path, capsys):
    path = write(tmp_path / "regions.json", {**COAT, "name": "[red] coat"})
    arguments = ["--model", str(models[0]), "--model", str(models[1]), "--hint-regions", str(path)]
    assert evaluate.main([*arguments, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "left out: hints: tiny takes none." in said.err and "[red] coat" in said.out and "1 region" in said.out
    content = json.loads((tmp_path / "out" / "hint_regions.json").read_text())
    assert list(content["hint_regions"]["models"]) == ["hinted"]
    assert len(content["hint_regions"]["models"]["hinted"]["mean"]["taken"]) == len(hint_regions.COUNTS)
    assert content["models"]["hinted"]["sha256"] and "--hint-regions" in content["run"]["command"]
    write(path, {**COAT, "photo": "gone.png"})
    assert evaluate.main(["--model", str(tmp_path / "no-model"), "--hint-regions", str(path)]) == 1
    assert "no photo gone.png" in capsys.readouterr().err  # before the model is loaded
    write(path, COAT)
    assert evaluate.main(["--model", str(models[1]), "--hint-regions", str(path)]) == 1
    assert "--hint-regions needs a model that takes hints; none of these does" in capsys.readouterr().err


def test_the_command_adds_regions_to_the_report(models, tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    Image.fromarray(skimage.data.chelsea()).save(tmp_path / "photos" / "a.png")
    path = write(tmp_path / "regions.json", COAT)  # the photo is among those of --data
    arguments = ["--model", str(models[0]), "--data", str(tmp_path / "photos"), "--hint-regions", str(path)]
    assert evaluate.main([*arguments, "--out", str(tmp_path / "out")]) == 0
    assert "wish taken" in " ".join(capsys.readouterr().out.split())
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["hint_regions"]["counts"] == [1, 2, 3, 5]
    assert "How hints fill their thing" in (tmp_path / "out" / "report.html").read_text()
    assert not (tmp_path / "out" / "hint_regions.json").exists()


def test_the_command_refuses_regions_with_films(capsys):
    with pytest.raises(SystemExit) as stop:
        evaluate.main(["--model", "m", "--data", ".", "--film", "3", "--hint-regions", "r.json"])
    assert stop.value.code == 2 and "cannot be combined with --film" in capsys.readouterr().err
