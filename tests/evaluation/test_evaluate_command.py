"""`tf-colorize evaluate` end to end: its files, its figures, its report and its messages."""

import base64
import csv
import html.parser
import io
import json
import pathlib
import re
import subprocess
import sys

import evaluated
import keras
import numpy as np
import pytest
import skimage.color
import skimage.data
import tiny_models
from PIL import Image

from tf_colorize import evaluation
from tf_colorize.color import colorfulness
from tf_colorize.commands import evaluate, evaluate_options
from tf_colorize.evaluation.report import records
from tf_colorize.models import saving

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_the_command_offers_the_protocols_of_the_library():
    assert set(evaluate_options.PROTOCOLS) == set(evaluation.PROTOCOLS)


@pytest.fixture(scope="module")
def finished(photos, tmp_path_factory):
    """The script's results on the photos, a broken one, and a sepia one without truth."""
    folder = tmp_path_factory.mktemp("script")
    inputs = keras.Input((None, None, 1))
    # A yellow that depends on nothing: ab = tanh(bias).
    layer = keras.layers.Conv2D(2, 1, activation="tanh", kernel_initializer="zeros", name="ab")
    generator = keras.Model(inputs, layer(inputs))
    layer.bias.assign(np.arctanh([0.0, 40 / 110]))
    metadata = {"image_size": 64, "lightness_scale": 50.0, "ab_scale": 110.0}
    saving.save_generator(generator, folder / "yellow.keras", metadata)
    pixel = keras.Input((256, 256, 3))
    keras.Model(pixel, keras.layers.AveragePooling2D(64, name="pool")(pixel)).save(folder / "pixel.keras")
    data, bw = folder / "data", folder / "bw"
    data.mkdir()
    bw.mkdir()
    for path in photos.iterdir():
        (data / path.name).write_bytes(path.read_bytes())
    (data / "broken.jpg").write_bytes(b"no picture")
    Image.fromarray(skimage.data.camera()[:200, :300]).save(bw / "camera.png")
    command = [sys.executable, "scripts/evaluate.py", "--model", folder / "yellow.keras", "--features"]
    command += [folder / "pixel.keras", "--data", data, "--bw", bw, "--out", folder / "out"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=ROOT, check=False)
    return folder, done


def test_script_writes_its_files_and_names_the_broken_photo(finished):
    folder, done = finished
    assert done.returncode == 1, done.stderr
    assert "broken.jpg" in done.stderr and "CIEDE2000" in done.stdout and "Traceback" not in done.stderr
    assert not re.search("oneDNN|absl::|cuda", done.stderr)  # what TensorFlow logs while it starts
    names = {path.name for path in (folder / "out").iterdir()}
    assert names == {"contact_sheet.jpg", "metrics.json", "photos.csv", "report.html"}


def test_script_and_library_give_the_same_figures(finished, photos):
    folder, _ = finished
    content = json.loads((folder / "out" / "metrics.json").read_text())
    assert list(content["models"]) == ["gray", "warm tint", "yellow"]
    assert content["data"]["photos"] == 3 and content["data"]["skipped"] == 1
    assert content["feature_model"] == "Frechet distance (pixel)"
    assert content["models"]["yellow"]["sha256"] == records.sha256_of(folder / "yellow.keras")
    assert {"keras", "tensorflow", "scikit-image"} <= set(content["run"]["versions"])
    assert "--features" in content["run"]["command"] and "LPIPS" in content["run"]["notes"][0]
    with open(folder / "out" / "photos.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == "yellow"]
    assert [row["photo"] for row in rows] == ["astronaut.png", "cat.png", "coffee.jpg"]
    for key in ("psnr", "ciede2000", "colorfulness"):
        mean = np.mean([float(row[key]) for row in rows])
        assert content["models"]["yellow"]["figures"][key]["value"] == pytest.approx(mean, abs=1e-5)
    truth = [colorfulness.colorfulness(picture) for picture in evaluated.crop256(photos)]
    np.testing.assert_allclose([float(row["truth_colorfulness"]) for row in rows], truth, atol=1e-5)


def test_report_holds_everything_itself(finished):
    folder, _ = finished
    text = (folder / "out" / "report.html").read_text(encoding="utf-8")
    parser = Balance()
    parser.feed(text)
    assert parser.open == []
    assert not re.search(r'(src|href)="(?!data:)|url\(|@import', text)
    assert text.count("<svg") == 3  # a*, b*, and the scatter of the one model
    images = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', text)
    assert len(images) == 3 * 3 * 3 + 2  # random, best, worst x 3 photos x gray, yellow, truth; one without truth
    sizes = {Image.open(io.BytesIO(base64.b64decode(image))).size for image in images}
    assert sizes == {(256, 256), (256, 171)}
    assert records.sha256_of(folder / "yellow.keras") in text and "scripts/evaluate.py" in text


class Balance(html.parser.HTMLParser):
    """Collects the elements that are not closed in order."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        pass


def test_script_colorizes_photos_without_truth(finished):
    folder, _ = finished
    sheet = np.asarray(Image.open(folder / "out" / "contact_sheet.jpg"))
    lab = skimage.color.rgb2lab(sheet)
    yellow = lab[..., 2] > 20
    assert 0.2 < yellow.mean() < 0.6  # the right one of two pictures
    assert yellow[:, : sheet.shape[1] // 2].mean() < 0.01


@pytest.mark.parametrize("arguments", [["--model", "m.tflite"], ["--model", "m.tflite", "--bw", "."], ["--data", "."]])
def test_script_reports_missing_arguments(arguments):
    command = [sys.executable, "scripts/evaluate.py", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_steadiness_of_films_on_the_command_line(photos, tmp_path):
    arguments = ["--model", tiny_models.STORED, "--data", photos, "--film", "2", "--out", tmp_path]
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "evaluate.py"), *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    rows = {line.split("│")[1].strip(): line.split("│")[2:-1] for line in done.stdout.splitlines() if "│" in line}
    assert {"truth", "frame by frame", "steadied"} <= set(rows)
    assert all(float(cell) > 0 for cell in rows["frame by frame"])
    with Image.open(tmp_path / "tiny_32.jpg") as sheet:
        assert sheet.width > 256


@pytest.mark.parametrize(
    "options, name", [(["--bw", "d"], "contact_sheet.jpg"), (["--data", "d", "--film", "2"], "tiny_32.jpg")]
)
def test_a_sheet_never_replaces_a_photo(here, capsys, options, name):
    (here / "d").mkdir()
    Image.linear_gradient("L").save(here / "d" / name)
    before = (here / "d" / name).read_bytes()
    model = str(pathlib.Path(__file__).parents[1] / "files" / "tiny_32.tflite")
    assert evaluate.main(["--model", model, *options, "--out", "d"]) == 1
    assert f"d/{name}: is one of the photos; choose another folder with --out" in capsys.readouterr().err
    assert (here / "d" / name).read_bytes() == before
