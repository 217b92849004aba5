"""Exports a generator as a SavedModel for TF Serving, from pictures to pictures, with TensorFlow operations only."""

from __future__ import annotations

import dataclasses
import io
import json
import pathlib
import typing
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from tf_colorize import documents
from tf_colorize.color import lab
from tf_colorize.export import artifact, checks, graph
from tf_colorize.hints import SIGNATURE
from tf_colorize.inference import runtimes, signatures
from tf_colorize.inference.serving import messages
from tf_colorize.models import saving

if typing.TYPE_CHECKING:
    import os

    import keras


MODEL_NAME = "colorizer"
WARMUP_NAME = "tf_serving_warmup_requests"
# Both are float32, but with differently fused operations.
_MEAN_BOUND, _MAX_BOUND = 0.01, 0.5
_CHECK_PHOTOS = 8
_CHECK_PHOTOS_LARGER = 2  # at each of the larger sizes


@dataclasses.dataclass(frozen=True)
class SavedModelReport:
    """A report on the export: its size on disk, the precision of its weights, its distance from Keras."""

    path: pathlib.Path
    n_bytes: int
    half_precision: bool
    agreement: checks.Agreement


def export_saved_model(
    generator: keras.Model,
    path: str | os.PathLike[str],
    *,
    metadata: dict[str, Any] | None = None,
    image_size: int | None = None,
    half_precision: bool | str = "auto",
    photos: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
) -> SavedModelReport:
    """Exports a generator as a SavedModel for TF Serving, which TensorFlow loads without this package.

    Its signatures are those of `graph.build`, with the larger ones of "image_sizes" in the metadata; all share the
    weights. `assets.extra` contains the metadata, from which `saving.load_generator`
    rebuilds a Keras model, and warm-up requests for the server.

    Args:
        generator: Keras model, lightness -> ab.
        path: Folder to write, `.../colorizer/<version>` for TF Serving.
        metadata: dict from `saving.load_generator`, or None.
        image_size: Side of the network's square input; None uses that of the metadata, or 256.
        half_precision: Whether to store kernels as float16, at half the size. "auto" does so
            if no pixel of the check photos changes by more than one gray level.
        photos: Folder of photos for the check; None uses the sample photos.
        overwrite: Whether to replace an existing folder.

    Returns:
        `SavedModelReport`.

    Raises:
        ValueError: an argument is invalid, or the folder exists.
        OSError: the export cannot be written. checks.ExportError: the export differs from Keras; nothing is left
            behind.
    """
    image_size = image_size or (metadata or {}).get("image_size", 256)
    larger = runtimes.larger_sizes(metadata or {}, image_size)
    squares = checks.photo_squares(photos, image_size, _CHECK_PHOTOS)
    expected = checks.reference(generator, squares)
    halved = bool(half_precision)
    if half_precision == "auto":
        halved = _is_same_in_half_precision(generator, image_size, squares, expected)
    with artifact.written_whole(path, overwrite=overwrite) as temporary:
        described = {
            **artifact.metadata_of(metadata, image_size),
            "generator": json.loads(saving.portable(generator).to_json()),
        }
        module, functions = graph.build(generator, image_size, larger_sizes=larger, half_precision=halved)
        artifact.save_graph(module, temporary, functions)
        with artifact.disk_errors():
            _write_extra(temporary / "assets.extra", described, (image_size, *larger), list(functions))
        squares_of = {side: checks.photo_squares(photos, side, _CHECK_PHOTOS_LARGER) for side in larger}
        agreement = _checked(temporary, generator, {image_size: squares, **squares_of}, halved)
    n_bytes = sum(file.stat().st_size for file in pathlib.Path(path).rglob("*") if file.is_file())
    return SavedModelReport(pathlib.Path(path), n_bytes, halved, agreement)


def _is_same_in_half_precision(generator, image_size, squares, expected):
    _, functions = graph.build(generator, image_size, half_precision=True)
    lightness = np.concatenate(squares)
    try:
        rounded = np.concatenate([functions[signatures.AUTOMATIC](square)["ab"] for square in squares])
    except tf.errors.InvalidArgumentError:  # outside the range of float16
        return False
    pictures = [lab.lightness_ab_to_rgb(lightness, ab).astype(np.int16) for ab in (expected, rounded)]
    return np.abs(pictures[0] - pictures[1]).max() <= 1


def _checked(path, generator, squares_of, half_precision):
    """Loads the export, replays the warm-up requests, compares the results with Keras at each size, and returns the
    agreement at the smallest."""
    loaded = tf.saved_model.load(str(path), tags=["serve"])
    for request in read_warmup(path / "assets.extra" / WARMUP_NAME):
        signature = loaded.signatures[request.model_spec.signature_name]
        signature(**{entry.key: tf.constant(messages.tensor_value(entry.value)) for entry in request.inputs})
    # Rounded weights change single pixels; with "auto", the picture has already been compared.
    bounds = {
        "mean_bound": 0.2 if half_precision else _MEAN_BOUND,
        "max_bound": 5.0 if half_precision else _MAX_BOUND,
    }
    predict_ab = runtimes.of_loaded(loaded, path).predict_ab
    agreements = []
    for squares in squares_of.values():
        expected = checks.reference(generator, squares)
        agreements.append(checks.compare(predict_ab, squares, expected, **bounds))
        checks.compare_hints(predict_ab, generator, squares, **bounds)
    return agreements[0]


def _write_extra(folder, described, sides, names):
    folder.mkdir()
    (folder / documents.METADATA_NAME).write_text(json.dumps(described))
    with tf.io.TFRecordWriter(str(folder / WARMUP_NAME)) as writer:
        for name, inputs in _warmup(sides, names):
            log = messages.message("PredictionLog")()
            log.predict_log.request.CopyFrom(messages.predict_request(MODEL_NAME, None, name, inputs))
            writer.write(log.SerializeToString())


def _warmup(sides, names):
    """Yields requests, the name of a signature and its inputs: one per signature, and one per size of pictures, because
    the first ones take seconds."""
    for side in sides:
        rgb = np.full((1, side, side, 3), 128, np.uint8)  # no photos are published with a model
        buffers = {"PNG": io.BytesIO(), "JPEG": io.BytesIO()}
        for image_format, buffer in buffers.items():
            Image.fromarray(rgb[0]).save(buffer, image_format)
        lightness = {"lightness": np.zeros((1, side, side, 1), np.float32)}
        hints = {"hints": np.zeros((1, side, side, 3), np.float32)}
        requests = {
            "serving_default": {graph.IMAGE_BYTES: [buffer.getvalue() for buffer in buffers.values()]},
            "colorize": {"image": rgb},
            signatures.AUTOMATIC if side == sides[0] else signatures.of_size(side): lightness,
            "colorize_with_hints": {"image": rgb, **hints},
            SIGNATURE if side == sides[0] else signatures.of_size(side, with_hints=True): {**lightness, **hints},
        }
        yield from ((name, inputs) for name, inputs in requests.items() if name in names)


def read_warmup(path: str | os.PathLike[str]) -> list[Any]:
    """Returns the `PredictRequest`s of a warm-up file."""
    message = messages.message("PredictionLog")
    records = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    return [message.FromString(record).predict_log.request for record in records]
