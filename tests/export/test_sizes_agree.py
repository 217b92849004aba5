"""A model of several sizes: every way of running it chooses the same size and gives the same picture.

Its SavedModel takes long to make; test_several_sizes.py has a smaller one, without hints.
"""

import pathlib
import shutil
import subprocess
import sys

import agreement
import exports
import numpy as np
import prediction_server
import pytest
import skimage.data
import tensorflow as tf
from PIL import Image

from tf_colorize import Colorizer, export, model_metadata
from tf_colorize.export import vectors
from tf_colorize.inference import serving

SIZES = exports.SIZES
PHOTOS = {
    kind: photo
    for kind, photo in agreement.photos(SIZES[1:]).items()
    if "squared" in kind or kind in ("panorama", "1 pixel wide", "1 pixel", "gray mount")
}
# 1 x 300, 600 x 70, 1 x 1, 285 x 320; 60 x 38 and 60 x 39 of 2,304 pixels, 80 x 51 and 80 x 52 of 4,096.
SIDES = dict(zip(PHOTOS, [64, 32, 32, 64, 32, 48, 48, 64]))
WAYS = [
    "SavedModel, serving_default",
    "SavedModel, colorize",
    "SavedModel, predict_ab",
    "TF1 session",
    "http server, files",
    "http server, chroma",
    "grpc server, files",
    "grpc server, chroma",
    "TFLite none",
    "tf-colorize",
]
OF_HINTS = ("SavedModel, colorize", "SavedModel, predict_ab", "http server, chroma", "grpc server, chroma", *WAYS[-2:])
WAYS_WITH_HINTS = [f"{way}, with hints" for way in OF_HINTS]
PIXELS = Image.fromarray(skimage.data.coffee()).resize((80, 90))
PHOTOS["exactly 48 squared"], SIDES["exactly 48 squared"] = PIXELS.resize((48, 48)), 48


@pytest.fixture(scope="module")
def made():
    return exports.of_several_sizes()


@pytest.fixture(scope="module")
def server(made):
    """A server of the SavedModel, which all tests share, because each copy that is loaded takes seconds."""
    with prediction_server.serve(made.saved_model) as running:
        yield running


@pytest.fixture(scope="module")
def signatures(server):
    model, _ = server
    return model.loaded.signatures


@pytest.fixture(scope="module")
def ways(made, server):
    with (
        agreement.ways(made.saved_model, made.tflite, {}, server) as functions,
        agreement.ways_with_hints(made.saved_model, made.tflite, server=server) as functions_with_hints,
    ):
        yield functions | functions_with_hints


@pytest.fixture(scope="module")
def colorizer(made):
    return Colorizer.from_keras(made.keras)


@pytest.mark.slow
@pytest.mark.parametrize("kind", PHOTOS)
def test_no_photo_is_enlarged(colorizer, kind):
    assert colorizer.lightness(PHOTOS[kind]).shape == (1, SIDES[kind], SIDES[kind], 1)
    width, height = PHOTOS[kind].size
    assert SIDES[kind] == SIZES[0] or SIDES[kind] ** 2 <= width * height


@pytest.mark.slow
@pytest.mark.parametrize("way", [*WAYS, *WAYS_WITH_HINTS])
def test_every_way_gives_the_same_picture_at_every_size(ways, colorizer, way):
    given = agreement.HINTS if way in WAYS_WITH_HINTS else ()
    kinds = PHOTOS if way.split(",")[0] != "tf-colorize" else list(PHOTOS)[-3:]  # each starts a process
    for kind in kinds:
        file = agreement.as_png(PHOTOS[kind])
        expected = colorizer(file, hints=given)
        distance = agreement.distance(ways[way](file), expected)
        assert distance.shape == expected.shape[:2] and np.mean(distance <= 1) >= 0.999, kind


@pytest.mark.slow
def test_the_sizes_give_different_pictures(colorizer):
    # Otherwise nobody would notice a wrong choice.
    seen = [colorizer.join(PIXELS, colorizer.ab(colorizer.lightness(PIXELS, side))).astype(int) for side in SIZES]
    assert all(np.abs(one - seen[-1]).mean() > 1 for one in seen[:-1])


@pytest.mark.slow
def test_files_of_all_sizes_in_one_batch(signatures, colorizer):
    signature = signatures["serving_default"]
    for names in (list(PHOTOS), list(PHOTOS)[::-1], [kind for kind in PHOTOS if SIDES[kind] == 48]):
        files = [agreement.as_png(PHOTOS[kind]) for kind in names]
        for file, result in zip(files, signature(image_bytes=tf.constant(files))["color_bytes"].numpy()):
            assert agreement.distance(agreement.decoded(result), colorizer(file)).max() <= 1


@pytest.mark.slow
def test_hints_tell_at_which_size_they_are_seen(signatures, colorizer):
    image = np.asarray(PIXELS)[np.newaxis]
    signature = signatures["colorize_with_hints"]
    for side in SIZES:
        nothing = np.zeros((1, side, side, 3), np.float32)
        result = signature(image=tf.constant(image), hints=tf.constant(nothing))["image"].numpy()[0].astype(int)
        expected = colorizer.join(PIXELS, colorizer.ab(colorizer.lightness(PIXELS, side)))
        assert np.abs(result - expected).max() <= 1
    with pytest.raises(tf.errors.InvalidArgumentError, match="is not compatible with expected shape"):
        signature(image=tf.constant(image), hints=tf.zeros((1, 50, 50, 3)))


@pytest.mark.slow
def test_a_server_tells_its_sizes(server):
    _, addresses = server
    for address in addresses.values():
        client = serving.Client(address)
        assert (client.image_size, client.larger_sizes, client.takes_hints) == (32, (48, 64), True)


def test_a_saved_model_from_before_the_larger_sizes(tmp_path):
    """Its metadata may name sizes for which it has no signatures."""
    path = shutil.copytree(exports.exported().saved_model, tmp_path / "1")
    about = path / "assets.extra" / "tf_colorize.json"
    about.write_text(about.read_text().replace('"image_size": 64', '"image_size": 64, "image_sizes": [64, 80]'))
    colorizer = Colorizer.load(path)
    assert "image_sizes" in model_metadata.of_saved_model(path)
    assert colorizer.predictor.larger_sizes == () and colorizer(PIXELS).shape == (90, 80, 3)


def test_the_steps_for_app_developers_give_the_test_vectors_of_each_size(tmp_path):
    large = export.export_tflite(
        exports.generator(),
        tmp_path / "large.tflite",
        metadata={"image_size": 96, "image_sizes": [96, 160]},  # the first picture is seen at the first size
        photos=exports.exported().photos,
    ).path
    vectors.write(large, tmp_path)
    example = pathlib.Path(__file__).parents[2] / "examples" / "tflite_without_tf_colorize.py"
    assert np.load(tmp_path / "ab.npy").shape == (1, 96, 96, 2)
    for suffix, side in (("", 96), ("_160", 160)):
        gray, color = (np.asarray(Image.open(tmp_path / f"{name}{suffix}.png")) for name in ("gray", "color"))
        assert Colorizer.load(large).lightness(gray).shape == (1, side, side, 1)
        assert np.abs(color.astype(int) - Colorizer.from_keras(exports.generator(), image_size=side)(gray)).max() <= 1
        subprocess.run(
            [sys.executable, example, large, tmp_path / f"gray{suffix}.png", tmp_path / "mine.png"], check=True
        )
        assert np.abs(np.asarray(Image.open(tmp_path / "mine.png")).astype(int) - color).max() <= 1


@pytest.mark.slow
def test_the_weights_are_stored_once(made):
    stored = tf.train.load_checkpoint(str(made.saved_model / "variables" / "variables")).get_variable_to_shape_map()
    weights = [tuple(shape) for name, shape in stored.items() if name.startswith("generator_weights")]
    assert sorted(weights) == sorted(tuple(weight.shape) for weight in exports.generator_with_features().weights)
    warmup = made.saved_model / "assets.extra" / "tf_serving_warmup_requests"
    assert warmup.stat().st_size < 50_000
