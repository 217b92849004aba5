"""The TFLite file is what devices can run, and gives what Keras gives."""

import hashlib
import json
import pathlib
import zipfile

import exports
import keras
import numpy as np
import pytest
import tiny_models
from ai_edge_litert import interpreter as litert
from PIL import Image

from tf_colorize import documents, export, models
from tf_colorize.color import lab
from tf_colorize.export import checks, tflite, vectors
from tf_colorize.inference import runtimes
from tf_colorize.models import anatomy, saving
from tf_colorize.training import preparation

SIZE = exports.IMAGE_SIZE
ROOT = pathlib.Path(__file__).parents[2]
SHIPPED = ROOT / "saved_models"


@pytest.fixture(scope="module")
def exported():
    return exports.exported()


@pytest.mark.parametrize("kind", ["none", "float16", "dynamic"])
def test_tflite_is_builtin_operations_for_one_fixed_size(exported, kind):
    interpreter = litert.Interpreter(str(exported.tflite[kind]))
    interpreter.allocate_tensors()
    (take,), (give,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (take["shape"].tolist(), take["dtype"]) == ([1, SIZE, SIZE, 1], np.float32)
    assert (give["shape"].tolist(), give["dtype"]) == ([1, SIZE, SIZE, 2], np.float32)
    assert not [name for op in interpreter._get_ops_details() if (name := op["op_name"]).startswith(("Flex", "CUSTOM"))]


def test_the_script_offers_the_choices_of_the_library():
    from tf_colorize.commands.export import MIN_CALIBRATION_PHOTOS, QUANTIZE

    assert (QUANTIZE, MIN_CALIBRATION_PHOTOS) == (tflite.QUANTIZE, tflite.MIN_CALIBRATION_PHOTOS)


@pytest.mark.parametrize("kind", ["none", "float16", "dynamic"])
def test_tflite_carries_its_metadata(exported, kind):
    with zipfile.ZipFile(exported.tflite[kind]) as archive:
        described = json.loads(archive.read(documents.METADATA_NAME))
    assert described == {**anatomy.generator_metadata(SIZE), "quantize": kind}
    assert exported.tflite[kind].read_bytes()[4:8] == b"TFL3"


@pytest.mark.parametrize(("kind", "mean"), [("none", 0.001), ("float16", 0.1), ("dynamic", 0.5)])
def test_tflite_gives_keras_chroma(exported, kind, mean):
    model = runtimes.from_tflite(exported.tflite[kind], threads=1)
    assert model.image_size == SIZE
    for square in checks.photo_squares(exported.photos, SIZE, 4):
        distance = np.linalg.norm(model.predict_ab(square) - exports.generator()(square), axis=-1) * lab.AB_SCALE
        assert distance.mean() < mean


def test_int8(tmp_path):
    photos = exports.write_photos(tmp_path / "photos", 216)
    common = {"quantize": "int8", "image_size": SIZE}
    report = export.export_tflite(exports.generator(), tmp_path / "int8.tflite", photos=photos, **common)
    assert report.agreement.mean < 1 and report.agreement.photos == 16
    interpreter = litert.Interpreter(str(report.path))
    assert np.int8 in {detail["dtype"] for detail in interpreter.get_tensor_details()}
    next(photos.iterdir()).unlink()
    with pytest.raises(ValueError, match=r"at least 216 photos.*with 215"):
        export.export_tflite(exports.generator(), tmp_path / "less.tflite", photos=photos, **common)


def test_a_model_without_its_weights_is_refused(exported, tmp_path, monkeypatch):
    from tf_colorize.export import tflite

    convert = tflite._converted
    # A file as a converter writes it that lost the weights.
    small = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(2, 1, name="lost")])
    monkeypatch.setattr(tflite, "_converted", lambda generator, *rest: convert(small, *rest))
    with pytest.raises(checks.ExportError, match="its weights alone need"):
        export.export_tflite(exports.generator(), tmp_path / "a.tflite", image_size=SIZE, photos=exported.photos)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_tflite_file_that_was_cut_is_refused(exported, tmp_path, share):
    whole = exported.tflite["none"].read_bytes()
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"cut\.tflite"):
        runtimes.from_tflite(cut, threads=1)


@pytest.mark.slow
def test_the_real_network_is_light_in_every_form(tmp_path):
    palette = lab.ab_palette()
    generator = models.resnet18_unet(palette=palette, **preparation.PALETTE_DECODER)
    logits = generator.get_layer("chroma_logits")
    logits.kernel.assign(logits.kernel * 10)  # nearly as sharp as trained ones
    photos = exports.write_photos(tmp_path / "photos", 216)
    common = {"image_size": 128, "photos": photos}
    saved = export.export_saved_model(generator, tmp_path / "1", **common)
    sizes = {
        kind: export.export_tflite(generator, tmp_path / f"{kind}.tflite", quantize=kind, **common).n_bytes / 1e6
        for kind in tflite.QUANTIZE
    }
    assert saved.half_precision and saved.n_bytes / 1e6 + sizes["dynamic"] < 50  # both are in the repository
    assert sizes["none"] < 56 and sizes["float16"] < 28 and sizes["dynamic"] < 14.5 and sizes["int8"] < 14.5
    kept = saving.load_generator(tmp_path / "1")[0].get_weights()
    for actual, expected in zip(kept, generator.get_weights()):
        np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-6)


def test_the_test_vectors_are_those_of_the_shipped_model(tmp_path):
    vectors.write(SHIPPED / "colorizer.tflite", tmp_path)
    for name in ("gray.png", "color.png"):
        stored, now = (np.asarray(Image.open(folder / name)) for folder in (SHIPPED / "test_vectors", tmp_path))
        assert stored.shape == now.shape and np.abs(stored.astype(int) - now).max() <= 2
    stored, now = (np.load(folder / "ab.npy") for folder in (SHIPPED / "test_vectors", tmp_path))
    # Processors round differently in 8 bits.
    assert np.abs(stored.astype(float) - now).mean() < 0.5 / lab.AB_SCALE


def test_the_shipped_files_are_those_of_the_checksum_file():
    for line in (SHIPPED / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((SHIPPED / name).read_bytes()).hexdigest() == digest, name


def test_the_stored_tiny_model_equals_a_new_conversion(tmp_path):
    (tmp_path / "now.tflite").write_bytes(tiny_models.converted(32))
    square = np.random.default_rng(0).uniform(-1, 1, (1, 32, 32, 1)).astype("float32")
    results = []
    for path in (tiny_models.STORED, tmp_path / "now.tflite"):
        model = runtimes.from_tflite(path, threads=1)
        results.append(model.predict_ab(square))
        assert model.image_size == 32
    np.testing.assert_allclose(*results, atol=1e-6)
    np.testing.assert_allclose(results[0], tiny_models.keras_model()(square), atol=1e-6)
