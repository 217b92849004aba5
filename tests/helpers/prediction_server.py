"""A small TF Serving on loopback: its REST JSON and its gRPC `PredictionService`, run by a real SavedModel.

The gRPC side uses the official stubs of tensorflow-serving-api. The REST side follows
tensorflow_serving/util/json_tensor.cc and http_rest_api_handler.cc: "inputs" by column, "outputs"
that are the tensor itself where there is one, base64 where a name ends in _bytes.

Run as a script, `python tests/helpers/prediction_server.py SAVED_MODEL`, it prints its addresses as a line of JSON and
serves until its standard input ends.
"""

import argparse
import base64
import concurrent.futures
import contextlib
import http.server
import json
import pathlib
import re
import ssl
import sys
import threading

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc

NAME = "colorizer"


class Model:
    """A SavedModel as the server loads it, and how often it should first answer that it is unavailable."""

    def __init__(self, path):
        self.path = path
        self.loaded = tf.saved_model.load(str(path), tags=["serve"])
        self.unavailable = 0
        self.delay = threading.Event()  # set: answer at once
        self.delay.set()
        self.requests = 0

    def is_unavailable(self):
        self.requests += 1
        self.delay.wait(10)
        self.unavailable -= 1
        return self.unavailable >= 0

    def run(self, signature, inputs):
        return self.loaded.signatures[signature or "serving_default"](**inputs)

    def signature_defs(self):
        graph = tf.compat.v1.MetaGraphDef()
        from tensorflow.core.protobuf import saved_model_pb2

        saved = saved_model_pb2.SavedModel.FromString((self.path / "saved_model.pb").read_bytes())
        graph = saved.meta_graphs[0]
        return get_model_metadata_pb2.SignatureDefMap(signature_def=dict(graph.signature_def))


class Servicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, model):
        self.model = model

    def Predict(self, request, context):
        self.check(request, context)
        inputs = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()}
        try:
            outputs = self.model.run(request.model_spec.signature_name, inputs)
        except tf.errors.InvalidArgumentError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
        response = predict_pb2.PredictResponse(model_spec=request.model_spec)
        for name, tensor in outputs.items():
            response.outputs[name].CopyFrom(as_proto_field(tensor.numpy()))
        return response

    def GetModelMetadata(self, request, context):
        self.check(request, context)
        response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=request.model_spec)
        response.metadata["signature_def"].Pack(self.model.signature_defs())
        return response

    def check(self, request, context):
        if self.model.is_unavailable():
            context.abort(grpc.StatusCode.UNAVAILABLE, "the model is being loaded")
        if request.model_spec.name != NAME:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {request.model_spec.name}")


def as_proto_field(value):
    """Returns a tensor as the server writes it: value by value, not as one block of bytes."""
    if value.dtype == object:
        return tf.make_tensor_proto(value, dtype=tf.string)
    proto = tf.make_tensor_proto(value)
    proto.ClearField("tensor_content")
    values = proto.float_val if value.dtype == np.float32 else proto.int_val
    del values[:]
    values.extend(value.ravel().tolist())
    return proto


class Handler(http.server.BaseHTTPRequestHandler):
    model = None

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        if not self.is_served(r"/metadata"):
            return
        signatures = json.loads(
            json_format.MessageToJson(self.model.signature_defs(), preserving_proto_field_name=True)
        )
        self.answer(200, {"model_spec": {"name": NAME}, "metadata": {"signature_def": signatures}})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.is_served(r":predict"):
            return
        signature = body.get("signature_name", "serving_default")
        types = self.model.loaded.signatures[signature].structured_input_signature[1]
        inputs = {name: as_tensor(value, types[name].dtype) for name, value in body["inputs"].items()}
        try:
            outputs = self.model.run(signature, inputs)
        except tf.errors.InvalidArgumentError as error:
            self.answer(400, {"error": error.message})
            return
        plain = {name: as_json(name, tensor.numpy().tolist()) for name, tensor in outputs.items()}
        self.answer(200, {"outputs": next(iter(plain.values())) if len(plain) == 1 else plain})

    def is_served(self, verb):
        if self.model.is_unavailable():
            self.answer(503, {"error": "the model is being loaded"})
        elif not re.fullmatch(rf"/v1/models/{NAME}(/versions/1)?{verb}", self.path):
            self.answer(404, {"error": f"Servable not found for request: {self.path}"})
        else:
            return True
        return False

    def answer(self, status, content):
        content = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class RestServer(http.server.ThreadingHTTPServer):
    request_queue_size = 256  # with Python's 5, most of many callers at once would wait for seconds to connect


def as_tensor(value, dtype):
    if dtype == tf.string:
        return tf.constant([base64.b64decode(entry["b64"]) for entry in value])
    return tf.constant(value, dtype)


def as_json(name, value):
    if not name.endswith("_bytes"):
        return value
    return [{"b64": base64.b64encode(entry).decode()} for entry in value]


@contextlib.contextmanager
def serve(path, certificate=None):
    """Serves a SavedModel; yields `(model, addresses)`, addresses by protocol, "http" and "grpc".

    With a certificate, a `trustme.LeafCert`, the server speaks TLS.
    """
    model = Model(path)
    rest = RestServer(("127.0.0.1", 0), type("Bound", (Handler,), {"model": model}))
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(context)
        rest.socket = context.wrap_socket(rest.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=rest.serve_forever)
    thread.start()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)])
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Servicer(model), server)
    if certificate is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        pair = certificate.private_key_pem.bytes(), certificate.cert_chain_pems[0].bytes()
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    server.start()
    s = "" if certificate is None else "s"
    try:
        addresses = {
            "http": f"http{s}://127.0.0.1:{rest.server_port}/v1/models/{NAME}",
            "grpc": f"grpc{s}://127.0.0.1:{port}/{NAME}",
        }
        yield model, addresses
    finally:
        model.delay.set()
        server.stop(0).wait()
        rest.shutdown()
        rest.server_close()
        thread.join()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Serve a SavedModel over REST and gRPC as TF Serving does, for tests and benchmarks. Prints the "
        "addresses as JSON and ends with its standard input."
    )
    parser.add_argument("model", type=pathlib.Path, metavar="SAVED_MODEL", help="folder of the SavedModel")
    with serve(parser.parse_args().model) as (_, served):
        print(json.dumps(served), flush=True)
        sys.stdin.read()
