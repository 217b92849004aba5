"""The ONNX file of the whole picture gives what `Colorizer` gives, for every size."""

import agreement
import exports
import numpy as np
import pytest
import skimage.data

from tf_colorize import Colorizer
from tf_colorize.export import onnx_graph
from tf_colorize.inference import onnx_runtime

PHOTOS = {kind: photo.convert("RGB") for kind, photo in agreement.photos().items()}


@pytest.fixture(scope="module")
def colorize():
    return onnx_runtime.picture(exports.onnx_files()["picture"], threads=1)


@pytest.fixture(scope="module")
def colorizer():
    return Colorizer.from_keras(exports.generator(), image_size=exports.IMAGE_SIZE)


def assert_same(actual, expected):
    assert actual.dtype == np.uint8 and actual.shape == expected.shape
    # The last bit of a float may round a gray level up or down.
    difference = np.abs(actual.astype(int) - expected)
    assert difference.max() <= 1 and difference.mean() < 0.01


@pytest.mark.parametrize("kind", PHOTOS)
def test_every_kind_of_photo(colorize, colorizer, kind):
    rgb = np.asarray(PHOTOS[kind])
    assert_same(colorize(rgb), colorizer(rgb))


@pytest.mark.parametrize(
    ("height", "width"),
    [
        (3, onnx_graph.STRIP_PIXELS + 5),  # a row is more than a strip
        (1000, 401),  # several strips, the last one shorter
        (onnx_graph.STRIP_PIXELS, 1),
        (2, 3),
    ],
)
def test_sizes_around_those_of_strips(colorize, colorizer, height, width):
    photo = skimage.data.astronaut()
    rows, columns = np.arange(height) * 512 // height, np.arange(width) * 512 // width
    rgb = photo[rows[:, np.newaxis], columns]
    assert_same(colorize(rgb), colorizer(rgb))


def test_the_pictures_have_color(colorize):
    rgb = np.asarray(PHOTOS["gray"])
    assert rgb.std(axis=-1).max() == 0 and colorize(rgb).std(axis=-1).mean() > 3
