"""A client for a colorizer on TF Serving, over REST or gRPC, without TensorFlow.

REST needs the standard library alone; gRPC needs the package's extra `serving`.
"""

from __future__ import annotations

import base64
import functools
import http.client
import json
import re
import ssl
import time
import typing
import urllib.parse
from collections.abc import Sequence

import numpy as np

from tf_colorize import hints as hints_of_people
from tf_colorize import installation
from tf_colorize.inference import messages

if typing.TYPE_CHECKING:
    import os


DEFAULT_MODEL = "colorizer"
_DEFAULT_PORTS = {"http": 8501, "https": 443, "grpc": 8500, "grpcs": 443}
_REST_PATH = re.compile(r"(?:/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>\d+))?)?/?")
_GRPC_PATH = re.compile(r"(?:/(?P<model>[^/]+)(?:/(?P<version>\d+))?)?/?")
_GRPC_METHOD = "/tensorflow.serving.PredictionService/"


class ServingError(ValueError):
    """The server cannot be reached, refuses or answers wrongly; the message is one line with address and reason."""


class _MissingSignature(ServingError):
    """The served model has no such signature, or the signature no such input."""


class _Unavailable(Exception):
    """The server is starting, restarting or overloaded: worth another try."""


class Client:
    """Asks a colorizer that `scripts/export.py` exported and TF Serving serves.

    Every request has a time limit. While the server is unavailable (gRPC UNAVAILABLE, HTTP 503,
    connection refused), a request is repeated after 0.25, 0.5, 1... seconds. Methods may be called
    from several threads at once. `close`, or the end of a `with` block, ends the connection.

    Args:
        url: "http://host:8501/v1/models/NAME", optionally with "/versions/N", or
            "grpc://host:8500/NAME", optionally with "/N"; https and grpcs encrypt (TLS). Ports
            and name may be left out; the name is then "colorizer".
        timeout: Seconds, over 0, for one try.
        retries: How often to try again, 0 or more.
        ca_file: Path of a PEM file with the certificates to trust; None trusts the system's.

    Raises:
        ValueError: `url` is not such an address, or `ca_file` holds no certificates or is given
            without TLS.
        ServingError: from all methods, when the server cannot be reached, refuses, or answers
            with something other than a colorizer's result.

    Example:
        with tf_colorize.serving.Client("grpc://localhost:8500/colorizer") as client:
            (colored,) = client.colorize_files([pathlib.Path("grandma.jpg").read_bytes()])
    """

    def __init__(
        self, url: str, *, timeout: float = 30.0, retries: int = 3, ca_file: str | os.PathLike[str] | None = None
    ) -> None:
        scheme, host, model = _parsed(url)
        if timeout <= 0 or retries < 0:
            raise ValueError(
                f"`timeout` must be over 0 and `retries` at least 0. Received: timeout={timeout}, retries={retries}"
            )
        self.url, self.retries = url, retries
        transport = _Grpc if scheme.startswith("grpc") else _Rest
        self._transport = transport(host, model, timeout, _tls(scheme, ca_file))
        self._is_closed = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        """Ends the connection and all requests in progress; later requests fail."""
        self._is_closed = True
        self._transport.close()

    @functools.cached_property
    def image_size(self) -> int:
        """Side of the square that the served network sees."""
        shape = self._retried(self._transport.input_shape, "predict_ab", "lightness")
        if len(shape) != 4 or shape[1] != shape[2] or shape[3] != 1 or shape[1] < 1:
            raise ServingError(f"{self.url}: does not serve a colorizer: predict_ab takes {shape}")
        return shape[1]

    @functools.cached_property
    def takes_hints(self) -> bool:
        """Whether the served model takes hints."""
        try:
            self._retried(self._transport.input_shape, hints_of_people.SIGNATURE, "hints")
        except _MissingSignature:
            return False
        return True

    def predict_ab(self, lightness: np.ndarray, hints: np.ndarray | None = None) -> np.ndarray:
        """Predicts chroma.

        Args:
            lightness: float32 array `(batch, image_size, image_size, 1)` in [-1, 1].
            hints: None, or float32 array `(batch, image_size, image_size, 3)`: a* / 110, b* / 110 and
                1 where a hint is, else zeros, for a model that takes hints.

        Returns:
            float32 array `(batch, image_size, image_size, 2)` in [-1, 1].
        """
        inputs = {"lightness": np.asarray(lightness, np.float32)}
        shape = (*inputs["lightness"].shape[:-1], 2)
        if hints is None:
            return self._predict("predict_ab", inputs, shape)
        return self._predict(hints_of_people.SIGNATURE, {**inputs, "hints": np.asarray(hints, np.float32)}, shape)

    def colorize(self, images: np.ndarray) -> np.ndarray:
        """Colorizes pixels on the server.

        Args:
            images: uint8 array `(batch, height, width, 3)`, sRGB.

        Returns:
            uint8 array of the same shape.
        """
        images = np.asarray(images, np.uint8)
        return self._predict("colorize", {"image": images}, images.shape)

    def colorize_files(self, files: Sequence[bytes]) -> list[bytes]:
        """Colorizes picture files of any size on the server.

        Args:
            files: List of bytes, each a JPEG, PNG, BMP or GIF.

        Returns:
            List of bytes: JPEG for JPEG, PNG for all else.
        """
        files = list(files)
        return self._predict("serving_default", {"image_bytes": files}, (len(files),))

    def _predict(self, signature, inputs, shape):
        result = self._retried(self._transport.predict, signature, inputs)
        value = next(iter(inputs.values()))
        if isinstance(value, list):
            is_valid = isinstance(result, list) and len(result) == len(value)
        else:
            is_valid = isinstance(result, np.ndarray) and (result.shape, result.dtype) == (shape, value.dtype)
        if not is_valid:
            raise ServingError(f"{self.url}: unexpected outputs of {signature}")
        return result

    def _retried(self, call, *arguments):
        if self._is_closed:
            raise ServingError(f"{self.url}: the client is closed")
        for attempt in range(self.retries + 1):
            if attempt:
                time.sleep(0.25 * 2 ** (attempt - 1))
            try:
                return call(*arguments)
            except _Unavailable as error:
                reason = error
            except ServingError as error:
                raise type(error)(f"{self.url}: {error}") from error
        raise ServingError(f"{self.url}: unavailable after {self.retries + 1} tries: {reason}") from reason


class _Rest:
    """TF Serving's RESTful API, https://www.tensorflow.org/tfx/serving/api_rest."""

    def __init__(self, host, model, timeout, tls):
        self._connection = functools.partial(http.client.HTTPConnection, *host, timeout=timeout)
        if tls is not None:
            self._connection = functools.partial(http.client.HTTPSConnection, *host, timeout=timeout, context=tls)
        self._timeout = timeout
        name, version = model
        self._path = f"/v1/models/{urllib.parse.quote(name)}"
        if version is not None:
            self._path += f"/versions/{version}"

    def close(self):
        """Does nothing: every request has its own connection."""

    def predict(self, signature, inputs):
        values = {name: _as_json(value) for name, value in inputs.items()}
        body = json.dumps({"signature_name": signature, "inputs": values})
        outputs = self._json("POST", self._path + ":predict", body, "outputs")
        first = next(iter(inputs.values()))
        try:
            if isinstance(first, list):
                return [base64.b64decode(entry["b64"]) for entry in outputs]
            return np.array(outputs, first.dtype)
        except (TypeError, KeyError, ValueError, OverflowError) as error:
            raise ServingError(f"unexpected outputs of {signature}") from error

    def input_shape(self, signature, name):
        metadata = self._json("GET", self._path + "/metadata", None, "metadata")
        try:
            info = metadata["signature_def"]["signature_def"][signature]["inputs"][name]
            return tuple(int(dim["size"]) for dim in info["tensor_shape"]["dim"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise _MissingSignature(f"does not serve a colorizer: no signature {signature} with {name}") from error

    def _json(self, method, path, body, key):
        status, content = self._exchange(method, path, body)
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            answer = {}  # from a proxy, for example: any JSON, or none
        if status == 503:
            raise _Unavailable(_line(answer.get("error", "503 Service Unavailable")))
        if status != 200 or key not in answer:
            raise ServingError(_line(answer.get("error", f"HTTP status {status}, not an answer from TF Serving")))
        return answer[key]

    def _exchange(self, method, path, body):
        connection = self._connection()
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        except (ConnectionRefusedError, ConnectionResetError, http.client.RemoteDisconnected) as error:
            raise _Unavailable(_line(error)) from error
        except TimeoutError as error:
            raise ServingError(f"no answer within {self._timeout} seconds") from error
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise ServingError(_line(error)) from error
        finally:
            connection.close()


class _Grpc:
    """TF Serving's `PredictionService`; the channel is opened with the first request."""

    def __init__(self, host, model, timeout, tls):
        try:
            import grpc
        except ImportError as error:
            raise ServingError(
                f"grpc:// and grpcs:// need the package grpcio. Run: {installation.pip_install('serving')}"
            ) from error
        self._grpc, self._timeout, self._model = grpc, timeout, model
        # Pictures are larger than the 4 MB that gRPC allows by default.
        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        name, port = host
        target = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
        if tls is None:
            self._channel = grpc.insecure_channel(target, options=unlimited)
        else:
            # None if the system keeps its certificates in another way; gRPC then uses its own.
            roots = "".join(map(ssl.DER_cert_to_PEM_cert, tls.get_ca_certs(binary_form=True))).encode() or None
            self._channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(roots), options=unlimited)

    def close(self):
        self._channel.close()

    def predict(self, signature, inputs):
        request = messages.predict_request(*self._model, signature, inputs)
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
            raise _MissingSignature(f"does not serve a colorizer: {error}") from error

    def _call(self, method, request, response_name):
        stub = self._channel.unary_unary(
            _GRPC_METHOD + method,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=messages.message(response_name).FromString,
        )
        try:
            return stub(request, timeout=self._timeout)
        except ValueError as error:  # another thread closed the channel
            raise ServingError(_line(error)) from error
        except self._grpc.RpcError as error:
            if error.code() == self._grpc.StatusCode.UNAVAILABLE:
                raise _Unavailable(_line(error.details())) from error
            if error.code() == self._grpc.StatusCode.DEADLINE_EXCEEDED:
                raise ServingError(f"no answer within {self._timeout} seconds") from error
            raise ServingError(_line(error.details())) from error


def _as_json(value):
    """A value as the RESTful API takes it; files by TF Serving's mark of binary data, which results bear, too."""
    if isinstance(value, list):
        return [{"b64": base64.b64encode(file).decode()} for file in value]
    return value.tolist()


def _parsed(url):
    """Returns `(scheme, (host, port), (model, version or None))` of a server's address."""
    try:
        address = urllib.parse.urlsplit(url)
        pattern = _GRPC_PATH if address.scheme.startswith("grpc") else _REST_PATH
        match = pattern.fullmatch(address.path)
        host = address.hostname, address.port or _DEFAULT_PORTS.get(address.scheme)
    except ValueError:  # no port, or half an IPv6 address
        match = None
    if not match or not all(host):
        raise ValueError(
            "`url` must be like http://host:8501/v1/models/colorizer or grpc://host:8500/colorizer, or https and "
            f"grpcs with TLS. Received: url={url!r}"
        )
    model = urllib.parse.unquote(match["model"] or DEFAULT_MODEL)
    return address.scheme, host, (model, match["version"] and int(match["version"]))


def _tls(scheme, ca_file):
    """Returns an `ssl.SSLContext` for the schemes that encrypt, otherwise None."""
    if scheme not in ("https", "grpcs"):
        if ca_file is not None:
            raise ValueError(f"`ca_file` needs an address with https or grpcs. Received: ca_file={ca_file!r}")
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ValueError(
            f"`ca_file` must be a PEM file of certificates ({error}). Received: ca_file={ca_file!r}"
        ) from error


def _line(reason):
    """Returns the sentence of a server's error that matters: that of the failed check, or the first line."""
    text = str(reason)
    check = re.search(r"assertion failed: \[(.*?)\]", text)
    return check[1] if check else (text.strip().splitlines() or ["no reason given"])[0]
