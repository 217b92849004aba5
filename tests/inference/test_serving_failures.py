"""The client when the server refuses, fails, or answers with something else."""

import concurrent.futures
import contextlib
import http.server
import re
import threading
import time

import exports
import grpc
import numpy as np
import prediction_server
import pytest
import tensorflow as tf
from served import PROTOCOLS, SIZE, photo, squares
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2

from tf_colorize import Colorizer
from tf_colorize.inference import serving
from tf_colorize.inference.serving import failures


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
def test_the_client_gives_up_on_a_slow_server(addresses, model, protocol):
    model.delay.clear()
    start = time.perf_counter()
    with pytest.raises(serving.ServingError, match="no answer within 0.3 seconds"):
        serving.Client(addresses[protocol], timeout=0.3).predict_ab(squares(1))
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("reason", ["\x1b[2J no such model", "x" * 9999, {"\x1b": ["\x9b"] * 999}, "one\ntwo"])
def test_messages_of_servers_are_one_printable_line(reason):
    line = failures.line(reason)
    assert line.isprintable() and 3 <= len(line) < 500


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_no_server(scheme):
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


def test_another_program_on_the_port():
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
def test_any_answer_of_a_proxy_raises_one_exception(content, status):
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
def test_any_answer_of_a_grpc_server_raises_one_exception(prediction, metadata):
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
