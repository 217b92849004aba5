"""Writes TensorFlow functions as ONNX files: named, described, small and checked."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pathlib
from typing import Any

import numpy as np

from tf_colorize import installation
from tf_colorize.export import checks

OPSET = 17
"""The opset of the files, which ONNX Runtime 1.12 (2022) and later support."""

_LARGE = 1 << 14
_DESCRIPTIONS = {
    "lightness": "L* / 50 - 1 of the photo, resized with antialiasing",
    "hints": "a* / 110, b* / 110 and 1 at hints, zeros elsewhere; all zeros give the automatic result",
    "ab": "a* / 110 and b* / 110",
    "annealed_logits": "times palette_temperature of the metadata: logits of the palette's entries",
    "features": "by which places of photos are compared",
    "image": "sRGB, of any size",
    "color": "sRGB, of the same size",
}
# By these names, runtimes can fix the sides when they load a file.
_SIDES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("lightness", "hints", "ab"), ("batch", "height", "width")),
    **dict.fromkeys(("annealed_logits", "features"), ("batch",)),
}


def write(function: Any, path: pathlib.Path, quantize: str, described: dict[str, Any]) -> None:
    """Converts a function and checks the file, because the converter only logs unsupported operations.

    Args:
        function: `tf.function` from `onnx_graph`.
        path: File to write.
        quantize: "none", or "dynamic": kernels in int8.
        described: The properties of the file; what is not a string becomes JSON.

    Raises:
        checks.ExportError: there is no valid file for this function.
        installation.MissingPackage: the extra "onnx" is not installed.
    """
    with installation.explained():
        import onnx

    model = _converted(function)
    _set_shapes_of_counters(model.graph)
    if quantize == "dynamic":
        _store_small(model.graph)
    onnx.helper.set_model_props(
        model, {key: value if isinstance(value, str) else json.dumps(value) for key, value in described.items()}
    )
    for value in (*model.graph.input, *model.graph.output):
        value.doc_string = _DESCRIPTIONS[value.name]
    _shorten_names(model.graph, {name: name for name in _DESCRIPTIONS})
    _name_parts_of_network(model.graph)
    model.producer_name, model.producer_version = "tf_colorize", described["package_version"]
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise checks.ExportError(f"not a valid ONNX file: {str(error).strip().splitlines()[0]}") from error
    path.write_bytes(model.SerializeToString())


def _converted(function):
    with installation.explained():
        import tf2onnx

    logger = logging.getLogger("tf2onnx")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        try:
            with _in_place():
                model, _ = tf2onnx.convert.from_function(function, function.input_signature, opset=OPSET)
        except Exception:  # of any kind; with copies, the converter goes on without the step that failed
            model, _ = tf2onnx.convert.from_function(function, function.input_signature, opset=OPSET)
    finally:
        logger.setLevel(before)
    return model


@contextlib.contextmanager
def _in_place():
    """Makes the converter change its graph without a copy before each of dozens of steps, which takes a third of the
    time."""
    name = "TF2ONNX_CATCH_ERRORS"
    before = os.environ.get(name)
    os.environ[name] = "FALSE"
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


def _name_parts_of_network(graph):
    """Names what is not fixed in the shapes of a network, and its nodes."""
    for value in (*graph.input, *graph.output):
        for side, name in zip(value.type.tensor_type.shape.dim, _SIDES.get(value.name, ())):
            if side.HasField("dim_param"):
                side.dim_param = name
    # ONNX Runtime 1.20 makes names of those of fused nodes, and refuses a graph in which two are the same.
    if any(value.name in _SIDES for value in graph.input):
        for index, node in enumerate(_nodes(graph)):
            node.name = f"n{index}"


def _nodes(graph):
    """Yields the nodes of a graph and of the graphs in them."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g)


def _set_shapes_of_counters(graph):
    """Sets the shape of the counter and condition of loops, which ONNX Runtime requires and the converter omits."""
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Loop" and attribute.HasField("g"):
                for value in attribute.g.input[:2]:
                    value.type.tensor_type.shape.SetInParent()  # no dimensions
            if attribute.HasField("g"):
                _set_shapes_of_counters(attribute.g)


def _store_small(graph):
    """Stores convolution kernels in 127 steps on each side of 0 per output channel, and coordinate maps in float16."""
    import onnx.numpy_helper

    kernels = {node.input[1] for node in graph.node if node.op_type == "Conv"}
    for node in [node for node in graph.node if node.op_type == "If"]:
        for attribute in node.attribute:
            _store_small(attribute.g)
    for tensor in [tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT]:
        values = onnx.numpy_helper.to_array(tensor)
        if tensor.name in kernels:  # (outputs, inputs, height, width)
            scale = np.abs(values).max((1, 2, 3), keepdims=True).astype(np.float32) / 127
            scale[scale == 0] = 1
            small = np.rint(values / scale).astype(np.int8)
        elif values.size > _LARGE:  # the converter's constants for coordinates: a number per pixel
            small, scale = values.astype(np.float16), None
        else:
            continue
        # Not DequantizeLinear, which ONNX Runtime leaves in the graph and computes anew for each photo.
        names = [f"{tensor.name}_{part}" for part in ("small", "steps", "scale")]
        steps = tensor.name if scale is None else names[1]
        nodes = [onnx.helper.make_node("Cast", [names[0]], [steps], to=onnx.TensorProto.FLOAT)]
        graph.initializer.remove(tensor)
        graph.initializer.append(onnx.numpy_helper.from_array(small, names[0]))
        if scale is not None:
            graph.initializer.append(onnx.numpy_helper.from_array(scale, names[2]))
            nodes.append(onnx.helper.make_node("Mul", [steps, names[2]], [tensor.name]))
        for node in reversed(nodes):
            graph.node.insert(0, node)


def _shorten_names(graph, short):
    """Replaces internal names by numbers, because the converter's names in branches take megabytes."""

    def number(names):
        for index, name in enumerate(names):
            if name:  # an omitted input has no name
                names[index] = short.setdefault(name, f"v{len(short)}")

    for value in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        value.name = short.setdefault(value.name, f"v{len(short)}")
    for node in graph.node:
        node.name = ""
        number(node.input)
        number(node.output)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _shorten_names(attribute.g, short)
