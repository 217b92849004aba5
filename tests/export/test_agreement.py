"""Every way of running a model gives the picture that Keras gives, for every kind of photo."""

import agreement
import exports
import numpy as np
import pytest

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
def expected(files):
    colorizer = Colorizer.from_keras(exports.generator(), image_size=exports.IMAGE_SIZE)
    return {kind: colorizer(file) for kind, file in files.items()}


@pytest.mark.parametrize("kind", PHOTOS)
@pytest.mark.parametrize("way", EXACT)
def test_two_gray_levels_in_999_of_1000_pixels(ways, files, expected, way, kind):
    distance = agreement.distance(ways[way](files[kind]), expected[kind])
    assert distance.shape == PHOTOS[kind].size[::-1]
    assert np.mean(distance <= 2) >= 0.999


@pytest.mark.parametrize("kind", PHOTOS)
@pytest.mark.parametrize("way", ["TFLite dynamic", "ONNX dynamic"])
def test_eight_bit_weights_stay_within_three_gray_levels_on_average(ways, files, expected, way, kind):
    assert agreement.distance(ways[way](files[kind]), expected[kind]).mean() < 3


@pytest.mark.parametrize("way", KEEP_ALPHA)
def test_alpha_is_kept(ways, files, way):
    result = ways[way](files["alpha"])
    assert result.mode == "RGBA"
    np.testing.assert_array_equal(result.getchannel("A"), PHOTOS["alpha"].getchannel("A"))


def test_the_pictures_of_the_table_have_color(expected):
    # Otherwise all ways would agree on gray.
    assert np.mean([picture.std(axis=-1).mean() for picture in expected.values()]) > 5


@pytest.mark.parametrize("way", EXACT)
def test_margins_get_no_color(ways, files, way):
    mount, border = (
        np.asarray(ways[way](files[kind]).convert("RGB")).astype(int) for kind in ("gray mount", "white border")
    )
    assert (mount[:35] == 120).all() and (border[:10] == 255).all()
    assert np.ptp(mount[100:-120, 100:-100], axis=-1).mean() > 5
