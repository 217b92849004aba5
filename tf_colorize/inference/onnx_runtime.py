"""Loads ONNX files without TensorFlow: networks as a `Predictor`, complete pipelines as a function."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tf_colorize import documents, installation, model_metadata
from tf_colorize.inference import predictor, runtimes

PROVIDERS = ("CPUExecutionProvider",)


def from_onnx(path: str | os.PathLike[str], threads: int, providers: Sequence[str] = PROVIDERS) -> predictor.Predictor:
    """Loads a network from `export.export_onnx` into ONNX Runtime, with one session for all calling threads.

    Args:
        path: The file. The image size, unless it is fixed, and the scales are read from its properties.
        threads: Positive integer, threads of the session.
        providers: ONNX Runtime's execution providers in order of preference.

    Raises:
        ValueError: the file is broken or not a colorizer. installation.MissingPackage: the extra "onnx" is not
        installed.
    """
    session = _session(path, threads, providers)
    shapes = {value.name: tuple(value.shape) for value in (*session.get_inputs(), *session.get_outputs())}
    channels = {"lightness": 1, "ab": 2} | ({"hints": 3} if "hints" in shapes else {})
    side = shapes["lightness"][1] if len(shapes.get("lightness", ())) == 4 else 0
    is_free = isinstance(side, (str, type(None)))
    takes = {value.name: value.type for value in session.get_inputs()}
    found = {name: _sides(shapes.get(name, ())) for name in channels}
    expected = {name: (*([None] * 2 if is_free else [side] * 2), count) for name, count in channels.items()}
    types = dict.fromkeys(set(channels) - {"ab"}, "tensor(float)")
    if found != expected or takes != types:
        if "image" in shapes:
            raise ValueError(
                f"{path}: takes whole pictures, so looks and hints cannot be applied. Use the file of its network."
            )
        raise ValueError(
            f"{path}: not a colorizer: it must map lightness, float32 (batch, height, width, 1), to ab, (batch, "
            f"height, width, 2), with a second input hints, (batch, height, width, 3), if it takes hints; a fixed "
            f"height and width must be the same. Received: {documents.shown(str(shapes))}"
        )
    metadata = model_metadata.of_onnx(session.get_modelmeta().custom_metadata_map, path)
    size, larger, multiple = _free_sizes(metadata, path) if is_free else (side, (), None)

    def run(**inputs):
        _check_size(inputs["lightness"], size, multiple)
        return session.run(["ab"], inputs)[0]

    if "hints" not in shapes:
        return predictor.Predictor(size, lambda lightness: run(lightness=lightness), None, larger)
    return predictor.Predictor(
        size,
        lambda lightness: run(lightness=lightness, hints=_nothing(lightness)),
        lambda lightness, hints: run(lightness=lightness, hints=hints),
        larger,
    )


def _sides(shape):
    """Returns height, width and channels of a shape; None stands for a side that is not fixed."""
    return tuple(side if isinstance(side, int) else None for side in shape[1:])


def _free_sizes(metadata, path):
    """Returns the size, the larger sizes and their common multiple in the metadata of a file without fixed sides."""
    missing = [key for key in ("image_size", "size_multiple") if key not in metadata]
    if missing:
        raise ValueError(
            f"{path}: not a colorizer: its height and width are not fixed, but it lacks the properties "
            f"{', '.join(missing)}. Export it again."
        )
    size, multiple = metadata["image_size"], metadata["size_multiple"]
    larger = runtimes.larger_sizes(metadata, size)
    wrong = [side for side in (size, *larger) if side % multiple]
    if wrong:
        sizes = ", ".join(map(str, wrong))
        raise ValueError(f"{path}: its metadata promises sizes that are not multiples of {multiple}: {sizes}")
    return size, larger, multiple


def _check_size(lightness, size, multiple):
    """Checks the height and width of an input, about which ONNX Runtime's own messages say nothing useful."""
    sides = np.shape(lightness)[1:3]
    if multiple and any(side % multiple or not side for side in sides):
        raise ValueError(
            f"`lightness` must have a height and width that are multiples of {multiple}. Received: "
            f"shape={np.shape(lightness)}. Resize the picture first."
        )
    if not multiple and sides != (size, size):
        raise ValueError(
            f"`lightness` must be (batch, {size}, {size}, 1), the size that the file was exported for. Received: "
            f"shape={np.shape(lightness)}."
        )


def picture(
    path: str | os.PathLike[str], threads: int, providers: Sequence[str] = PROVIDERS
) -> Callable[[np.ndarray], np.ndarray]:
    """Loads a file from `export.export_onnx_picture`.

    Arguments are those of `from_onnx`.

    Returns:
        Function from uint8 `(height, width, 3)`, sRGB, to the same in color.

    Raises:
        ValueError: the file is broken, or does not take pictures.
    """
    session = _session(path, threads, providers)
    names = [[value.name for value in values] for values in (session.get_inputs(), session.get_outputs())]
    if names != [["image"], ["color"]]:
        raise ValueError(f"{path}: does not map image to color. Received: {names[0]} to {names[1]}")
    return lambda rgb: session.run(["color"], {"image": np.asarray(rgb)[np.newaxis]})[0][0]


def _nothing(lightness):
    return np.zeros((*lightness.shape[:-1], 3), np.float32)


def _session(path: Any, threads: int, providers: Sequence[str]) -> Any:
    with installation.explained():
        import onnxruntime

    file = runtimes.existing(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # its warnings are about its own optimizations
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=list(providers))
    except Exception as error:  # ONNX Runtime's own classes, which have no other common base
        raise ValueError(f"{path}: not an ONNX model, or truncated: {model_metadata.first_line(error)}") from error
