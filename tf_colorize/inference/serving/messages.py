"""The messages of TF Serving's `PredictionService`, without TensorFlow.

The stubs of `tensorflow-serving-api` import TensorFlow, which takes seconds and 600 MB; a client needs few messages.
They are declared here with only the used fields, with the numbers of the official .proto files, in a separate
descriptor pool, so that both can coexist in one process.

Source: https://github.com/tensorflow/serving/tree/master/tensorflow_serving/apis and
tensorflow/core/framework/{tensor,tensor_shape,types}.proto.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

_STRING = 7  # DataType DT_STRING
# DataType number and the field for single values.
_TYPES = {np.dtype(np.float32): (1, "float_val"), np.dtype(np.uint8): (4, "int_val")}
# A message with one value and a shape is short, however large the tensor; no picture is as large as this.
_MOST_BYTES = 1 << 30

# Message -> (field, number, type); * means repeated. A map is a repeated entry of key and value.
_MESSAGES = {
    "Int64Value": [("value", 1, "int64")],
    "ModelSpec": [("name", 1, "string"), ("version", 2, "Int64Value"), ("signature_name", 3, "string")],
    "Dim": [("size", 1, "int64")],
    "Shape": [("dim", 2, "*Dim")],
    "Tensor": [
        ("dtype", 1, "int32"),
        ("tensor_shape", 2, "Shape"),
        ("tensor_content", 4, "bytes"),
        ("float_val", 5, "*float"),
        ("int_val", 7, "*int32"),
        ("string_val", 8, "*bytes"),
    ],
    "TensorEntry": [("key", 1, "string"), ("value", 2, "Tensor")],
    "PredictRequest": [("model_spec", 1, "ModelSpec"), ("inputs", 2, "*TensorEntry")],
    "PredictResponse": [("outputs", 1, "*TensorEntry")],
    "PredictLog": [("request", 1, "PredictRequest")],
    "PredictionLog": [("predict_log", 6, "PredictLog")],
    "MetadataRequest": [("model_spec", 1, "ModelSpec"), ("metadata_field", 2, "*string")],
    "Any": [("type_url", 1, "string"), ("value", 2, "bytes")],
    "AnyEntry": [("key", 1, "string"), ("value", 2, "Any")],
    "MetadataResponse": [("metadata", 2, "*AnyEntry")],
    "TensorInfo": [("name", 1, "string"), ("dtype", 2, "int32"), ("tensor_shape", 3, "Shape")],
    "TensorInfoEntry": [("key", 1, "string"), ("value", 2, "TensorInfo")],
    "Signature": [("inputs", 1, "*TensorInfoEntry"), ("outputs", 2, "*TensorInfoEntry")],
    "SignatureEntry": [("key", 1, "string"), ("value", 2, "Signature")],
    "Signatures": [("signature_def", 1, "*SignatureEntry")],
}


@functools.cache
def message(name: str) -> Any:
    """Returns a protobuf message class; `name` is a key of `_MESSAGES`."""
    from google.protobuf import message_factory

    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"tf_colorize.{name}"))


def predict_request(model: str, version: int | None, signature: str, inputs: dict[str, Any]) -> Any:
    """Returns a `PredictRequest`.

    Args:
        model: str, the served model's name.
        version: int, or None for the server's choice.
        signature: str.
        inputs: dict of names and values, each a list of bytes, or an array of float32 or uint8.
    """
    request = message("PredictRequest")()
    _set_model(request.model_spec, model, version)
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs.add(key=name, value=_to_tensor(value))
    return request


def metadata_request(model: str, version: int | None) -> Any:
    """Returns a request for the signatures of a served model; arguments as in `predict_request`."""
    request = message("MetadataRequest")(metadata_field=["signature_def"])
    _set_model(request.model_spec, model, version)
    return request


def signature_inputs(response: Any) -> dict[str, Any]:
    """Returns the inputs of a served model's signatures by name, as they are in the response to `metadata_request`.

    Raises:
        ValueError: they cannot be read.
    """
    from google.protobuf import message as protobuf

    fields = {entry.key: entry.value.value for entry in response.metadata}
    try:
        signatures = message("Signatures").FromString(fields.get("signature_def", b""))
    except protobuf.DecodeError as error:
        raise ValueError("its signatures cannot be read") from error
    return {entry.key: entry.value.inputs for entry in signatures.signature_def}


def input_shape(response: Any, signature: str, name: str) -> tuple[int, ...]:
    """Returns the shape of a signature's input, a tuple of ints with -1 for any size.

    Raises:
        ValueError: the model has no such signature or input.
    """
    infos = {entry.key: entry.value for entry in signature_inputs(response).get(signature, ())}
    if name not in infos:
        raise ValueError(f"no signature {signature} with {name}")
    return tuple(dim.size for dim in infos[name].tensor_shape.dim)


def predict_result(response: Any) -> list[bytes] | np.ndarray:
    """Returns the one output of a `PredictResponse`: list of bytes, or array.

    Raises:
        ValueError: there is not exactly one output, or it is not of strings, float32 or uint8.
    """
    if len(response.outputs) != 1:
        raise ValueError(f"expected one output, got {[entry.key for entry in response.outputs]}")
    return tensor_value(response.outputs[0].value)


def tensor_value(tensor: Any) -> list[bytes] | np.ndarray:
    """Returns a `Tensor` as a list of bytes or an array.

    Raises:
        ValueError: it is not of strings, float32 or uint8.
    """
    if tensor.dtype == _STRING:
        return list(tensor.string_val)
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    for dtype, (number, field) in _TYPES.items():
        if tensor.dtype == number:
            try:
                return _to_array(tensor, dtype, field, shape)
            except (OverflowError, MemoryError) as error:
                raise ValueError(f"values or shape {shape} are out of range") from error
    raise ValueError(f"cannot read a tensor of data type {tensor.dtype}")


def _set_model(model_spec, model, version):
    model_spec.name = model
    if version is not None:
        model_spec.version.value = version


def _to_tensor(value):
    if isinstance(value, list):
        tensor = message("Tensor")(dtype=_STRING, string_val=value)
        shape = (len(value),)
    else:
        number, field = _TYPES[value.dtype]
        if value.size and (value == value.flat[0]).all():  # the last value stands for all that are missing
            tensor = message("Tensor")(dtype=number, **{field: [value.flat[0].item()]})
        else:
            tensor = message("Tensor")(dtype=number, tensor_content=value.tobytes())
        shape = value.shape
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def _to_array(tensor, dtype, field, shape):
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, dtype).reshape(shape)
    if math.prod(shape) * dtype.itemsize > _MOST_BYTES:
        raise ValueError(f"shape {shape} is out of range")
    values = np.array(getattr(tensor, field), dtype)
    if 0 < len(values) < math.prod(shape):  # missing values repeat the last one
        values = np.concatenate([values, np.full(math.prod(shape) - len(values), values[-1])])
    return values.reshape(shape)


@functools.cache
def _pool():
    from google.protobuf import descriptor_pb2, descriptor_pool

    field_type = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="tf_colorize.proto", package="tf_colorize", syntax="proto3")
    for name, fields in _MESSAGES.items():
        declared = file.message_type.add(name=name)
        for field, number, kind in fields:
            label = field_type.LABEL_REPEATED if kind.startswith("*") else field_type.LABEL_OPTIONAL
            kind = kind.lstrip("*")
            if kind in _MESSAGES:
                target = {"type": field_type.TYPE_MESSAGE, "type_name": f".tf_colorize.{kind}"}
            else:
                target = {"type": getattr(field_type, f"TYPE_{kind.upper()}")}
            declared.field.add(name=field, number=number, label=label, **target)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool
