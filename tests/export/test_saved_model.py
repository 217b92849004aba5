"""The SavedModel does what `Colorizer` does with the Keras model, for every kind of picture file."""

import io
import json
import pathlib
import subprocess
import sys
import zipfile

import exports
import keras
import numpy as np
import pytest
import skimage.color
import skimage.data
import tensorflow as tf
from PIL import ExifTags, Image

from tf_colorize import Colorizer, documents, export
from tf_colorize.models import anatomy, saving
from tf_colorize.photos import files
from tf_colorize.training import preparation, settings

ROOT = pathlib.Path(__file__).parents[2]
SHIPPED = ROOT / "saved_models"
SIZE = exports.IMAGE_SIZE
PERSON = skimage.data.astronaut()


@pytest.fixture(scope="module")
def exported():
    return exports.exported()


@pytest.fixture(scope="module")
def signatures(exported):
    return tf.saved_model.load(str(exported.saved_model)).signatures


@pytest.fixture(scope="module")
def colorizer():
    return Colorizer.from_keras(exports.generator(), image_size=SIZE)


def encoded(image, image_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def served(signatures, *encoded):
    results = signatures["serving_default"](image_bytes=tf.constant(list(encoded), tf.string))["color_bytes"].numpy()
    return [Image.open(io.BytesIO(result)) for result in results]


def same_picture(actual, expected):
    distance = np.abs(np.asarray(actual).astype(int) - expected)
    return distance.shape == expected.shape and np.mean(distance <= 2) >= 0.999


def test_a_saved_model_holds_the_generator(exported):
    generator, described = saving.load_generator(exported.saved_model)
    for actual, expected in zip(generator.get_weights(), exports.generator().get_weights()):
        np.testing.assert_allclose(actual, expected, rtol=5e-4, atol=1e-6)  # half precision
    expected = anatomy.generator_metadata(SIZE)
    assert {key: described[key] for key in expected} == expected
    lightness = np.zeros((1, 32, 96, 1), np.float32)
    assert generator(lightness).shape == (1, 32, 96, 2)


def layers_of(generator):
    return generator._flatten_layers(include_self=True)


def frozen():
    generator = saving.portable(exports.generator())
    generator.get_layer("conv").trainable = generator.get_layer("norm").trainable = False
    return generator


def loads_unfrozen(path):
    generator, described = saving.load_generator(path)
    is_described_so = '"trainable": false' not in json.dumps(described)
    n_trainable = len(exports.generator().trainable_variables)
    is_trainable = all(layer.trainable for layer in layers_of(generator))
    return is_trainable and is_described_so and len(generator.trainable_variables) == n_trainable


@pytest.mark.slow
def test_freezing_is_not_exported(exported, tmp_path):
    generator = frozen()
    export.export_saved_model(generator, tmp_path / "1", image_size=SIZE, photos=exported.photos)
    assert not generator.get_layer("conv").trainable  # the caller's own stays as it is
    assert loads_unfrozen(tmp_path / "1")


def test_freezing_is_neither_saved_nor_loaded(tmp_path):
    generator = frozen()
    about = anatomy.generator_metadata(SIZE)
    saving.save_generator(generator, tmp_path / "new.keras", about)
    assert not generator.get_layer("conv").trainable
    generator.save(tmp_path / "old.keras")  # as earlier versions did
    with zipfile.ZipFile(tmp_path / "old.keras", "a") as archive:
        archive.writestr(documents.METADATA_NAME, json.dumps(about))
    assert loads_unfrozen(tmp_path / "new.keras") and loads_unfrozen(tmp_path / "old.keras")
    with zipfile.ZipFile(tmp_path / "new.keras") as archive:
        assert b'"trainable": false' not in archive.read("config.json")


def test_the_shipped_generator_trains_in_all_layers():
    generator, described = saving.load_generator(SHIPPED / "colorizer" / "1")
    assert '"trainable": false' not in json.dumps(described["generator"])
    assert all(layer.trainable for layer in layers_of(generator))
    generator = anatomy.automatic(generator)
    before = generator.get_layer("resnet18").get_weights()
    # With this rate, less of the deepest gradients is lost in float32.
    generator.compile(keras.optimizers.SGD(0.1), loss="mae", run_eagerly=True)
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype("float32")
    generator.fit(noise[..., :1], noise[..., 1:], verbose=0)
    changed = [not np.array_equal(*pair) for pair in zip(before, generator.get_layer("resnet18").get_weights())]
    assert all(changed)


def test_training_starts_from_a_saved_model(exported):
    config = settings.TrainConfig(init=str(exported.saved_model), precision="float32")
    generator = preparation.build_generator(config, report=lambda line: None)
    np.testing.assert_allclose(generator.get_weights()[0], exports.generator().get_weights()[0], atol=1e-3)


@pytest.mark.slow
def test_fine_tuning_from_a_saved_model_on_the_command_line(exported, tmp_path):
    command = [sys.executable, str(ROOT / "scripts" / "train.py"), "--mode", "pretrain"]
    command += ["--init", str(exported.saved_model), "--data", exported.photos]
    command += ["--val-fraction", "0.5", "--image-size", "32", "--batch-size", "2", "--pretrain-epochs", "1"]
    command += ["--run-dir", str(tmp_path / "run")]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr[-2000:]
    assert saving.load_generator(tmp_path / "run")[1]["image_size"] == 32


def test_an_export_can_be_exported_again(exported, tmp_path):
    generator, described = saving.load_generator(exported.saved_model)
    report = export.export_tflite(generator, tmp_path / "again.tflite", metadata=described, photos=exported.photos)
    with zipfile.ZipFile(report.path) as archive:
        again = json.loads(archive.read(documents.METADATA_NAME))
    assert "generator" not in again and again["image_size"] == SIZE


@pytest.mark.slow
def test_it_loads_and_runs_without_this_package_and_keras(exported, run_python):
    printed = run_python(f"""
        import sys
        for name in ("tf_colorize", "keras", "keras_cv", "tensorflow_io"):
            sys.modules[name] = None  # importing it fails
        import tensorflow as tf
        loaded = tf.saved_model.load({str(exported.saved_model)!r}, tags=["serve"])
        png = tf.io.encode_png(tf.zeros((5, 9, 3), tf.uint8))
        result = loaded.signatures["serving_default"](image_bytes=png[tf.newaxis])["color_bytes"]
        print(tf.io.decode_png(result[0]).shape)
    """)
    assert printed.strip() == "(5, 9, 3)"


def test_its_operations_are_tensorflows_own(exported):
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow.python.framework import op_def_registry

    saved = saved_model_pb2.SavedModel.FromString((exported.saved_model / "saved_model.pb").read_bytes())
    (graph,) = saved.meta_graphs
    assert list(graph.meta_info_def.tags) == ["serve"]
    functions = {function.signature.name for function in graph.graph_def.library.function}
    nodes = [node for function in graph.graph_def.library.function for node in function.node_def]
    operations = {node.op for node in [*graph.graph_def.node, *nodes]} - functions
    assert operations and all(op_def_registry.get(operation) for operation in operations)
    assert not operations & {"PyFunc", "EagerPyFunc", "PyFuncStateless"}
    # What loading creates: nothing of Keras, which would then have to be there.
    kinds = {node.user_object.identifier for node in graph.object_graph_def.nodes}
    assert kinds and not [kind for kind in kinds if "keras" in kind]
    assert str(ROOT).encode() not in (exported.saved_model / "saved_model.pb").read_bytes()


def test_signatures(signatures):
    described = {
        name: {key: (spec.dtype, spec.shape.as_list()) for key, spec in signature.structured_input_signature[1].items()}
        for name, signature in signatures.items()
    }
    assert described == {
        "serving_default": {"image_bytes": (tf.string, [None])},
        "colorize": {"image": (tf.uint8, [None, None, None, 3])},
        "predict_ab": {"lightness": (tf.float32, [None, SIZE, SIZE, 1])},
    }
    assert {key for signature in signatures.values() for key in signature.structured_outputs} == {
        "color_bytes",
        "image",
        "ab",
    }


def test_a_batch_of_pictures_of_different_sizes(signatures, colorizer):
    sizes = [(40, 30), (1, 1), (7, 301), (200, 3)]
    pictures = [Image.fromarray(PERSON).resize(size) for size in sizes]
    results = served(signatures, *(encoded(picture, "PNG") for picture in pictures))
    for result, picture in zip(results, pictures):
        assert result.format == "PNG" and same_picture(result, colorizer(picture))


def test_a_batch_of_pixels_and_more_rows_than_fit_one_strip(signatures, colorizer):
    # 600 x 900 pixels are three strips of rows.
    pictures = [np.asarray(Image.fromarray(data).resize((600, 900))) for data in (skimage.data.coffee(), PERSON)]
    results = signatures["colorize"](image=tf.constant(np.stack(pictures)))["image"].numpy()
    assert results.dtype == np.uint8
    for result, picture in zip(results, pictures):
        assert same_picture(result, colorizer(picture))


def test_an_empty_batch(signatures):
    with pytest.raises(tf.errors.InvalidArgumentError, match="the batch is empty"):
        served(signatures)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(signatures, colorizer, orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "maker"
    exif[ExifTags.Base.Orientation] = orientation
    photo = Image.fromarray(skimage.data.coffee()).resize((90, 60))
    file = encoded(photo, "JPEG", quality=95, exif=exif)
    (result,) = served(signatures, file)
    expected = colorizer(file)
    assert result.format == "JPEG" and result.size == expected.shape[1::-1]
    # A JPEG again: near, not equal. Turned wrongly it would be 60 gray levels off.
    assert np.abs(np.asarray(result).astype(int) - expected).mean() < 3


@pytest.mark.parametrize(
    "broken_exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
def test_broken_exif_gives_no_orientation(signatures, broken_exif):
    photo = Image.fromarray(skimage.data.coffee()).resize((90, 60))
    file = encoded(photo, "JPEG")
    segment = b"\xff\xe1" + (len(broken_exif) + 2).to_bytes(2, "big") + broken_exif
    (result,) = served(signatures, file[:2] + segment + file[2:])
    assert result.size == (90, 60)


@pytest.mark.parametrize(
    ("mode", "image_format"),
    [(mode, "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")]
    + [(mode, "BMP") for mode in ("L", "P", "RGB", "RGBA")]
    + [(mode, "GIF") for mode in ("L", "P")]
    + [(mode, "JPEG") for mode in ("L", "RGB", "CMYK")],
)
def test_pixels_of_every_kind(signatures, colorizer, mode, image_format):
    photo = Image.fromarray(skimage.data.chelsea()).resize((70, 50))
    if mode.endswith("A"):
        photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    if mode == "I;16":
        photo = Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257)
    file = encoded(photo.convert(mode) if mode != "I;16" else photo, image_format)
    (result,) = served(signatures, file)
    assert result.mode == ("RGBA" if mode.endswith("A") and image_format == "PNG" else "RGB")
    expected = colorizer(file)
    if image_format == "JPEG":
        assert np.abs(np.asarray(result).astype(int) - expected).mean() < 3
    else:
        assert same_picture(result.convert("RGB"), expected)
    if result.mode == "RGBA":
        np.testing.assert_array_equal(result.getchannel("A"), files.read(file).image.getchannel("A"))


def test_an_animated_gif_gives_its_first_frame(signatures, colorizer):
    frames = [Image.fromarray(skimage.data.coffee()).resize((40, 30)).convert("P"), Image.new("P", (40, 30), 9)]
    file = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    (result,) = served(signatures, file)
    assert same_picture(result, colorizer(file))


@pytest.mark.parametrize("kind", ["empty", "text", "cut PNG", "cut JPEG", "cut GIF", "cut BMP", "RLE BMP", "marker"])
def test_a_broken_image_in_a_batch_is_named(signatures, kind):
    photo = Image.fromarray(skimage.data.coffee()).resize((90, 60))
    good = encoded(photo, "PNG")
    broken = {"empty": b"", "text": b"no picture", "marker": b"\xff\xd8\xff"}
    for name in ("PNG", "JPEG", "GIF", "BMP"):
        whole = encoded(photo, name)
        broken[f"cut {name}"] = whole[: len(whole) // 2]
    rle = bytearray(encoded(photo.convert("P"), "BMP"))
    rle[30] = 1  # says that it is compressed
    broken["RLE BMP"] = bytes(rle)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"image 2 of the batch \(counted from 0; \d+ bytes\)"):
        served(signatures, good, good, broken[kind], good)
