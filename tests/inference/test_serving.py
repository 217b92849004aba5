"""The client over real sockets, against a server that runs the real SavedModel behind TF Serving's protocols."""

import concurrent.futures
import contextlib
import http.server
import io
import pathlib
import re
import subprocess
import sys
import threading
import time

import exports
import grpc
import numpy as np
import prediction_server
import pytest
import tensorflow as tf
import trustme
from PIL import Image
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_log_pb2

from tf_colorize import Colorizer
from tf_colorize.inference import messages, serving

SIZE = exports.IMAGE_SIZE
CLIENT = pathlib.Path(__file__).parents[2] / "scripts" / "serve_client.py"
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
def test_a_server_colorizes_as_the_local_model_does(addresses, protocol):
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
        pytest.raises(serving.ServingError, match="does not serve a colorizer"),
    ):
        Colorizer.from_server(addresses[protocol])


def test_something_else_on_the_port():
    with prediction_server.serve(exports.exported().saved_model) as (_, addresses):
        wrong = addresses["grpc"].replace("grpc:", "http:").replace("/colorizer", "")
        with pytest.raises(serving.ServingError):
            serving.Client(wrong, retries=0).predict_ab(squares(1))


class Proxy(http.server.BaseHTTPRequestHandler):
    """Answers everything with the same bytes."""

    status, content = 200, b""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.content)

    do_GET = do_POST

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def proxy(status, content):
    handler = type("Bound", (Proxy,), {"status": status, "content": content})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}"
        finally:
            running.shutdown()
            thread.join()


WRONG_ANSWERS = [
    b"",
    b"<html>",
    b'"not found"',
    b"[]",
    b"null",
    b"3",
    b"[" * 100_000,
    b'{"error": ["no"]}',
    b'{"outputs": null, "metadata": null}',
    b'{"outputs": 3, "metadata": 3}',
    b'{"outputs": "text", "metadata": "text"}',
    b'{"outputs": [[300]], "metadata": []}',
    b'{"outputs": [null], "metadata": {"signature_def": []}}',
    b'{"outputs": [{"b64": 3}], "metadata": {"signature_def": {"signature_def": "predict_ab"}}}',
    b'{"outputs": [], "metadata": {"signature_def": {"signature_def": {"predict_ab": {"inputs": {"lightness": '
    b'{"tensor_shape": {"dim": [{"size": Infinity}]}}}}}}}}',
]


@pytest.mark.parametrize("status", [200, 404, 503])
@pytest.mark.parametrize("content", WRONG_ANSWERS, ids=range(len(WRONG_ANSWERS)))
def test_whatever_a_proxy_answers_is_one_exception(content, status):
    with proxy(status, content) as url, serving.Client(url, retries=0) as client:
        for ask in (
            lambda: client.image_size,
            lambda: client.predict_ab(squares(1)),
            lambda: client.colorize(np.zeros((1, 2, 2, 3), np.uint8)),
            lambda: client.colorize_files([photo()]),
        ):
            with pytest.raises(serving.ServingError, match=re.escape(url)) as caught:
                ask()
            assert "\n" not in str(caught.value)


def responses_of_grpc():
    """What a gRPC server may send instead of ab `(1, SIZE, SIZE, 2)` and of signatures, as bytes."""
    yield b"\xff\xff\xff", b"\xff\xff\xff"
    broken = get_model_metadata_pb2.GetModelMetadataResponse()
    broken.metadata["signature_def"].value = b"\xff\xff\xff"
    for tensor in (
        tf.make_tensor_proto([b"text"]),
        tf.make_tensor_proto(np.zeros((1, 2, 2, 2), np.float32)),
        tf.make_tensor_proto(np.full((1, SIZE, SIZE, 2), 7, np.uint8)),
        tf.make_tensor_proto(np.zeros((2, 2), np.int64)),
        one_value_of_shape(shape=(1 << 40, 1 << 40)),
    ):
        response = predict_pb2.PredictResponse()
        response.outputs["ab"].CopyFrom(tensor)
        yield response.SerializeToString(), broken.SerializeToString()


def one_value_of_shape(shape):
    tensor = tf.make_tensor_proto(np.float32(1))
    tensor.tensor_shape.Clear()
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


@pytest.mark.parametrize("prediction, metadata", responses_of_grpc(), ids=range(6))
def test_whatever_a_grpc_server_answers_is_one_exception(prediction, metadata):
    class Handler(grpc.GenericRpcHandler):
        def service(self, call):
            answer = prediction if call.method.endswith("Predict") else metadata
            return grpc.unary_unary_rpc_method_handler(lambda request, context: answer)

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1), handlers=[Handler()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with serving.Client(f"grpc://127.0.0.1:{port}", retries=0) as client:
            with pytest.raises(serving.ServingError):
                client.predict_ab(squares(1))
            with pytest.raises(serving.ServingError):
                print(client.image_size)
    finally:
        server.stop(0).wait()


@PROTOCOLS
def test_a_closed_client_says_so(addresses, model, protocol):
    with serving.Client(addresses[protocol]) as client:
        client.predict_ab(squares(1))
    model.requests = 0
    with pytest.raises(serving.ServingError, match="the client is closed"):
        client.predict_ab(squares(1))
    client.close()
    assert model.requests == 0


def test_closing_ends_what_is_under_way(addresses, model):
    client = serving.Client(addresses["grpc"], retries=0)
    model.delay.clear()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        before = model.requests
        request = pool.submit(client.predict_ab, squares(1))
        while model.requests == before:
            time.sleep(0.01)
        client.close()
        with pytest.raises(serving.ServingError):
            request.result(timeout=5)


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory):
    """`(addresses, ca_file)` of a server with TLS, whose certificate only that file vouches for."""
    authority = trustme.CA()
    ca_file = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    with prediction_server.serve(exports.exported().saved_model, authority.issue_cert("127.0.0.1")) as (_, addresses):
        yield addresses, str(ca_file)


@PROTOCOLS
def test_tls_with_a_given_authority(encrypted, protocol):
    addresses, ca_file = encrypted
    assert addresses[protocol].startswith(f"{protocol}s://")
    with serving.Client(addresses[protocol], ca_file=ca_file) as client:
        expected = exports.generator()(squares(1), training=False)
        np.testing.assert_allclose(client.predict_ab(squares(1)), expected, atol=0.01)
    assert Colorizer.load(addresses[protocol], ca_file=ca_file).image_size == SIZE


@PROTOCOLS
def test_tls_with_the_authorities_of_the_system(encrypted, protocol, monkeypatch):
    addresses, ca_file = encrypted
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)  # where OpenSSL looks for them
    assert serving.Client(addresses[protocol]).image_size == SIZE


@PROTOCOLS
def test_tls_refuses_a_server_that_nobody_vouches_for(encrypted, protocol):
    with pytest.raises(serving.ServingError, match="(?i)certificate.verify.failed"):
        serving.Client(encrypted[0][protocol], retries=0).predict_ab(squares(1))


@PROTOCOLS
def test_tls_is_not_given_up_silently(addresses, encrypted, protocol):
    with pytest.raises(ValueError, match=r"`ca_file` needs an address with https or grpcs"):
        serving.Client(addresses[protocol], ca_file=encrypted[1])
    for ca_file in ("no/such.pem", __file__):
        with pytest.raises(ValueError, match=r"`ca_file` must be a PEM file.*Received"):
            serving.Client(encrypted[0][protocol], ca_file=ca_file)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8501",
        "ftp://host/colorizer",
        "http://",
        "http://host/predict",
        "grpc://host:99999",
        "http://[::1",
        "",
    ],
)
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
    ours = messages.predict_request("colorizer", 7, "predict_ab", {"lightness": value})
    theirs = predict_pb2.PredictRequest.FromString(ours.SerializeToString())
    assert (theirs.model_spec.name, theirs.model_spec.version.value) == ("colorizer", 7)
    assert theirs.model_spec.signature_name == "predict_ab"
    np.testing.assert_array_equal(tf.make_ndarray(theirs.inputs["lightness"]), value)
    files = messages.predict_request("m", None, "serving_default", {"image_bytes": [b"\0\xff", b""]})
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


def run_client(*arguments):
    return subprocess.run([sys.executable, str(CLIENT), *map(str, arguments)], capture_output=True, text=True)


@PROTOCOLS
def test_serve_client_names_the_broken_file_and_writes_the_others(addresses, protocol, tmp_path):
    (tmp_path / "one.png").write_bytes(photo())
    Image.open(io.BytesIO(photo())).save(tmp_path / "two.jpg")
    (tmp_path / "broken.png").write_bytes(photo()[:500])
    (tmp_path / "four.png").write_bytes(photo("001.png"))
    photos = [*sorted(tmp_path.iterdir()), tmp_path / "absent.png"]
    process = run_client(addresses[protocol], "--batch-size", 4, *photos)
    assert process.returncode == 1
    absent, broken = process.stderr.splitlines()
    assert "absent.png" in absent
    assert "broken.png: " in broken and "the file (500 bytes) is not a complete" in broken and "batch" not in broken
    results = ["four.color.png", "one.color.png", "two.color.jpg"]
    assert sorted(pathlib.Path(line).name for line in process.stdout.splitlines()) == results
    assert {path.name for path in tmp_path.iterdir()} == {"one.png", "two.jpg", "broken.png", "four.png", *results}
    for name in results:
        assert Image.open(tmp_path / name).size == Image.open(io.BytesIO(photo())).size


def test_serve_client_sends_nothing_whose_result_exists(addresses, model, tmp_path):
    for name in ("one.png", "one.bmp", "two.png"):
        (tmp_path / name).write_bytes(photo())
    (tmp_path / "two.color.png").write_bytes(b"mine")
    model.requests = 0
    process = run_client(addresses["http"], tmp_path / "two.png")
    assert process.returncode == 1 and "two.color.png exists; --overwrite replaces it" in process.stderr
    assert model.requests == 0 and (tmp_path / "two.color.png").read_bytes() == b"mine"
    process = run_client(
        addresses["http"], "--overwrite", *(tmp_path / name for name in ("one.png", "one.bmp", "two.png"))
    )
    assert process.returncode == 1 and "one.color.png is already the result of" in process.stderr
    assert model.requests == 2 and (tmp_path / "two.color.png").read_bytes() != b"mine"
