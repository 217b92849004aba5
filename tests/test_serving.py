"""The client over real sockets, against a server that runs the real SavedModel behind TF Serving's protocols."""

import io
import pathlib
import subprocess
import sys
import threading
import time

import exports
import numpy as np
import prediction_server
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_log_pb2

from tf_colorize import Colorizer
from tf_colorize.inference import messages, serving

SIZE = exports.IMAGE_SIZE
CLIENT = pathlib.Path(__file__).parent.parent / "scripts" / "serve_client.py"
PROTOCOLS = pytest.mark.parametrize("protocol", ["http", "grpc"])


@pytest.fixture(scope="module")
def server():
    with prediction_server.serve(exports.exported().saved_model) as running:
        yield running


@pytest.fixture
def model(server):
    model, _ = server
    yield model
    model.unavailable = 0
    model.delay.set()


@pytest.fixture
def addresses(server):
    return server[1]


def photo(name="000.png"):
    return (exports.exported().photos / name).read_bytes()


def squares(batch):
    return np.random.default_rng(0).uniform(-1, 1, (batch, SIZE, SIZE, 1)).astype(np.float32)


@PROTOCOLS
def test_predict_ab_is_what_keras_says(addresses, protocol):
    lightness = squares(3)
    ab = serving.Client(addresses[protocol]).predict_ab(lightness)
    assert ab.dtype == np.float32
    expected = exports.generator()(lightness, training=False)
    np.testing.assert_allclose(ab, expected, atol=0.01)


@PROTOCOLS
def test_a_server_colours_as_the_local_model_does(addresses, protocol):
    client = serving.Client(addresses[protocol])
    pixels = np.asarray(Image.open(io.BytesIO(photo())))
    expected = Colorizer.from_saved_model(exports.exported().saved_model)(pixels)
    through_colorizer = Colorizer.from_server(addresses[protocol])(pixels)
    (from_pixels,) = client.colorize(pixels[np.newaxis])
    (from_file,) = client.colorize_files([photo()])
    for actual in (through_colorizer, from_pixels, np.asarray(Image.open(io.BytesIO(from_file)))):
        assert actual.dtype == np.uint8 and np.abs(actual.astype(int) - expected).max() <= 1


@PROTOCOLS
def test_files_of_different_sizes_in_one_request(addresses, protocol):
    buffers = [io.BytesIO() for _ in range(3)]
    for buffer, size in zip(buffers, [(40, 30), (7, 90), (1, 1)]):
        Image.new("L", size, 120).save(buffer, "PNG")
    results = serving.Client(addresses[protocol]).colorize_files([buffer.getvalue() for buffer in buffers])
    assert [Image.open(io.BytesIO(result)).size for result in results] == [(40, 30), (7, 90), (1, 1)]


@PROTOCOLS
def test_a_version_can_be_asked_for(addresses, protocol):
    address = addresses[protocol] + ("/versions/1" if protocol == "http" else "/1")
    assert serving.Client(address).image_size == SIZE


@PROTOCOLS
def test_a_broken_file_is_named_in_one_line(addresses, protocol):
    with pytest.raises(serving.ServingError, match=r"image 1 of the batch .* is not a complete JPEG") as caught:
        serving.Client(addresses[protocol]).colorize_files([photo(), photo()[:-400]])
    assert "\n" not in str(caught.value) and addresses[protocol] in str(caught.value)


@PROTOCOLS
def test_an_unavailable_server_is_asked_again(addresses, model, protocol):
    client = serving.Client(addresses[protocol], retries=2)
    model.unavailable = 2
    assert client.predict_ab(squares(1)).shape == (1, SIZE, SIZE, 2)
    model.unavailable, model.requests = 9, 0
    with pytest.raises(serving.ServingError, match="unavailable after 3 tries: .*being loaded"):
        client.predict_ab(squares(1))
    assert model.requests == 3


@PROTOCOLS
def test_a_refusal_is_not_repeated(addresses, model, protocol):
    wrong = addresses[protocol].replace("colorizer", "another")
    model.requests = 0
    with pytest.raises(serving.ServingError, match="Servable not found"):
        serving.Client(wrong).predict_ab(squares(1))
    assert model.requests == 1


@PROTOCOLS
def test_a_slow_server_is_given_up(addresses, model, protocol):
    model.delay.clear()
    start = time.perf_counter()
    with pytest.raises(serving.ServingError, match="no answer within 0.3 seconds"):
        serving.Client(addresses[protocol], timeout=0.3).predict_ab(squares(1))
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_nobody_there(scheme):
    with pytest.raises(serving.ServingError, match="unavailable after 1 tries"):
        serving.Client(f"{scheme}://127.0.0.1:1", retries=0).predict_ab(squares(1))


@PROTOCOLS
def test_another_kind_of_model_is_refused(tmp_path, protocol):
    module = tf.Module()
    module.double = tf.function(lambda x: {"y": 2 * x}, input_signature=[tf.TensorSpec((None, 3), name="x")])
    tf.saved_model.save(module, str(tmp_path / "1"), signatures={"serving_default": module.double})
    with (
        prediction_server.serve(tmp_path / "1") as (_, addresses),
        pytest.raises(serving.ServingError, match="serves no colorizer"),
    ):
        Colorizer.from_server(addresses[protocol])


def test_something_else_on_the_port():
    with prediction_server.serve(exports.exported().saved_model) as (_, addresses):
        wrong = addresses["grpc"].replace("grpc:", "http:").replace("/colorizer", "")
        with pytest.raises(serving.ServingError):
            serving.Client(wrong, retries=0).predict_ab(squares(1))


@pytest.mark.parametrize("url", ["localhost:8501", "ftp://host/colorizer", "http://", "http://host/predict", ""])
def test_what_is_not_an_address_is_refused(url):
    with pytest.raises(ValueError, match=r"`url` must be like .*Received: url="):
        serving.Client(url)


def test_impossible_options_are_refused():
    with pytest.raises(ValueError, match="`timeout` must be over 0"):
        serving.Client("grpc://localhost", timeout=0)


def test_one_client_for_many_threads(addresses):
    client = serving.Client(addresses["grpc"])
    lightness = squares(8)
    results = [None] * 8

    def work(index):
        results[index] = client.predict_ab(lightness[index : index + 1])

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_allclose(np.concatenate(results), client.predict_ab(lightness), atol=1e-4)


@PROTOCOLS
def test_the_client_works_where_tensorflow_is_not(addresses, protocol, run_python):
    printed = run_python(f"""
        import sys
        for name in ("tensorflow", "keras", "keras_cv", "tensorflow_serving"):
            sys.modules[name] = None  # importing it fails
        import numpy as np
        import tf_colorize
        colored = tf_colorize.Colorizer.from_server({addresses[protocol]!r})(np.full((20, 30), 90, np.uint8))
        print(colored.shape, colored.dtype)
    """)
    assert printed.strip() == "(20, 30, 3) uint8"


def test_messages_are_those_of_the_official_stubs():
    value = squares(2)
    ours = messages.predict_request("colorizer", 7, "predict_ab", "lightness", value)
    theirs = predict_pb2.PredictRequest.FromString(ours.SerializeToString())
    assert (theirs.model_spec.name, theirs.model_spec.version.value) == ("colorizer", 7)
    assert theirs.model_spec.signature_name == "predict_ab"
    np.testing.assert_array_equal(tf.make_ndarray(theirs.inputs["lightness"]), value)
    files = messages.predict_request("m", None, "serving_default", "image_bytes", [b"\0\xff", b""])
    theirs = predict_pb2.PredictRequest.FromString(files.SerializeToString())
    assert not theirs.model_spec.HasField("version")
    assert tf.make_ndarray(theirs.inputs["image_bytes"]).tolist() == [b"\0\xff", b""]
    theirs = get_model_metadata_pb2.GetModelMetadataRequest.FromString(
        messages.metadata_request("m", 3).SerializeToString()
    )
    assert list(theirs.metadata_field) == ["signature_def"] and theirs.model_spec.version.value == 3


@pytest.mark.parametrize("value", [squares(1), np.arange(24, dtype=np.uint8).reshape(2, 4, 3)])
def test_results_in_all_forms_of_the_wire(value):
    for proto, expected in (
        (tf.make_tensor_proto(value), value),
        (prediction_server.as_proto_field(value), value),
        (tf.make_tensor_proto(3, dtype=value.dtype, shape=value.shape), np.full_like(value, 3)),
    ):
        response = predict_pb2.PredictResponse()
        response.outputs["ab"].CopyFrom(proto)
        ours = messages.message("PredictResponse").FromString(response.SerializeToString())
        result = messages.predict_result(ours)
        assert result.dtype == value.dtype
        np.testing.assert_array_equal(result, expected)


def test_the_warm_up_file_is_one_that_the_server_reads(server):
    model, _ = server
    path = exports.exported().saved_model / "assets.extra" / "tf_serving_warmup_requests"
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record)
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    ]
    assert 0 < len(logs) <= 1000  # the server's limit
    signatures = []
    for log in logs:
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        signatures.append(request.model_spec.signature_name)
        inputs = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()}
        assert model.run(signatures[-1], inputs)
    assert sorted(signatures) == ["colorize", "predict_ab", "serving_default"]


@PROTOCOLS
def test_serve_client(addresses, protocol, tmp_path):
    (tmp_path / "one.png").write_bytes(photo())
    Image.open(io.BytesIO(photo())).save(tmp_path / "two.jpg")
    (tmp_path / "broken.png").write_bytes(photo()[:500])
    command = [sys.executable, str(CLIENT), addresses[protocol], *map(str, sorted(tmp_path.iterdir()))]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 1
    assert process.stderr.count("\n") == 1 and f"{tmp_path / 'broken.png'}: " in process.stderr
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"one.png", "two.jpg", "broken.png", "one.color.png", "two.color.jpg"}
    again = subprocess.run([*command[:3], str(tmp_path / "one.png")], capture_output=True, text=True)
    assert again.returncode == 1 and "exists" in again.stderr
