"""Every way of running a model gives the picture that Keras gives, for every kind of photo."""

import functools
import subprocess
import sys

import agreement
import exports
import numpy as np
import pytest
from PIL import Image

from tf_colorize import Colorizer

PHOTOS = agreement.photos()
EXACT = [
    "SavedModel, serving_default",
    "SavedModel, colorize",
    "SavedModel, predict_ab",
    "TF1 session",
    "http server, files",
    "http server, chroma",
    "grpc server, files",
    "grpc server, chroma",
    "TFLite none",
    "TFLite float16",
    "ONNX none",
    "ONNX picture",
    "tf-colorize",
]
KEEP_ALPHA = ("SavedModel, serving_default", "TF1 session", "http server, files", "grpc server, files", "tf-colorize")


@pytest.fixture(scope="module")
def ways():
    exported = exports.exported()
    with agreement.ways(exported.saved_model, exported.tflite, exports.onnx_files()) as functions:
        yield functions


@pytest.fixture(scope="module")
def files():
    return {kind: agreement.as_png(photo) for kind, photo in PHOTOS.items()}


@pytest.fixture(scope="module")
def result(ways, files, tmp_path_factory):
    """A function of a way and a kind of photo. The command gets all photos at once, because each start takes half a
    second; in test_sizes_agree.py, it gets them one by one."""
    folder = tmp_path_factory.mktemp("command")

    @functools.cache
    def by_command():
        (folder / "in").mkdir()
        for kind, file in files.items():
            (folder / "in" / f"{kind}.png").write_bytes(file)
        command = [sys.executable, "-m", "tf_colorize", folder / "in", "-o", folder / "out"]
        subprocess.run([*command, "--model", exports.exported().tflite["none"]], check=True, capture_output=True)
        return {kind: Image.open(folder / "out" / f"{kind}.png") for kind in files}

    @functools.cache
    def result(way, kind):
        return by_command()[kind] if way == "tf-colorize" else ways[way](files[kind])

    return result


@pytest.fixture(scope="module")
def expected(files):
    colorizer = Colorizer.from_keras(exports.generator(), image_size=exports.IMAGE_SIZE)
    return {kind: colorizer(file) for kind, file in files.items()}


@pytest.mark.parametrize("kind", PHOTOS)
@pytest.mark.parametrize("way", EXACT)
def test_two_gray_levels_in_999_of_1000_pixels(result, expected, way, kind):
    distance = agreement.distance(result(way, kind), expected[kind])
    assert distance.shape == PHOTOS[kind].size[::-1]
    assert np.mean(distance <= 2) >= 0.999


@pytest.mark.parametrize("kind", PHOTOS)
@pytest.mark.parametrize("way", ["TFLite dynamic", "ONNX dynamic"])
def test_eight_bit_weights_stay_within_three_gray_levels_on_average(result, expected, way, kind):
    assert agreement.distance(result(way, kind), expected[kind]).mean() < 3


@pytest.mark.parametrize("way", KEEP_ALPHA)
def test_alpha_is_kept(result, way):
    picture = result(way, "alpha")
    assert picture.mode == "RGBA"
    np.testing.assert_array_equal(picture.getchannel("A"), PHOTOS["alpha"].getchannel("A"))


def test_the_pictures_of_the_table_have_color(expected):
    # Otherwise all ways would agree on gray.
    assert np.mean([picture.std(axis=-1).mean() for picture in expected.values()]) > 5


@pytest.mark.parametrize("way", EXACT)
def test_margins_get_no_color(result, way):
    mount, border = (
        np.asarray(result(way, kind).convert("RGB")).astype(int) for kind in ("gray mount", "white border")
    )
    assert (mount[:35] == 120).all() and (border[:10] == 255).all()
    assert np.ptp(mount[100:-120, 100:-100], axis=-1).mean() > 5
