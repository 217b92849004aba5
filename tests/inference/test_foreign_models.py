"""Models of other programs, and broken ones, give one line that names the file, wherever they are loaded."""

import json
import zipfile

import pytest
import tiny_models

from tf_colorize import documents
from tf_colorize.inference.colorizer import Colorizer

tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")

from tf_colorize.models import saving  # noqa: E402

GOOD = {"image_size": 32}
ENDS = ("index", "data-00000-of-00001")  # of the files of variables
BAD_METADATA = [
    ("", "its metadata is not valid JSON"),
    ("[" * 9999, "its metadata is not valid JSON"),
    ("[1]", "its metadata must be an object. Received: [1]"),
    ("{}", "tf_colorize.json with image_size"),
    ('{"image_size": "large"}', "image_size must be a positive integer. Received: 'large'"),
    ('{"image_size": 0}', "image_size must be a positive integer. Received: 0"),
    ('{"image_size": 32, "image_sizes": 64}', "image_sizes must be a list of positive integers"),
    ('{"image_size": 32, "ab_scale": "110"}', "ab_scale must be a number"),
    ('{"image_size": 32, "lightness_scale": null}', "lightness_scale must be a number"),
    ('{"image_size": 32, "training": 5}', "training must be an object"),
]


def one_line(load, path, message):
    with pytest.raises(ValueError) as raised:
        load(path)
    line = str(raised.value)
    assert line.startswith(f"{path}: ") and message in line and "\n" not in line and len(line) < 600, line


def saved_model(folder, about=None, size=32, **signatures):
    """A SavedModel with functions from a tensor called "lightness" to a dict as signatures."""
    module = tf.Module()
    module.weight = tf.Variable(1.0)  # so that there is a file of variables
    spec = tf.TensorSpec((None, size, size, 1), name="lightness")
    module.functions = [tf.function(function, input_signature=[spec]) for function in signatures.values()]
    tf.saved_model.save(module, str(folder), signatures=dict(zip(signatures, module.functions)))
    if about is not None:
        (folder / "assets.extra").mkdir()
        (folder / "assets.extra" / documents.METADATA_NAME).write_text(about)
    return folder


def predict(lightness):
    return {"ab": tf.concat([lightness, lightness], -1)}


@pytest.mark.parametrize(("about", "message"), [(None, "not a colorizer: it has no assets.extra"), *BAD_METADATA])
def test_a_saved_model_with_other_metadata(tmp_path, about, message):
    folder = saved_model(tmp_path / "model", about, predict_ab=predict)
    one_line(Colorizer.load, folder, message)
    one_line(saving.load_generator, folder, "no tf_colorize.json" if about is None else message)


@pytest.mark.parametrize(
    ("name", "function", "size", "message"),
    [
        ("serving_default", predict, 32, "no signature predict_ab"),
        ("predict_ab", lambda lightness: {"rgb": lightness}, 32, "Received: lightness (None, 32, 32, 1) to rgb"),
        ("predict_ab", lambda lightness: {"ab": lightness}, 32, "must map float32 lightness (batch, 32, 32, 1)"),
        ("predict_ab", lambda lightness: {"ab": tf.cast(predict(lightness)["ab"], tf.int32)}, 32, "must map float32"),
        ("predict_ab", predict, 64, "must map float32 lightness (batch, 32, 32, 1)"),
    ],
)
def test_a_saved_model_with_other_signatures(tmp_path, name, function, size, message):
    one_line(Colorizer.load, saved_model(tmp_path / "model", json.dumps(GOOD), size, **{name: function}), message)


@pytest.mark.parametrize(
    "name", ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]
)
@pytest.mark.parametrize("content", [None, b"", b"\xff" * 1000])
def test_a_saved_model_with_a_broken_file(tmp_path, name, content):
    folder = saved_model(tmp_path / "model", json.dumps(GOOD), predict_ab=predict)
    if content is None and name != "saved_model.pb":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content or b"")
    one_line(Colorizer.load, folder, "not a SavedModel that can be loaded")
    one_line(saving.load_generator, folder, "saved by tf_colorize: its metadata does not describe the network")


@pytest.mark.parametrize(("about", "message"), [one for one in BAD_METADATA if one[0] != "{}"])
def test_a_tflite_file_with_other_metadata(tmp_path, about, message):
    path = tiny_models.write_tflite(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(documents.METADATA_NAME, about)
    one_line(Colorizer.load, path, message)


@pytest.mark.parametrize("shape", [[], [3], [1, 32, 32, 1]])
def test_a_tflite_file_of_another_form(tmp_path, shape):
    module = tf.Module()
    module.call = tf.function(lambda x: tf.reduce_sum(x), input_signature=[tf.TensorSpec(shape)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.call.get_concrete_function()], module)
    (tmp_path / "other.tflite").write_bytes(converter.convert())
    one_line(Colorizer.load, tmp_path / "other.tflite", "not a colorizer: it must map")


Unknown = type("Unknown", (keras.layers.Layer,), {"call": lambda self, x: x, "__module__": "nowhere"})


def keras_file(path, model, about=None):
    model.save(path)
    if about is not None:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(documents.METADATA_NAME, about)
    return path


@pytest.mark.parametrize(("about", "message"), [(None, "it has no tf_colorize.json"), *BAD_METADATA])
def test_a_keras_file_with_other_metadata(tmp_path, about, message):
    path = keras_file(tmp_path / "model.keras", tiny_models.keras_model(), about)
    for load in (Colorizer.load, saving.load_generator):
        one_line(load, path, message)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Unknown(), "could not be deserialized"),
        (keras.layers.Lambda(lambda x: x), "lambda"),
        (keras.layers.Dense(3), "it does not map lightness to ab"),
        (keras.layers.Flatten(), "it does not map lightness to ab"),
    ],
)
def test_a_keras_file_of_another_network(tmp_path, layer, message):
    inputs = keras.Input((32, 32, 1))
    path = keras_file(tmp_path / "model.keras", keras.Model(inputs, layer(inputs)), json.dumps(GOOD))
    for load in (Colorizer.load, saving.load_generator):
        one_line(load, path, message)


def test_a_keras_model_that_was_never_built():
    with pytest.raises(ValueError, match="`model` must map one lightness channel to two ab channels"):
        Colorizer.from_keras(keras.Sequential([keras.layers.Dense(2)]))


@pytest.mark.parametrize("shape", [[], [3], ["batch", "side", "side", 1], ["batch", 32, 32, 1]])
@pytest.mark.parametrize("kind", ["FLOAT", "DOUBLE"])
def test_an_onnx_file_of_another_form(tmp_path, shape, kind):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    kind = getattr(onnx.TensorProto, kind)
    inputs, outputs = (onnx.helper.make_tensor_value_info(name, kind, shape) for name in ("lightness", "ab"))
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["lightness"], ["ab"])], "g", [inputs], [outputs])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "other.onnx")
    one_line(Colorizer.load, tmp_path / "other.onnx", "not a colorizer: it must map lightness")


def test_an_onnx_file_with_other_scales(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    shapes = {"lightness": ["batch", 32, 32, 1], "ab": ["batch", 32, 32, 2]}
    inputs, outputs = (onnx.helper.make_tensor_value_info(*one[:1], 1, one[1]) for one in shapes.items())
    node = onnx.helper.make_node("Concat", ["lightness", "lightness"], ["ab"], axis=3)
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "g", [inputs], [outputs]),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.helper.set_model_props(model, {"ab_scale": "many"})
    onnx.save(model, tmp_path / "other.onnx")
    one_line(Colorizer.load, tmp_path / "other.onnx", "ab_scale must be a number")
