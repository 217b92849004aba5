"""Exports a generator as a TFLite file for phones, boards and browsers."""

from __future__ import annotations

import dataclasses
import math
import pathlib
import statistics
import time
import typing
import warnings
from typing import Any

import numpy as np
import tensorflow as tf

from tf_colorize import model_metadata, scratch
from tf_colorize.color import lab
from tf_colorize.export import artifact, checks, graph, rounding
from tf_colorize.inference import runtimes, signatures
from tf_colorize.models import anatomy

if typing.TYPE_CHECKING:
    import os

    import keras


QUANTIZE = ("none", "float16", "dynamic", "int8")
MIN_CALIBRATION_PHOTOS = 200
_CHECK_PHOTOS = 16
_CHECK_PHOTOS_LARGER = 4  # at each of the larger sizes
_BYTES_PER_WEIGHT = {"none": 4, "float16": 2, "dynamic": 1, "int8": 1}
# Limits of the mean and maximum distance of chroma in Lab units. One gray level is about 0.5; the maximum is a single
# pixel, on an edge between two colors.
_BOUNDS = {"none": (0.01, 0.5), "float16": (0.1, 5.0), "dynamic": (0.5, 25.0), "int8": (1.0, 40.0)}

# In int8, a probability under 1/512 is 0, but a palette has hundreds of entries; chroma in 256 steps, then enlarged,
# shows bands. Both take almost no time in float.
_FLOAT_OPERATIONS = ["SOFTMAX", "FULLY_CONNECTED", "BATCH_MATMUL", "RESIZE_BILINEAR"]


@dataclasses.dataclass(frozen=True)
class TFLiteReport:
    """A report on the export: its size on disk, its quantization, its distance from Keras."""

    path: pathlib.Path
    n_bytes: int
    quantize: str
    agreement: checks.Agreement


def export_tflite(
    generator: keras.Model,
    path: str | os.PathLike[str],
    *,
    quantize: str = "none",
    metadata: dict[str, Any] | None = None,
    image_size: int | None = None,
    photos: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
) -> TFLiteReport:
    """Exports a generator as a TFLite file with builtin operations, batch size 1, and float inputs and outputs.

    The file maps lightness, float32 `(1, image_size, image_size, 1)` in [-1, 1], to ab, float32 `(1, image_size,
    image_size, 2)` in [-1, 1]. If the generator takes hints, the file has a second input, `hints`, float32 `(1,
    image_size, image_size, 3)`: a* / 110, b* / 110 and 1 where a hint is, zeros elsewhere. If it also has a palette,
    the file has an output `annealed_logits`, the logits of its palette divided by the temperature, float32 `(1,
    image_size / stride, image_size / stride, entries)`, from which front ends suggest colors. Another output,
    `features`, float32 `(1, image_size / 8, image_size / 8, channels)`, tells them which places of photos are alike.
    These are computed anyway and take no space in the file. "int8" files take no hints, because 8 bits are too few for
    spreading them.

    If the metadata has "image_sizes", the file has another signature for each of them that is larger, named by
    `signatures.of_size`. All share the weights, which are stored once. An "int8" file has one size.

    The metadata is an associated file, as is usual for TFLite: a zip archive appended to the model, which contains
    `tf_colorize.json`. Its "palette" lists a* and b* of each entry, and "palette_temperature" is the factor that turns
    `annealed_logits` into logits.

    Args:
        generator: Keras model, lightness -> ab.
        path: File to write, ending in `.tflite`.
        quantize: "none" (float32), "float16" (half the size), "dynamic" (weights in int8, a
            quarter) or "int8" (weights and activations: the fastest and least exact).
        metadata: dict from `saving.load_generator`, or None.
        image_size: Side of the network's square input; None uses that of the metadata, or 256.
        photos: Folder of photos for the check and for calibration; any number is enough for "dynamic", but "int8" needs
            `MIN_CALIBRATION_PHOTOS` in addition to those of the check. None uses the sample photos.
        overwrite: Whether to replace an existing file.

    Returns:
        `TFLiteReport`.

    Raises:
        ValueError: an argument is invalid, the file exists, or there are too few photos to calibrate on.
        OSError: the file cannot be written. checks.ExportError: the export differs from Keras; nothing is left behind.
    """
    if quantize not in QUANTIZE:
        raise ValueError(f"`quantize` must be one of {', '.join(QUANTIZE)}. Received: quantize={quantize!r}")
    if pathlib.Path(path).suffix != ".tflite":
        raise ValueError(f"{path}: the name must end in .tflite")
    if quantize == "int8":
        generator = anatomy.automatic(generator)
        metadata = {key: value for key, value in (metadata or {}).items() if key != "image_sizes"}
    image_size = image_size or (metadata or {}).get("image_size", 256)
    larger = runtimes.larger_sizes(metadata or {}, image_size)
    squares, calibration = _photos(photos, image_size, quantize)
    expected = checks.reference(generator, squares)
    corrected = rounding.with_statistics_of_int8(generator, calibration) if quantize == "dynamic" else generator
    with artifact.written_whole(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(_converted(corrected, image_size, larger, quantize, calibration))
        described = artifact.metadata_of(metadata, image_size) | {"quantize": quantize} | palette_metadata(generator)
        model_metadata.append(temporary, described)
        _check_weights(temporary, generator, quantize)
        mean_bound, max_bound = _BOUNDS[quantize]
        predict_ab = runtimes.from_tflite(temporary, threads=1).predict_ab
        agreement = checks.compare(predict_ab, squares, expected, mean_bound=mean_bound, max_bound=max_bound)
        hint_bounds = {"mean_bound": 2 * mean_bound, "max_bound": 2 * max_bound}  # errors spread like their hints
        checks.compare_hints(predict_ab, generator, squares, **hint_bounds)
        for side in larger:
            seen = checks.photo_squares(photos, side, _CHECK_PHOTOS_LARGER)
            wanted = checks.reference(generator, seen)
            checks.compare(predict_ab, seen, wanted, mean_bound=mean_bound, max_bound=max_bound)
            checks.compare_hints(predict_ab, generator, seen, **hint_bounds)
    return TFLiteReport(pathlib.Path(path), pathlib.Path(path).stat().st_size, quantize, agreement)


def latency(path: str | os.PathLike[str], threads: int, runs: int = 30) -> float:
    """Returns the median seconds of one prediction in the LiteRT interpreter."""
    model = runtimes.from_tflite(path, threads)
    square = np.random.default_rng(0).uniform(-1, 1, (1, model.image_size, model.image_size, 1)).astype(np.float32)
    seconds = []
    for _ in range(runs + 3):
        start = time.perf_counter()
        model.predict_ab(square)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[3:])  # the first runs warm up the caches


def _photos(photos, image_size, quantize):
    """Returns squares for the check and, if weights are rounded to int8, others for calibration: the same if there are
    few."""
    needed = {"dynamic": rounding.PHOTOS, "int8": MIN_CALIBRATION_PHOTOS}.get(quantize, 0)
    if not needed:
        return checks.photo_squares(photos, image_size, _CHECK_PHOTOS), []
    wanted = needed + _CHECK_PHOTOS
    squares = checks.photo_squares(photos, image_size, wanted) if photos is not None or quantize != "int8" else []
    if len(squares) < wanted and quantize == "int8":
        raise ValueError(
            f'`photos` must be a folder of at least {wanted} photos with `quantize` "int8": '
            f"{MIN_CALIBRATION_PHOTOS} to calibrate on, {_CHECK_PHOTOS} to check with. "
            f"Received: photos={str(photos)!r} with {len(squares)}"
        )
    if len(squares) < wanted:
        return squares[:_CHECK_PHOTOS], squares
    every = wanted // _CHECK_PHOTOS
    check = squares[::every][:_CHECK_PHOTOS]
    return check, [square for square in squares if not any(square is other for other in check)]


def _converted(generator, image_size, larger, quantize, calibration):
    """Returns the bytes of the model, with builtin operations only."""
    with scratch.Scratch() as folder:
        module, functions = graph.build_fixed(generator, image_size, *larger)
        names = ["serving_default", *map(signatures.of_size, larger)]  # sorted: the first is the file's default
        # Converting the function itself can produce files without weights.
        artifact.save_graph(module, folder, dict(zip(names, functions)))
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=names)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if quantize != "none":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if quantize == "int8":
            converter.representative_dataset = lambda: ([square] for square in calibration)
            return _with_float_head(converter)
        return converter.convert()


def _with_float_head(converter):
    """Converts, leaving some operations in float32."""
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=_FLOAT_OPERATIONS)
    with warnings.catch_warnings():
        # The debugger is the official way to select operations; it also runs an interpreter.
        warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated", UserWarning)
        debugger = tf.lite.experimental.QuantizationDebugger(converter=converter, debug_options=options)
        return debugger.get_nondebug_quantized_model()


def palette_metadata(generator: keras.Model) -> dict[str, Any]:
    """Returns what tells front ends which color each of a file's logits stands for, for JSON."""
    if not (anatomy.takes_hints(generator) and anatomy.has_palette(generator)):
        return {}
    units = anatomy.palette(generator) * lab.AB_SCALE
    return {
        "palette": [[round(float(value), 2) for value in entry] for entry in units],
        "palette_temperature": anatomy.palette_temperature(generator),
    }


def _check_weights(path, generator, quantize):
    # Vectors are folded into neighboring operations, so only kernels count.
    kernels = [weight.shape for weight in generator.weights if len(weight.shape) > 1]
    least = sum(math.prod(shape) for shape in kernels) * _BYTES_PER_WEIGHT[quantize]
    if path.stat().st_size < least:
        raise checks.ExportError(f"the file has {path.stat().st_size} bytes, but its weights alone need {least}")
