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
        path: The file. The image size and the scales are read from its properties.
        threads: Positive integer, threads of the session.
        providers: ONNX Runtime's execution providers in order of preference.

    Raises:
        ValueError: the file is broken or not a colorizer. installation.MissingPackage: the extra "onnx" is not
        installed.
    """
    session = _session(path, threads, providers)
    shapes = {value.name: tuple(value.shape) for value in (*session.get_inputs(), *session.get_outputs())}
    channels = {"lightness": 1, "ab": 2} | ({"hints": 3} if "hints" in shapes else {})
    size = shapes["lightness"][1] if len(shapes.get("lightness", ())) == 4 else 0
    takes = {value.name: value.type for value in session.get_inputs()}
    found = {name: shapes.get(name, ())[1:] for name in channels}
    expected = {name: (size, size, count) for name, count in channels.items()}
    types = dict.fromkeys(set(channels) - {"ab"}, "tensor(float)")
    if found != expected or takes != types or not isinstance(size, int):
        if "image" in shapes:
            raise ValueError(
                f"{path}: takes whole pictures, so looks and hints cannot be applied. Use the file of its network."
            )
        raise ValueError(
            f"{path}: not a colorizer: it must map lightness, float32 (batch, size, size, 1), to ab, (batch, size, "
            f"size, 2), with a second input hints, (batch, size, size, 3), if it takes hints. "
            f"Received: {documents.shown(str(shapes))}"
        )
    model_metadata.of_onnx(session.get_modelmeta().custom_metadata_map, path)
    if "hints" not in shapes:
        return predictor.Predictor(size, lambda lightness: session.run(["ab"], {"lightness": lightness})[0])

    def hinted(lightness, hints):
        return session.run(["ab"], {"lightness": lightness, "hints": hints})[0]

    return predictor.Predictor(size, lambda lightness: hinted(lightness, _nothing(lightness)), hinted)


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
