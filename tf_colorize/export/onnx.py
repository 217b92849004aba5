"""Exports a generator as ONNX files for other programs: only its network, or with all steps around it."""

from __future__ import annotations

import dataclasses
import pathlib
import typing
from collections.abc import Sequence
from typing import Any

import numpy as np

from tf_colorize.export import artifact, checks, free_sizes, onnx_file, onnx_graph, rounding
from tf_colorize.export.tflite import palette_metadata
from tf_colorize.inference import colorizer, onnx_runtime, runtimes
from tf_colorize.models import anatomy

if typing.TYPE_CHECKING:
    import os

    import keras


QUANTIZE = ("none", "dynamic")
_CHECK_PHOTOS = 16
_CHECK_PHOTOS_OTHER = 4  # at each of the other sizes
_PICTURE_SIDES = (200, 301, 97)
# Limits of the mean and maximum distance of chroma in Lab units, as for TFLite files.
_BOUNDS = {"none": (0.01, 0.5), "dynamic": (0.5, 25.0)}
# Limits in gray levels: the mean, and the share of pixels that may differ by more than 2 levels.
_PICTURE_BOUNDS = {"none": (0.1, 0.001), "dynamic": (3.0, 1.0)}


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

    Its inputs and outputs are those of `tflite.export_tflite`, with any batch size, and with any height and width that
    the generator can process unless `image_size` fixes both. The properties of the file (`metadata_props`) are the
    metadata: "image_size", the side of the square for which it was trained, "size_multiple", of which height and width
    must be multiples (not in files of a fixed size), "lightness_scale", "ab_scale", "terms" of the weights if they have
    any, "palette" and "palette_temperature" if it takes hints. All are strings, lists in JSON.

    Args:
        generator: Keras model, lightness -> ab.
        path: File to write, ending in `.onnx`.
        quantize: "none" (float32), or "dynamic": kernels in int8 with a scale for each channel, a quarter of the size.
            Runtimes convert them to float32 on loading, so the file is not faster.
        metadata: dict from `saving.load_generator`, or None.
        image_size: Fixed side of the network's square input; None: height and width are not fixed, and the property is
            that of the metadata, or 256.
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
    multiple = free_sizes.multiple_of(generator, size, metadata)
    described = {**artifact.metadata_of(metadata, size), "quantize": quantize, **palette_metadata(generator)}
    sizes = [(size, size)]
    if multiple and not image_size:
        described["size_multiple"] = multiple
        sizes += free_sizes.for_check(size, multiple, runtimes.larger_sizes(described, size))
    else:
        described.pop("image_sizes", None)
    counts = [_CHECK_PHOTOS, *[_CHECK_PHOTOS_OTHER] * len(sizes)]
    inputs = [checks.photo_rectangles(photos, *one, count) for one, count in zip(sizes, counts)]
    with artifact.written_whole(path, overwrite=overwrite) as temporary:
        side = None if "size_multiple" in described else size
        function = onnx_graph.network(_corrected(generator, quantize, photos, size), side)
        onnx_file.write(function, temporary, quantize, described)
        predict_ab = onnx_runtime.from_onnx(temporary, threads=1).predict_ab
        first, *_ = [_compare(predict_ab, generator, seen, quantize) for seen in inputs]
    return OnnxReport(pathlib.Path(path), pathlib.Path(path).stat().st_size, quantize, first)


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
        onnx_file.write(function, temporary, quantize, described)
        colorize = onnx_runtime.picture(temporary, threads=1)
        agreement = _compare_pictures([colorize(rgb) for rgb in pictures], expected, *_PICTURE_BOUNDS[quantize])
    return OnnxReport(pathlib.Path(path), pathlib.Path(path).stat().st_size, quantize, agreement)


def _checked(path, quantize, metadata, image_size):
    if quantize not in QUANTIZE:
        raise ValueError(f"`quantize` must be one of {', '.join(QUANTIZE)}. Received: quantize={quantize!r}")
    if pathlib.Path(path).suffix != ".onnx":
        raise ValueError(f"{path}: the name must end in .onnx")
    return image_size or (metadata or {}).get("image_size", 256)


def _compare(predict_ab, generator, seen, quantize):
    """Compares the colors for inputs of one size with those of Keras, without hints and with them."""
    mean_bound, max_bound = _BOUNDS[quantize]
    expected = checks.reference(generator, seen)
    agreement = checks.compare(predict_ab, seen, expected, mean_bound=mean_bound, max_bound=max_bound)
    checks.compare_hints(predict_ab, generator, seen, mean_bound=2 * mean_bound, max_bound=2 * max_bound)
    return agreement


def _corrected(generator, quantize, photos, image_size):
    if quantize == "none":
        return generator
    return rounding.with_statistics_of_int8(generator, checks.photo_squares(photos, image_size, rounding.PHOTOS))


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
