"""Files for several sizes: they hold the weights once, and each picture is processed at a suitable size."""

import dataclasses

import agreement
import exports
import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_colorize import Colorizer, export, model_metadata
from tf_colorize.export import checks
from tf_colorize.inference import predictor, runtimes
from tf_colorize.models import blocks, grafts, saving

SIZES = [64, 96, 160]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sizes")
    photos = exports.write_photos(folder / "photos")
    generator = exports.generator()
    one, several = (
        export.export_tflite(
            generator,
            folder / f"{len(sizes)}.tflite",
            quantize="dynamic",
            photos=photos,
            metadata={"image_size": 64, **sizes},
        )
        for sizes in ({}, {"image_sizes": SIZES})
    )
    saving.save_generator(generator, folder / "generator.keras", {"image_size": 64, "image_sizes": SIZES})
    return {"one": one, "several": several, "folder": folder, "photos": photos}


def test_the_weights_are_in_the_file_once(made):
    n_weights = sum(np.prod(weight.shape) for weight in exports.generator().weights if len(weight.shape) > 1)
    assert made["several"].n_bytes - made["one"].n_bytes < 30_000 + n_weights  # each size has a graph
    assert runtimes.from_tflite(made["one"].path, threads=1).larger_sizes == ()


def test_all_sizes_give_what_keras_gives(made):
    model = runtimes.from_tflite(made["several"].path, threads=1)
    assert (model.image_size, model.larger_sizes) == (64, (96, 160))
    for side in (*SIZES, 96, 64):
        lightness = np.random.default_rng(side).uniform(-1, 1, (1, side, side, 1)).astype("float32")
        expected = np.asarray(exports.generator()(lightness, training=False))
        assert np.abs(model.predict_ab(lightness) - expected).mean() < 0.02


@pytest.mark.parametrize(
    ("width", "height", "side"),
    [(20, 30, 64), (64, 64, 64), (95, 96, 64), (96, 96, 96), (200, 120, 96), (4000, 300, 160)],
)
def test_the_size_is_the_largest_that_enlarges_nothing(width, height, side):
    assert predictor.Predictor(64, abs, larger_sizes=(96, 160)).size_for(width, height) == side
    assert predictor.Predictor(64, abs).size_for(width, height) == 64


@pytest.mark.parametrize("kind", ["several.tflite", "generator.keras"])
def test_a_picture_is_seen_at_its_size(made, kind):
    path = made["several"].path if kind.endswith("tflite") else made["folder"] / kind
    colorizer = Colorizer.load(path, threads=1) if kind.endswith("tflite") else Colorizer.from_keras(path)
    picture = np.asarray(Image.open(next(made["photos"].iterdir())).convert("L"))  # 120 x 100
    assert colorizer.lightness(picture).shape == (1, 96, 96, 1)
    assert colorizer.lightness(picture, 64).shape == (1, 64, 64, 1)
    ab = np.asarray(exports.generator()(colorizer.lightness(picture), training=False))[0]
    difference = np.abs(np.int16(colorizer(picture)) - colorizer.join(picture, ab))
    assert difference.mean() < 1.5  # 8 bits


def test_a_saved_model_sees_each_picture_at_its_size(made, tmp_path):
    metadata = {"image_size": 64, "image_sizes": [64, 96]}
    path = export.export_saved_model(
        exports.generator(), tmp_path / "1", metadata=metadata, half_precision=False, photos=made["photos"]
    ).path
    loaded = tf.saved_model.load(str(path), tags=["serve"])
    model, colorizer = runtimes.of_loaded(loaded, path), Colorizer.from_keras(made["folder"] / "generator.keras")
    assert (model.image_size, model.larger_sizes) == (64, (96,))
    photo = Image.open(next(made["photos"].iterdir())).convert("RGB")
    pictures = [photo.resize((70, 60)), photo, photo.resize((96, 96))]
    expected = [colorizer(picture).astype(int) for picture in pictures]
    files = tf.constant([agreement.as_png(picture) for picture in pictures])
    colored = loaded.signatures["serving_default"](image_bytes=files)["color_bytes"].numpy()
    for picture, wanted, file in zip(pictures, expected, colored):
        (pixels,) = loaded.signatures["colorize"](image=tf.constant(np.asarray(picture)[np.newaxis]))["image"].numpy()
        for found in (agreement.decoded(file), Image.fromarray(pixels)):
            distance = agreement.distance(found, wanted)
            assert distance.shape == wanted.shape[:2] and np.mean(distance <= 1) >= 0.999
    # Otherwise nobody would notice a wrong choice.
    at_64 = colorizer.join(photo, colorizer.ab(colorizer.lightness(photo, 64)))
    assert np.abs(at_64 - expected[1]).mean() > 1


def test_hints_are_painted_at_the_size_that_is_seen(tmp_path, made):
    metadata = {"image_size": 64, "image_sizes": [64, 96]}
    path = export.export_tflite(_with_hints(), tmp_path / "hints.tflite", photos=made["photos"], metadata=metadata).path
    colorizer = Colorizer.load(path)
    gray = np.full((110, 110), 120, np.uint8)
    hinted = np.int16(colorizer(gray, hints=[(30, 80, "#7a4b2c")]))
    away = np.linalg.norm(hinted - np.int16(colorizer(gray)), axis=-1)
    assert away[76:84, 26:34].mean() > 20
    assert away[76:84, 26:34].mean() > away[26:34, 76:84].mean() + 10  # with rows and columns exchanged


def _with_hints():
    """A generator whose decoder the branch for hints finds."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, None, 1), name="lightness")
    x = keras.layers.Conv2D(8, 5, strides=4, padding="same", name="decoder3_conv")(inputs)
    x = keras.layers.ReLU(name="decoder3_relu")(x)
    x = keras.layers.Conv2D(2, 1, activation="tanh", name="chroma")(x)
    plain = keras.Model(inputs, blocks.BilinearUpsampling(4, name="ab")(x), name="resnet18_unet")
    return grafts.add_hints(plain)


def test_a_file_that_lacks_a_size_it_promises_is_refused(made, tmp_path, monkeypatch):
    tail = model_metadata.of_tflite(made["one"].path)
    monkeypatch.setattr(model_metadata, "of_tflite", lambda path: {**tail, "image_sizes": [64, 96]})
    with pytest.raises(ValueError, match="promises sizes that it lacks: 96"):
        runtimes.from_tflite(made["one"].path, threads=1)


@pytest.mark.slow
def test_hints_are_compared_with_keras_at_every_size(tmp_path, made, monkeypatch):
    load = runtimes.from_tflite

    def wrong_at_96(path, threads):
        model = load(path, threads)

        def hinted(lightness, given):
            ab = model.hinted(lightness, given)
            return ab + 0.5 if lightness.shape[1] == 96 else ab

        return dataclasses.replace(model, hinted=hinted)

    monkeypatch.setattr(runtimes, "from_tflite", wrong_at_96)
    metadata = {"image_size": 64, "image_sizes": [64, 96]}
    with pytest.raises(checks.ExportError, match="chroma differs from Keras"):
        export.export_tflite(_with_hints(), tmp_path / "hints.tflite", photos=made["photos"], metadata=metadata)
    assert not (tmp_path / "hints.tflite").exists()


@pytest.mark.slow
def test_an_int8_file_has_one_size(tmp_path):
    photos = exports.write_photos(tmp_path / "photos", 216)
    metadata = {"image_size": 64, "image_sizes": SIZES}
    report = export.export_tflite(
        exports.generator(), tmp_path / "a.tflite", quantize="int8", photos=photos, metadata=metadata
    )
    assert runtimes.from_tflite(report.path, threads=1).larger_sizes == ()
