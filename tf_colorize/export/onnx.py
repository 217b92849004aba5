"""Exports a generator as ONNX files for other programs: only its network, or with all steps around it."""

from __future__ import annotations

import dataclasses
import json
import logging
import pathlib
import typing
from collections.abc import Sequence
from typing import Any

import numpy as np

from tf_colorize import installation
from tf_colorize.export import artifact, checks, onnx_graph, rounding
from tf_colorize.export.tflite import palette_metadata
from tf_colorize.inference import colorizer, onnx_runtime
from tf_colorize.models import anatomy

if typing.TYPE_CHECKING:
    import os

    import keras


QUANTIZE = ("none", "dynamic")
OPSET = 17
"""The opset of the files, which ONNX Runtime 1.12 (2022) and later support."""

_CHECK_PHOTOS = 16
_LARGE = 1 << 14
_PICTURE_SIDES = (200, 301, 97)
# Limits of the mean and maximum distance of chroma in Lab units, as for TFLite files.
_BOUNDS = {"none": (0.01, 0.5), "dynamic": (0.5, 25.0)}
# Limits in gray levels: the mean, and the share of pixels that may differ by more than 2 levels.
_PICTURE_BOUNDS = {"none": (0.1, 0.001), "dynamic": (3.0, 1.0)}
_DESCRIPTIONS = {
    "lightness": "L* / 50 - 1 of the photo, resized with antialiasing",
    "hints": "a* / 110, b* / 110 and 1 at hints, zeros elsewhere; all zeros give the automatic result",
    "ab": "a* / 110 and b* / 110",
    "annealed_logits": "times palette_temperature of the metadata: logits of the palette's entries",
    "features": "by which places of photos are compared",
    "image": "sRGB, of any size",
    "color": "sRGB, of the same size",
}


@dataclasses.dataclass(frozen=True)
class OnnxReport:
    """A report on the export: its size on disk, the precision of its weights, its distance from Keras.

    `agreement` is in Lab units for a network, and in gray levels for a file that takes pictures.
    """

    path: pathlib.Path
    n_bytes: int
    quantize: str
    agreement: checks.Agreement


def export_onnx(
    generator: keras.Model,
    path: str | os.PathLike[str],
    *,
    quantize: str = "none",
    metadata: dict[str, Any] | None = None,
    image_size: int | None = None,
    photos: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
) -> OnnxReport:
    """Exports a generator's network as an ONNX file.

    Its inputs and outputs are those of `tflite.export_tflite`, with any batch size. The properties of the file
    (`metadata_props`) are the metadata: "image_size", "lightness_scale", "ab_scale", "terms" of the weights if they
    have any, "palette" and "palette_temperature" if it takes hints. All are strings, lists in JSON.

    Args:
        generator: Keras model, lightness -> ab.
        path: File to write, ending in `.onnx`.
        quantize: "none" (float32), or "dynamic": kernels in int8 with a scale for each channel, a quarter of the size.
            Runtimes convert them to float32 on loading, so the file is not faster.
        metadata: dict from `saving.load_generator`, or None.
        image_size: Side of the network's square input; None uses that of the metadata, or 256.
        photos: Folder of photos for the check and, if kernels are rounded, for `rounding`; None uses the sample photos.
        overwrite: Whether to replace an existing file.

    Returns:
        `OnnxReport`.

    Raises:
        ValueError: a wrong argument, or the file exists.
        OSError: it cannot be written.
        checks.ExportError: the result does not do what Keras does; nothing is left behind.
        installation.MissingPackage: the extra "onnx" is not installed.
    """
    size = _checked(path, quantize, metadata, image_size)
    squares = checks.photo_squares(photos, size, _CHECK_PHOTOS)
    expected = checks.reference(generator, squares)
    described = {**artifact.metadata_of(metadata, size), "quantize": quantize, **palette_metadata(generator)}
    with artifact.written_whole(path, overwrite=overwrite) as temporary:
        function = onnx_graph.network(_corrected(generator, quantize, photos, size), size)
        _write(function, temporary, quantize, described)
        mean_bound, max_bound = _BOUNDS[quantize]
        predict_ab = onnx_runtime.from_onnx(temporary, threads=1).predict_ab
        agreement = checks.compare(predict_ab, squares, expected, mean_bound=mean_bound, max_bound=max_bound)
        checks.compare_hints(predict_ab, generator, squares, mean_bound=2 * mean_bound, max_bound=2 * max_bound)
    return OnnxReport(pathlib.Path(path), pathlib.Path(path).stat().st_size, quantize, agreement)


def export_onnx_picture(
    generator: keras.Model,
    path: str | os.PathLike[str],
    *,
    quantize: str = "none",
    metadata: dict[str, Any] | None = None,
    image_size: int | None = None,
    photos: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
) -> OnnxReport:
    """Exports a generator with all steps around it as an ONNX file, from gray or color pictures to colorized ones.

    The file maps image, uint8 `(1, height, width, 3)`, sRGB, of any size, to color, the same. It does the same as
    `Colorizer` without hints. The file has the properties of `export_onnx`.

    Arguments and errors are those of `export_onnx`. The check compares pictures of odd sizes, one of them in a gray
    mount, in gray levels.

    Returns:
        `OnnxReport`.
    """
    size = _checked(path, quantize, metadata, image_size)
    described = {**artifact.metadata_of(metadata, size), "quantize": quantize}
    pictures = checks.photo_pictures(photos, _PICTURE_SIDES)
    pictures.append(_mounted(pictures[0]))
    expected = [_colored(generator, size, rgb) for rgb in pictures]
    with artifact.written_whole(path, overwrite=overwrite) as temporary:
        function = onnx_graph.picture(_corrected(generator, quantize, photos, size), size)
        _write(function, temporary, quantize, described)
        colorize = onnx_runtime.picture(temporary, threads=1)
        agreement = _compare_pictures([colorize(rgb) for rgb in pictures], expected, *_PICTURE_BOUNDS[quantize])
    return OnnxReport(pathlib.Path(path), pathlib.Path(path).stat().st_size, quantize, agreement)


def _checked(path, quantize, metadata, image_size):
    if quantize not in QUANTIZE:
        raise ValueError(f"`quantize` must be one of {', '.join(QUANTIZE)}. Received: quantize={quantize!r}")
    if pathlib.Path(path).suffix != ".onnx":
        raise ValueError(f"{path}: the name must end in .onnx")
    return image_size or (metadata or {}).get("image_size", 256)


def _corrected(generator, quantize, photos, image_size):
    if quantize == "none":
        return generator
    return rounding.with_statistics_of_int8(generator, checks.photo_squares(photos, image_size, rounding.PHOTOS))


def _write(function, path, quantize, described):
    """Converts a model and checks the file, because the converter only logs unsupported operations."""
    with installation.explained():
        import onnx
        import tf2onnx

    logger = logging.getLogger("tf2onnx")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        model, _ = tf2onnx.convert.from_function(function, function.input_signature, opset=OPSET)
    finally:
        logger.setLevel(before)
    _set_shapes_of_counters(model.graph)
    if quantize == "dynamic":
        _store_small(model.graph)
    onnx.helper.set_model_props(
        model, {key: value if isinstance(value, str) else json.dumps(value) for key, value in described.items()}
    )
    for value in (*model.graph.input, *model.graph.output):
        value.doc_string = _DESCRIPTIONS[value.name]
    _shorten_names(model.graph, {name: name for name in _DESCRIPTIONS})
    model.producer_name, model.producer_version = "tf_colorize", described["package_version"]
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise checks.ExportError(f"not a valid ONNX file: {str(error).strip().splitlines()[0]}") from error
    path.write_bytes(model.SerializeToString())


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


def _colored(generator, image_size, rgb):
    """Returns the result of `Colorizer` for a picture."""
    return colorizer.Colorizer.from_keras(anatomy.automatic(generator), image_size=image_size)(rgb)


def _mounted(rgb):
    """Puts a picture into a gray mount."""
    wide = max(2, min(rgb.shape[:2]) // 8)
    return np.pad(rgb, ((wide, wide), (wide, wide), (0, 0)), constant_values=120)


def _compare_pictures(
    actual: Sequence[np.ndarray], expected: Sequence[np.ndarray], mean_bound: float, share_bound: float
) -> checks.Agreement:
    distances = np.concatenate(
        [np.abs(one.astype(int) - other).max(axis=-1).ravel() for one, other in zip(actual, expected)]
    )
    agreement = checks.Agreement(float(distances.mean()), float(distances.max()), len(actual), unit="gray levels")
    if agreement.mean > mean_bound or np.mean(distances > 2) > share_bound:
        raise checks.ExportError(f"{agreement}; the limit is {mean_bound} (mean)")
    return agreement
