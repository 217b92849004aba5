"""The page with a model of several sizes: each photo is seen at the size that Python chooses, with the same result."""

import json
import pathlib
import zipfile

import numpy as np
import pytest
import skimage.data
import web_browser
from PIL import Image

from tf_colorize import Colorizer, hints

pytest_plugins = ["web_fixtures"]

SIZES = [224, 320]
SEEN_AT = {(352, 290): 224, (352, 291): 320}  # 102,080 and 102,432 pixels; 320 squared is 102,400
COLOR = Image.fromarray(skimage.data.coffee())


def gray_photo(size):
    return COLOR.resize(size).convert("L")


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A float network of several sizes, which browsers and Python run alike."""
    import exports

    from tf_colorize import export

    folder = tmp_path_factory.mktemp("model")
    options = {"photos": exports.write_photos(folder / "photos", count=1), "metadata": {"image_size": 224}}
    options["metadata"]["image_sizes"] = SIZES
    return export.export_tflite(exports.generator_with_features(), folder / "several.tflite", **options).path


@pytest.fixture(scope="module")
def arrived(chromium, page_folder, several):
    with web_browser.served(page_folder, [several]) as server, web_browser.arrived(chromium, server) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def colorizer(several):
    return Colorizer.load(several, threads=1)


@pytest.fixture
def visitor(arrived):
    yield arrived
    arrived.tidies_up()
    assert arrived.errors == []


@pytest.mark.parametrize("size", SEEN_AT, ids=str)
def test_photos_are_seen_at_the_size_that_python_chooses(visitor, colorizer, size):
    gray = gray_photo(size)
    assert colorizer.lightness(gray).shape[1] == SEEN_AT[size]
    visitor.colors("photo.png", web_browser.encoded(gray))
    _, received = visitor.downloads()
    assert web_browser.share_that_agrees(received, colorizer(gray), gray_levels=1) >= 0.995
    for side in set(SIZES) - {SEEN_AT[size]}:  # otherwise nobody would notice another choice
        other = colorizer.join(gray, colorizer.ab(colorizer.lightness(gray, side)))
        assert web_browser.share_that_agrees(received, other, gray_levels=1) < 0.9


def test_hints_are_painted_at_the_size_that_is_seen(visitor, colorizer, tmp_path):
    gray = gray_photo((352, 291))
    visitor.colors("photo.png", web_browser.encoded(gray))
    visitor.puts_dot(0.8, 0.2)
    visitor.page.fill("#code", "#4060c0")
    visitor.page.keyboard.press("Enter")
    with visitor.page.expect_download() as download:
        visitor.page.click("#save-hints")
    download.value.save_as(tmp_path / "photo.hints.json")
    _, received = visitor.downloads()
    expected = colorizer(gray, hints=hints.read(tmp_path / "photo.hints.json"))
    assert np.abs(expected.astype(int) - colorizer(gray)).mean() > 3
    assert web_browser.share_that_agrees(received, expected, gray_levels=1) >= 0.995


def test_a_model_that_lacks_a_size_it_promises_is_refused(visitor, several, tmp_path):
    data = several.read_bytes()
    with zipfile.ZipFile(several) as archive:
        about = json.loads(archive.read("tf_colorize.json"))
        start = min(entry.header_offset for entry in archive.infolist())
    (tmp_path / "lacks.tflite").write_bytes(data[:start])
    with zipfile.ZipFile(tmp_path / "lacks.tflite", "a") as archive:
        archive.writestr("tf_colorize.json", json.dumps(about | {"image_sizes": [*SIZES, 384]}))
    visitor.hands_over("drop", "lacks.tflite", pathlib.Path(tmp_path / "lacks.tflite").read_bytes())
    visitor.sees(".notice", "lacks: Its metadata promises a size that it lacks: 384.")
