"""TF Serving over REST, with only the standard library."""

from __future__ import annotations

import base64
import functools
import http.client
import json
import ssl
import urllib.parse
from typing import Any

import numpy as np

from tf_colorize.inference.serving import failures


class Rest:
    """TF Serving's RESTful API, https://www.tensorflow.org/tfx/serving/api_rest."""

    def __init__(
        self, host: tuple[str, int], model: tuple[str, int | None], timeout: float, tls: ssl.SSLContext | None
    ) -> None:
        self._connection = functools.partial(http.client.HTTPConnection, *host, timeout=timeout)
        if tls is not None:
            self._connection = functools.partial(http.client.HTTPSConnection, *host, timeout=timeout, context=tls)
        self._timeout = timeout
        name, version = model
        self._path = f"/v1/models/{urllib.parse.quote(name)}"
        if version is not None:
            self._path += f"/versions/{version}"

    def close(self) -> None:
        """Does nothing: every request has its own connection."""

    def predict(self, signature: str, inputs: dict[str, Any]) -> Any:
        values = {name: _as_json(value) for name, value in inputs.items()}
        body = json.dumps({"signature_name": signature, "inputs": values})
        outputs = self._json("POST", self._path + ":predict", body, "outputs")
        first = next(iter(inputs.values()))
        try:
            if isinstance(first, list):
                return [base64.b64decode(entry["b64"]) for entry in outputs]
            return np.array(outputs, first.dtype)
        except (TypeError, KeyError, ValueError, OverflowError) as error:
            raise failures.ServingError(f"unexpected outputs of {signature}") from error

    def signatures(self) -> list[str]:
        metadata = self._json("GET", self._path + "/metadata", None, "metadata")
        try:
            return list(metadata["signature_def"]["signature_def"].keys())
        except (KeyError, TypeError, AttributeError) as error:
            raise failures.MissingSignature("does not serve a colorizer: no signatures") from error

    def input_shape(self, signature: str, name: str) -> tuple[int, ...]:
        metadata = self._json("GET", self._path + "/metadata", None, "metadata")
        try:
            info = metadata["signature_def"]["signature_def"][signature]["inputs"][name]
            return tuple(int(dim["size"]) for dim in info["tensor_shape"]["dim"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise failures.MissingSignature(
                f"does not serve a colorizer: no signature {signature} with {name}"
            ) from error

    def _json(self, method, path, body, key):
        status, content = self._exchange(method, path, body)
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            answer = {}  # for example from a proxy: any JSON, or none
        if status == 503:
            raise failures.Unavailable(failures.line(answer.get("error", "503 Service Unavailable")))
        if status != 200 or key not in answer:
            raise failures.ServingError(
                failures.line(answer.get("error", f"HTTP status {status}, not an answer from TF Serving"))
            )
        return answer[key]

    def _exchange(self, method, path, body):
        connection = self._connection()
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        except (ConnectionRefusedError, ConnectionResetError, http.client.RemoteDisconnected) as error:
            raise failures.Unavailable(failures.line(error)) from error
        except TimeoutError as error:
            raise failures.ServingError(f"no answer within {self._timeout} seconds") from error
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise failures.ServingError(failures.line(error)) from error
        finally:
            connection.close()


def _as_json(value):
    """Returns a value in the format of the RESTful API; files use TF Serving's encoding of binary data, as in
    results."""
    if isinstance(value, list):
        return [{"b64": base64.b64encode(file).decode()} for file in value]
    return value.tolist()
