"""ONNX files are what ONNX Runtime of the last years runs, and give what Keras gives."""

import concurrent.futures
import json
import os
import sys

import exports
import keras
import numpy as np
import onnx
import pytest
import skimage.data
from onnx import numpy_helper
from PIL import Image

from tf_colorize import Colorizer, Look, export, hints, installation
from tf_colorize.color import lab
from tf_colorize.commands import export as command
from tf_colorize.export import checks, onnx_file, vectors
from tf_colorize.export import onnx as own_onnx
from tf_colorize.inference import onnx_runtime
from tf_colorize.models import anatomy, grafts

SIZE = exports.IMAGE_SIZE
# 24 x 24 places for hints: more than fit in one system of equations, so all branches of the graph are there.
HINTED_SIZE = 96


@pytest.fixture(scope="module")
def files():
    return exports.onnx_files()


@pytest.fixture(scope="module")
def hinted(tmp_path_factory):
    keras.utils.set_random_seed(1)
    generator = grafts.add_hints(exports.generator())
    path = tmp_path_factory.mktemp("hinted") / "hinted.onnx"
    common = {"image_size": HINTED_SIZE, "photos": exports.exported().photos}
    return generator, export.export_onnx(generator, path, **common).path


def properties(path):
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


@pytest.mark.parametrize("kind", ["none", "dynamic", "picture"])
def test_runtimes_of_the_last_two_years_know_its_operations(files, kind):
    model = onnx.load(files[kind])
    onnx.checker.check_model(model, full_check=True)
    versions = {entry.domain: entry.version for entry in model.opset_import}
    # ONNX Runtime 1.20, of November 2024: opset 21, IR 10.
    assert versions[""] <= 21 and model.ir_version <= 10
    assert {node.domain for node in model.graph.node} == {""}


def test_its_inputs_and_outputs_have_names_types_and_sizes(files):
    session = onnx_runtime._session(files["none"], 1, onnx_runtime.PROVIDERS)
    (take,), (give,) = session.get_inputs(), session.get_outputs()
    assert (take.name, take.type, take.shape[1:]) == ("lightness", "tensor(float)", [SIZE, SIZE, 1])
    assert (give.name, give.type, give.shape[1:]) == ("ab", "tensor(float)", [SIZE, SIZE, 2])
    assert not isinstance(take.shape[0], int)  # any number of photos
    session = onnx_runtime._session(files["picture"], 1, onnx_runtime.PROVIDERS)
    (take,), (give,) = session.get_inputs(), session.get_outputs()
    for value, name in ((take, "image"), (give, "color")):
        assert (value.name, value.type, value.shape[0], value.shape[3]) == (name, "tensor(uint8)", 1, 3)
        assert not any(isinstance(side, int) for side in value.shape[1:3])
    assert all(value.doc_string for value in onnx.load(files["none"]).graph.input)


@pytest.mark.parametrize("kind", ["none", "dynamic", "picture"])
def test_it_carries_its_metadata(files, kind):
    expected = {**anatomy.generator_metadata(SIZE), "quantize": "dynamic" if kind == "dynamic" else "none"}
    assert properties(files[kind]) == {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in expected.items()
    }


@pytest.mark.slow
def test_the_metadata_of_a_model_with_hints_has_its_palette(hinted):
    generator, path = hinted
    described = properties(path)
    palette = np.array(json.loads(described["palette"]))
    np.testing.assert_allclose(palette, anatomy.palette(generator) * lab.AB_SCALE, atol=0.01)
    assert float(described["palette_temperature"]) == pytest.approx(anatomy.palette_temperature(generator))


def test_terms_go_with_an_export(tmp_path):
    about = {**anatomy.generator_metadata(SIZE), "terms": "Nobody may."}
    common = {"photos": exports.exported().photos, "metadata": about}
    report = export.export_onnx(exports.generator(), tmp_path / "termed.onnx", **common)
    assert properties(report.path)["terms"] == "Nobody may." and report.agreement.mean < 0.001


@pytest.mark.parametrize(("kind", "mean"), [("none", 0.001), ("dynamic", 0.5)])
def test_it_gives_keras_chroma_for_any_number_of_photos(files, kind, mean):
    predict = Colorizer.load(files[kind]).predict_ab
    squares = np.concatenate(checks.photo_squares(exports.exported().photos, SIZE, 4))
    for batch in (squares[:1], squares):
        distance = np.linalg.norm(predict(batch) - exports.generator()(batch), axis=-1) * lab.AB_SCALE
        assert distance.shape == (len(batch), SIZE, SIZE) and distance.mean() < mean


def test_int8_kernels_take_a_byte_each(files):
    kernels = [weight for weight in exports.generator().get_weights() if weight.ndim == 4]
    stored = [
        numpy_helper.to_array(tensor)
        for tensor in onnx.load(files["dynamic"]).graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) == 4
    ]
    assert sorted(tensor.size for tensor in stored) == sorted(kernel.size for kernel in kernels)
    assert all(np.abs(tensor.astype(int)).max((1, 2, 3)).min() == 127 for tensor in stored)
    # Runtimes fold what makes floats of them, but not operations of quantization.
    assert "DequantizeLinear" not in {node.op_type for node in onnx.load(files["dynamic"]).graph.node}
    floats = [tensor for tensor in onnx.load(files["dynamic"]).graph.initializer if tensor.data_type == 1]
    assert not [tensor for tensor in floats if len(tensor.dims) == 4 and np.prod(tensor.dims) > 1000]


@pytest.mark.slow
@pytest.mark.parametrize("dots", [0, 3, 100])
def test_hints_give_the_results_of_keras(hinted, dots):
    generator, path = hinted
    model = Colorizer.load(path)
    assert model.takes_hints and model.image_size == HINTED_SIZE
    square = checks.photo_squares(exports.exported().photos, HINTED_SIZE, 1)[0]
    wishes = [hints.Hint(f"{x}%", f"{y}%", "#7a4b2c") for x, y in np.random.default_rng(0).uniform(2, 98, (dots, 2))]
    nothing = np.zeros((1, HINTED_SIZE, HINTED_SIZE, 3), np.float32)
    given = hints.raster(wishes, (HINTED_SIZE, HINTED_SIZE), square) if dots else nothing

    def by_keras(lightness):
        return generator({"lightness": lightness, "hints": given}).numpy()

    def distance(actual):
        return np.linalg.norm((actual - expected) * lab.AB_SCALE, axis=-1).mean()

    expected = by_keras(square)
    # Untrained, the branch makes much of the last bits of what it sees where there are many dots.
    bound = 0.01 + 3 * distance(by_keras(square + np.float32(1e-6)))
    assert bound < 5 and distance(model.predict_ab(square, given)) < bound
    if not dots:
        np.testing.assert_array_equal(model.predict_ab(square), model.predict_ab(square, given))
        assert np.abs(model.predict_ab(square) - anatomy.automatic(generator)(square)).max() * lab.AB_SCALE < 0.01
    # Several at a time, one of them without hints.
    both = model.predict_ab(np.concatenate([square, square]), np.concatenate([given, nothing]))
    assert distance(both[:1]) < bound


def test_colorizer_colors_with_it_and_from_many_threads(files):
    exact, colorizer = Colorizer.load(exports.exported().tflite["none"]), Colorizer.load(files["none"], threads=1)
    photos = [np.roll(skimage.data.chelsea()[: 90 + 10 * index, :123], index, axis=1) for index in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda photo: colorizer(photo, look=Look(vividness=1.5)), photos))
    for photo, result in zip(photos, results):
        assert np.abs(result.astype(int) - exact(photo, vividness=1.5)).max() <= 1


def test_the_test_vectors_hold(files, tmp_path):
    """Those that the TFLite file of the same generator gives."""
    vectors.write(exports.exported().tflite["none"], tmp_path / "tflite")
    vectors.write(files["none"], tmp_path / "onnx")
    pictures, chroma = [], []
    for kind in ("tflite", "onnx"):
        pictures.append(np.asarray(Image.open(tmp_path / kind / "color.png")).astype(int))
        chroma.append(np.load(tmp_path / kind / "ab.npy"))
    np.testing.assert_allclose(chroma[1], chroma[0], atol=2e-3)
    gray = np.asarray(Image.open(tmp_path / "tflite" / "gray.png").convert("RGB"))
    pictures.append(onnx_runtime.picture(files["picture"], threads=1)(gray).astype(int))
    for picture in pictures[1:]:
        assert np.abs(picture - pictures[0]).max() <= 1


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_file_that_was_cut_is_refused(files, tmp_path, share):
    whole = files["none"].read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"cut\.onnx: not a"):
        Colorizer.load(tmp_path / "cut.onnx")


def test_other_files_are_refused(files, tmp_path):
    with pytest.raises(ValueError, match="takes whole pictures, so looks and hints cannot be applied"):
        Colorizer.load(files["picture"])
    with pytest.raises(ValueError, match=r"does not map image to color. Received: \['lightness'\] to \['ab'\]"):
        onnx_runtime.picture(files["none"], threads=1)
    with pytest.raises(ValueError, match="no such model"):
        Colorizer.load(tmp_path / "nowhere.onnx")
    model = onnx.load(files["none"])
    model.metadata_props[2].value = "128"
    assert model.metadata_props[2].key == "ab_scale"
    onnx.save(model, tmp_path / "scaled.onnx")
    with pytest.raises(ValueError, match="made for ab_scale 128"):
        Colorizer.load(tmp_path / "scaled.onnx")


def test_without_the_runtime_the_error_says_what_to_install(files, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(installation.MissingPackage, match=r"needs onnxruntime, which is not installed.*\[onnx\]"):
        Colorizer.load(files["none"])


@pytest.mark.parametrize(
    "function", [export.export_onnx, pytest.param(export.export_onnx_picture, marks=pytest.mark.slow)]
)
def test_a_file_that_gives_other_colors_is_refused(function, tmp_path, monkeypatch):
    write = onnx_file.write

    def with_other_weights(built, path, quantize, described):
        write(built, path, quantize, described)
        model = onnx.load(path)
        for tensor in model.graph.initializer:
            values = numpy_helper.to_array(tensor)
            if values.dtype == np.float32 and values.ndim == 4:
                tensor.CopyFrom(numpy_helper.from_array(values[::-1].copy(), tensor.name))
        onnx.save(model, path)

    monkeypatch.setattr(onnx_file, "write", with_other_weights)
    with pytest.raises(checks.ExportError, match="from Keras by"):
        function(exports.generator(), tmp_path / "a.onnx", image_size=SIZE, photos=exports.exported().photos)
    assert list(tmp_path.iterdir()) == []


def test_a_step_of_the_converter_that_fails_is_left_out(tmp_path, monkeypatch):
    from tf2onnx import optimizer

    attempts = []

    def fail(*_):
        attempts.append(os.environ.get("TF2ONNX_CATCH_ERRORS"))
        raise KeyError("of the converter")

    monkeypatch.setattr(optimizer.EinsumOptimizer, "_optimize", fail)
    common = {"image_size": SIZE, "photos": exports.write_photos(tmp_path / "photos", count=1)}
    path = export.export_onnx(exports.generator(), tmp_path / "a.onnx", **common).path
    assert attempts[0] == "FALSE" and attempts[1:] and set(attempts[1:]) == {None}
    assert Colorizer.load(path).image_size == SIZE


def test_wrong_arguments(tmp_path, capsys):
    wrong = {("float16", "a.onnx"): "`quantize` must be one of none, dynamic. Received: quantize='float16'"}
    wrong["none", "a.tflite"] = "a.tflite: the name must end in .onnx"
    for (quantize, name), message in wrong.items():
        with pytest.raises(ValueError, match=message):
            export.export_onnx(exports.generator(), tmp_path / name, quantize=quantize)
    assert command.ONNX_QUANTIZE == own_onnx.QUANTIZE
    with pytest.raises(SystemExit):
        command.main(["--model", "x", "--onnx", "a.onnx", "--quantize", "int8"])
    assert "--quantize must be none or dynamic, not int8" in capsys.readouterr().err
