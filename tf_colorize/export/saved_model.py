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
from tf_colorize.inference import runtimes
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

    Its signatures are those of `graph.build`. `assets.extra` contains the metadata, from which `saving.load_generator`
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
        module, signatures = graph.build(generator, image_size, half_precision=halved)
        with artifact.disk_errors():
            tf.saved_model.save(module, str(temporary), signatures=signatures)
            _write_extra(temporary / "assets.extra", described, image_size, list(signatures))
        agreement = _checked(temporary, generator, squares, expected, halved)
    n_bytes = sum(file.stat().st_size for file in pathlib.Path(path).rglob("*") if file.is_file())
    return SavedModelReport(pathlib.Path(path), n_bytes, halved, agreement)


def _is_same_in_half_precision(generator, image_size, squares, expected):
    _, signatures = graph.build(generator, image_size, half_precision=True)
    lightness = np.concatenate(squares)
    try:
        rounded = np.concatenate([signatures["predict_ab"](square)["ab"] for square in squares])
    except tf.errors.InvalidArgumentError:  # outside the range of float16
        return False
    pictures = [lab.lightness_ab_to_rgb(lightness, ab).astype(np.int16) for ab in (expected, rounded)]
    return np.abs(pictures[0] - pictures[1]).max() <= 1


def _checked(path, generator, squares, expected, half_precision):
    """Loads the export, replays the warm-up requests and compares the results with Keras."""
    loaded = tf.saved_model.load(str(path), tags=["serve"])
    for request in read_warmup(path / "assets.extra" / WARMUP_NAME):
        signature = loaded.signatures[request.model_spec.signature_name]
        signature(**{entry.key: tf.constant(messages.tensor_value(entry.value)) for entry in request.inputs})
    # Rounded weights change single pixels; with "auto", the picture has already been compared.
    bounds = {
        "mean_bound": 0.2 if half_precision else _MEAN_BOUND,
        "max_bound": 5.0 if half_precision else _MAX_BOUND,
    }
    predict_ab = runtimes.from_saved_model(path).predict_ab
    agreement = checks.compare(predict_ab, squares, expected, **bounds)
    checks.compare_hints(predict_ab, generator, squares, **bounds)
    return agreement


def _write_extra(folder, described, image_size, signatures):
    folder.mkdir()
    (folder / documents.METADATA_NAME).write_text(json.dumps(described))
    _write_warmup(folder / WARMUP_NAME, image_size, signatures)


def _write_warmup(path, image_size, signatures):
    """Writes one request per signature, because the first ones take seconds."""
    # A ramp, so that no photos are published with a model.
    ramp = np.linspace(-1.0, 1.0, image_size, dtype=np.float32)[:, np.newaxis, np.newaxis]
    square = np.broadcast_to(ramp, (1, image_size, image_size, 1))
    rgb = lab.lightness_ab_to_rgb(square, np.zeros((*square.shape[:-1], 2), np.float32))
    buffers = {"PNG": io.BytesIO(), "JPEG": io.BytesIO()}
    for image_format, buffer in buffers.items():
        Image.fromarray(rgb[0]).save(buffer, image_format)
    files = [buffer.getvalue() for buffer in buffers.values()]
    lightness, hints = {"lightness": square}, {"hints": np.zeros((1, image_size, image_size, 3), np.float32)}
    requests = {
        "serving_default": {graph.IMAGE_BYTES: files},
        "colorize": {"image": rgb},
        "predict_ab": lightness,
        "colorize_with_hints": {"image": rgb, **hints},
        SIGNATURE: {**lightness, **hints},
    }
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature in signatures:
            log = messages.message("PredictionLog")()
            request = messages.predict_request(MODEL_NAME, None, signature, requests[signature])
            log.predict_log.request.CopyFrom(request)
            writer.write(log.SerializeToString())


def read_warmup(path: str | os.PathLike[str]) -> list[Any]:
    """Returns the `PredictRequest`s of a warm-up file."""
    message = messages.message("PredictionLog")
    records = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    return [message.FromString(record).predict_log.request for record in records]
