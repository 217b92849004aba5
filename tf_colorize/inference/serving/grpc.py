"""TF Serving over gRPC; gRPC is imported with the first client that needs it."""

from __future__ import annotations

import ssl
from typing import Any

from tf_colorize import installation
from tf_colorize.inference.serving import failures, messages

_METHOD = "/tensorflow.serving.PredictionService/"


class Grpc:
    """TF Serving's `PredictionService`; the channel is opened with the first request."""

    def __init__(
        self, host: tuple[str, int], model: tuple[str, int | None], timeout: float, tls: ssl.SSLContext | None
    ) -> None:
        try:
            import grpc
        except ImportError as error:
            raise failures.ServingError(
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
            # None if the system stores its certificates differently; gRPC then uses its own.
            roots = "".join(map(ssl.DER_cert_to_PEM_cert, tls.get_ca_certs(binary_form=True))).encode() or None
            self._channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(roots), options=unlimited)

    def close(self) -> None:
        self._channel.close()

    def predict(self, signature: str, inputs: dict[str, Any]) -> Any:
        request = messages.predict_request(*self._model, signature, inputs)
        response = self._call("Predict", request, "PredictResponse")
        try:
            return messages.predict_result(response)
        except ValueError as error:
            raise failures.ServingError(f"unexpected outputs of {signature}: {error}") from error

    def signatures(self) -> list[str]:
        return list(self._from_metadata(messages.signature_inputs))

    def input_shape(self, signature: str, name: str) -> tuple[int, ...]:
        return self._from_metadata(messages.input_shape, signature, name)

    def _from_metadata(self, read, *arguments):
        response = self._call("GetModelMetadata", messages.metadata_request(*self._model), "MetadataResponse")
        try:
            return read(response, *arguments)
        except ValueError as error:
            raise failures.MissingSignature(f"does not serve a colorizer: {error}") from error

    def _call(self, method, request, response_name):
        stub = self._channel.unary_unary(
            _METHOD + method,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=messages.message(response_name).FromString,
        )
        try:
            return stub(request, timeout=self._timeout)
        except ValueError as error:  # another thread closed the channel
            raise failures.ServingError(failures.line(error)) from error
        except self._grpc.RpcError as error:
            if error.code() == self._grpc.StatusCode.UNAVAILABLE:
                raise failures.Unavailable(failures.line(error.details())) from error
            if error.code() == self._grpc.StatusCode.DEADLINE_EXCEEDED:
                raise failures.ServingError(f"no answer within {self._timeout} seconds") from error
            raise failures.ServingError(failures.line(error.details())) from error
