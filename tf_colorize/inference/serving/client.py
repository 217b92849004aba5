"""The client for a colorizer on TF Serving, with retries while the server is unavailable."""

from __future__ import annotations

import functools
import re
import ssl
import time
import typing
import urllib.parse
from collections.abc import Sequence

import numpy as np

from tf_colorize.hints import SIGNATURE
from tf_colorize.inference import signatures
from tf_colorize.inference.serving import failures, grpc, rest

if typing.TYPE_CHECKING:
    import os


DEFAULT_MODEL = "colorizer"
_DEFAULT_PORTS = {"http": 8501, "https": 443, "grpc": 8500, "grpcs": 443}
_REST_PATH = re.compile(r"(?:/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>\d+))?)?/?")
_GRPC_PATH = re.compile(r"(?:/(?P<model>[^/]+)(?:/(?P<version>\d+))?)?/?")


class Client:
    """A client for a colorizer that was exported with `scripts/export.py` and runs on TF Serving.

    Every request has a time limit. While the server is unavailable (gRPC UNAVAILABLE, HTTP 503, connection refused), a
    request is repeated after 0.25, 0.5, 1... seconds. Methods are thread-safe. `close`, or the end of a `with` block,
    ends the connection.

    Args:
        url: "http://host:8501/v1/models/NAME", optionally with "/versions/N", or "grpc://host:8500/NAME", optionally
            with "/N"; https and grpcs encrypt (TLS). Ports and name may be omitted; the name is then "colorizer".
        timeout: Seconds for one attempt, over 0.
        retries: Number of retries, 0 or more.
        ca_file: Path of a PEM file with the certificates to trust; None: those of the system.

    Raises:
        ValueError: `url` is not such an address, `ca_file` contains no certificates, or it is given without TLS.
        ServingError: raised by all methods if the server cannot be reached, rejects the request, or does not return a
            colorizer's result.

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
        transport: type[grpc.Grpc] | type[rest.Rest] = grpc.Grpc if scheme.startswith("grpc") else rest.Rest
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
        """Returns the side of the served network's square input; the smallest if it has several sizes."""
        shape = self._retried(self._transport.input_shape, signatures.AUTOMATIC, "lightness")
        if len(shape) != 4 or shape[1] != shape[2] or shape[3] != 1 or shape[1] < 1:
            raise failures.ServingError(f"{self.url}: does not serve a colorizer: predict_ab takes {shape}")
        return shape[1]

    @functools.cached_property
    def larger_sizes(self) -> tuple[int, ...]:
        """Returns the other sides at which the served network works, larger than `image_size`, in rising order."""
        sides = signatures.sides_of(self._retried(self._transport.signatures))
        return tuple(side for side in sides if side > self.image_size)

    @functools.cached_property
    def takes_hints(self) -> bool:
        """Returns whether the served model takes hints."""
        try:
            self._retried(self._transport.input_shape, SIGNATURE, "hints")
        except failures.MissingSignature:
            return False
        return True

    def predict_ab(self, lightness: np.ndarray, hints: np.ndarray | None = None) -> np.ndarray:
        """Predicts chroma.

        Args:
            lightness: float32 array `(batch, side, side, 1)` in [-1, 1]; `side` is `image_size` or one of
                `larger_sizes`.
            hints: None, or float32 array `(batch, side, side, 3)`: a* / 110, b* / 110 and 1 at hints, zeros elsewhere,
                for a model that takes hints.

        Returns:
            float32 array `(batch, side, side, 2)` in [-1, 1].
        """
        inputs = {"lightness": np.asarray(lightness, np.float32)}
        shape = (*inputs["lightness"].shape[:-1], 2)
        side = shape[1] if len(shape) == 4 and shape[1] in self.larger_sizes else None
        if hints is None:
            return self._predict(signatures.of_size(side) if side else signatures.AUTOMATIC, inputs, shape)
        inputs["hints"] = np.asarray(hints, np.float32)
        return self._predict(signatures.of_size(side, with_hints=True) if side else SIGNATURE, inputs, shape)

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
            List of bytes: JPEG for JPEG, otherwise PNG.
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
            raise failures.ServingError(f"{self.url}: unexpected outputs of {signature}")
        return result

    def _retried(self, call, *arguments):
        if self._is_closed:
            raise failures.ServingError(f"{self.url}: the client is closed")
        for attempt in range(self.retries + 1):
            if attempt:
                time.sleep(0.25 * 2 ** (attempt - 1))
            try:
                return call(*arguments)
            except failures.Unavailable as error:
                reason = error
            except failures.ServingError as error:
                raise type(error)(f"{self.url}: {error}") from error
        raise failures.ServingError(f"{self.url}: unavailable after {self.retries + 1} tries: {reason}") from reason


def _parsed(url):
    """Returns `(scheme, (host, port), (model, version or None))` of a server's address."""
    try:
        address = urllib.parse.urlsplit(url)
        pattern = _GRPC_PATH if address.scheme.startswith("grpc") else _REST_PATH
        match = pattern.fullmatch(address.path)
        host = address.hostname, address.port or _DEFAULT_PORTS.get(address.scheme)
    except ValueError:  # no port, or an incomplete IPv6 address
        match = None
    if not match or not all(host):
        raise ValueError(
            "`url` must be like http://host:8501/v1/models/colorizer or grpc://host:8500/colorizer, or with https or "
            f"grpcs for TLS. Received: url={url!r}"
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
