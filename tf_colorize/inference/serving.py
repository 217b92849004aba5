"""A client for a colorizer on TF Serving, over REST or gRPC, without TensorFlow.

REST needs the standard library alone; gRPC needs the package's extra `serving`.
"""

import base64
import functools
import http.client
import json
import re
import time
import urllib.parse

import numpy as np

from tf_colorize.inference import messages

DEFAULT_MODEL = "colorizer"
_DEFAULT_PORTS = {"http": 8501, "https": 443, "grpc": 8500}
_REST_PATH = re.compile(r"(?:/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>\d+))?)?/?")
_GRPC_PATH = re.compile(r"(?:/(?P<model>[^/]+)(?:/(?P<version>\d+))?)?/?")
_GRPC_METHOD = "/tensorflow.serving.PredictionService/"


class ServingError(ValueError):
    """The server could not be reached or refused; the message is one line with address and reason."""


class _Unavailable(Exception):
    """The server is starting, restarting or overloaded: worth another try."""


class Client:
    """Asks a colorizer that `scripts/export.py` exported and TF Serving serves.

    Every request has a time limit, and is repeated, after 0.25, 0.5, 1... seconds, while the
    server is unavailable (gRPC UNAVAILABLE, HTTP 503, connection refused). Methods may be called
    from several threads at once.

    Args:
        url: "http://host:8501/v1/models/NAME", optionally with "/versions/N", or
            "grpc://host:8500/NAME", optionally with "/N". Ports and name may be left out; the
            name is then "colorizer".
        timeout: Seconds, over 0, for one try.
        retries: How often to try again, 0 or more.

    Raises:
        ValueError: `url` is not such an address.
        ServingError: from all methods, when the server cannot be reached or refuses.

    Example:
        client = tf_colorize.serving.Client("grpc://localhost:8500/colorizer")
        (colored,) = client.colorize_files([pathlib.Path("grandma.jpg").read_bytes()])
    """

    def __init__(self, url, *, timeout=30.0, retries=3):
        address = urllib.parse.urlsplit(url)
        pattern = _GRPC_PATH if address.scheme == "grpc" else _REST_PATH
        match = pattern.fullmatch(address.path)
        if address.scheme not in _DEFAULT_PORTS or not address.hostname or not match:
            raise ValueError(
                "`url` must be like http://host:8501/v1/models/colorizer or grpc://host:8500/colorizer. "
                f"Received: url={url!r}"
            )
        if timeout <= 0 or retries < 0:
            raise ValueError(
                f"`timeout` must be over 0 and `retries` at least 0. Received: timeout={timeout}, retries={retries}"
            )
        self.url, self.retries = url, retries
        host = address.hostname, address.port or _DEFAULT_PORTS[address.scheme]
        model = match["model"] or DEFAULT_MODEL, match["version"] and int(match["version"])
        transport = _Grpc if address.scheme == "grpc" else _Rest
        self._transport = transport(address.scheme, host, model, timeout)

    @functools.cached_property
    def image_size(self):
        """Side of the square that the served network sees."""
        shape = self._retried(self._transport.input_shape, "predict_ab", "lightness")
        if len(shape) != 4 or shape[1] != shape[2] or shape[3] != 1 or shape[1] < 1:
            raise ServingError(f"{self.url}: serves no colorizer: predict_ab takes {shape}")
        return shape[1]

    def predict_ab(self, lightness):
        """Predicts chroma.

        Args:
            lightness: float32 array `(batch, image_size, image_size, 1)` in [-1, 1].

        Returns:
            float32 array `(batch, image_size, image_size, 2)` in [-1, 1].
        """
        return self._predict("predict_ab", "lightness", np.asarray(lightness, np.float32))

    def colorize(self, images):
        """Colours pixels, on the server.

        Args:
            images: uint8 array `(batch, height, width, 3)`, sRGB.

        Returns:
            uint8 array of the same shape.
        """
        return self._predict("colorize", "image", np.asarray(images, np.uint8))

    def colorize_files(self, files):
        """Colours picture files of any sizes, on the server.

        Args:
            files: List of bytes, each a JPEG, PNG, BMP or GIF.

        Returns:
            List of bytes: JPEG for JPEG, PNG for all else.
        """
        return self._predict("serving_default", "image_bytes", list(files))

    def _predict(self, signature, name, value):
        return self._retried(self._transport.predict, signature, name, value)

    def _retried(self, call, *arguments):
        for attempt in range(self.retries + 1):
            if attempt:
                time.sleep(0.25 * 2 ** (attempt - 1))
            try:
                return call(*arguments)
            except _Unavailable as error:
                reason = error
            except ServingError as error:
                raise ServingError(f"{self.url}: {error}") from error
        raise ServingError(f"{self.url}: unavailable after {self.retries + 1} tries: {reason}") from reason


class _Rest:
    """TF Serving's RESTful API, https://www.tensorflow.org/tfx/serving/api_rest."""

    def __init__(self, scheme, host, model, timeout):
        self._connection = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
        self._host, self._timeout = host, timeout
        name, version = model
        self._path = f"/v1/models/{name}" + (f"/versions/{version}" if version is not None else "")

    def predict(self, signature, name, value):
        is_files = isinstance(value, list)
        # TF Serving's mark of binary data; results of a name ending in _bytes come like this, too.
        content = [{"b64": base64.b64encode(file).decode()} for file in value] if is_files else value.tolist()
        body = json.dumps({"signature_name": signature, "inputs": {name: content}})
        outputs = self._json("POST", self._path + ":predict", body, "outputs")
        try:
            if is_files:
                return [base64.b64decode(entry["b64"]) for entry in outputs]
            return np.array(outputs, value.dtype)
        except (TypeError, KeyError, ValueError) as error:
            raise ServingError(f"unexpected outputs of {signature}") from error

    def input_shape(self, signature, name):
        metadata = self._json("GET", self._path + "/metadata", None, "metadata")
        try:
            info = metadata["signature_def"]["signature_def"][signature]["inputs"][name]
            return tuple(int(dim["size"]) for dim in info["tensor_shape"]["dim"])
        except (KeyError, TypeError, ValueError) as error:
            raise ServingError(f"serves no colorizer: no signature {signature} with {name}") from error

    def _json(self, method, path, body, key):
        status, content = self._exchange(method, path, body)
        try:
            answer = json.loads(content)
        except ValueError:
            answer = {}
        if status == 503:
            raise _Unavailable(_line(answer.get("error", "503 Service Unavailable")))
        if status != 200 or key not in answer:
            raise ServingError(_line(answer.get("error", f"HTTP status {status}, no answer of TF Serving")))
        return answer[key]

    def _exchange(self, method, path, body):
        connection = self._connection(*self._host, timeout=self._timeout)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        except (ConnectionRefusedError, ConnectionResetError, http.client.RemoteDisconnected) as error:
            raise _Unavailable(_line(error)) from error
        except TimeoutError as error:
            raise ServingError(f"no answer within {self._timeout} seconds") from error
        except (OSError, http.client.HTTPException) as error:
            raise ServingError(_line(error)) from error
        finally:
            connection.close()


class _Grpc:
    """TF Serving's `PredictionService`; the channel is opened with the first request."""

    def __init__(self, scheme, host, model, timeout):
        del scheme
        try:
            import grpc
        except ImportError as error:
            raise ServingError("grpc:// needs the package grpcio: pip install tf_colorize[serving]") from error
        self._grpc, self._timeout, self._model = grpc, timeout, model
        # Pictures are larger than the 4 MB that gRPC allows by default.
        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        name, port = host
        target = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
        self._channel = grpc.insecure_channel(target, options=unlimited)

    def predict(self, signature, name, value):
        request = messages.predict_request(*self._model, signature, name, value)
        response = self._call("Predict", request, "PredictResponse")
        try:
            return messages.predict_result(response)
        except ValueError as error:
            raise ServingError(f"unexpected outputs of {signature}: {error}") from error

    def input_shape(self, signature, name):
        request = messages.metadata_request(*self._model)
        response = self._call("GetModelMetadata", request, "MetadataResponse")
        try:
            return messages.input_shape(response, signature, name)
        except ValueError as error:
            raise ServingError(f"serves no colorizer: {error}") from error

    def _call(self, method, request, response_name):
        stub = self._channel.unary_unary(
            _GRPC_METHOD + method,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=messages.message(response_name).FromString,
        )
        try:
            return stub(request, timeout=self._timeout)
        except self._grpc.RpcError as error:
            if error.code() == self._grpc.StatusCode.UNAVAILABLE:
                raise _Unavailable(_line(error.details())) from error
            if error.code() == self._grpc.StatusCode.DEADLINE_EXCEEDED:
                raise ServingError(f"no answer within {self._timeout} seconds") from error
            raise ServingError(_line(error.details())) from error


def _line(reason):
    """The sentence that matters of a server's error: that of the failed check, or the first line."""
    text = str(reason)
    check = re.search(r"assertion failed: \[(.*?)\]", text)
    return check[1] if check else (text.strip().splitlines() or ["no reason given"])[0]
