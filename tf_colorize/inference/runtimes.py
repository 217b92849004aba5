"""Loads models of every kind as a `Predictor`.

Each function imports its runtime when it is called, so a `.tflite` file runs without TensorFlow.
"""

from __future__ import annotations

import collections
import os
import pathlib
from typing import Any

import numpy as np

import tf_colorize
from tf_colorize import documents, hints, installation, model_metadata
from tf_colorize.inference import predictor, signatures

DEFAULT_IMAGE_SIZE = 256


def default_model() -> pathlib.Path:
    """Returns the path of the shipped model.

    Raises:
        ValueError: the model is missing.
    """
    package = pathlib.Path(tf_colorize.__file__).parent
    for folder in (package, package.parent):  # in an installation; in a checkout
        path = folder / "saved_models" / "colorizer.tflite"
        if path.is_file():
            return path
    raise ValueError(
        f"no model: {path} is missing. Train one and export it there (scripts/train.py, then scripts/export.py), or "
        "specify another one."
    )


def files_of(path: str | os.PathLike[str]) -> list[pathlib.Path]:
    """Returns only those files of a model that loading reads; a run folder also holds checkpoints.

    Args:
        path: A file, a SavedModel folder, or a run folder.

    Raises:
        ValueError: the path does not exist, or is a folder without a model.
    """
    model = existing(path)
    if model.is_file():
        return [model]
    if (model / "generator.keras").is_file():
        return [model / "generator.keras"]
    if not (model / "saved_model.pb").is_file():
        raise ValueError(f"{path}: no model in this folder: neither generator.keras nor saved_model.pb")
    parts = [model / name for name in ("saved_model.pb", "fingerprint.pb", f"assets.extra/{documents.METADATA_NAME}")]
    parts += [part for folder in ("variables", "assets") for part in sorted((model / folder).rglob("*"))]
    return [part for part in parts if part.is_file()]


def from_keras(model: Any, image_size: int | None = None) -> predictor.Predictor:
    """Loads a run folder or `.keras` file, or uses a given generator.

    Args:
        model: Path, or `keras.Model` that maps lightness to ab.
        image_size: Side of the network's square input; None uses the one saved with the model, that of its input, or
            256.

    Raises:
        ValueError: the model cannot be loaded or is not a generator.
    """
    metadata: dict[str, Any] = {}
    if not hasattr(model, "predict_on_batch"):
        from tf_colorize.models import saving

        model, metadata = saving.load_generator(existing(model))
    from tf_colorize.models import anatomy

    if not anatomy.is_generator(model):
        shapes = [getattr(model, name, "unknown") for name in ("input_shape", "output_shape")]
        raise ValueError(
            "`model` must map one lightness channel to two ab channels. Received: "
            f"input {shapes[0]}, output {shapes[1]}. Use the generator, not the whole Pix2Pix."
        )
    if len(model.inputs) == 1:
        automatic, hinted = model, None
    else:
        automatic, with_hints = anatomy.automatic(model), _forward(model)

        def hinted(lightness, given):
            return with_hints({"lightness": lightness, "hints": given})

    size = image_size or metadata.get("image_size") or _side(automatic.input_shape)
    return predictor.Predictor(size, _forward(automatic), hinted, larger_sizes(metadata, size))


def _forward(model):
    """Returns a Keras model as a function of arrays, with a graph for each size, which upsampling must know."""
    import tensorflow as tf

    compiled: dict[tuple[int, ...], Any] = {}

    def run(inputs):
        inputs = tf.nest.map_structure(tf.constant, inputs)
        sides = tuple(tf.nest.flatten(inputs)[0].shape[1:3])
        if sides not in compiled:
            compiled[sides] = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)
        return compiled[sides](inputs).numpy()

    return run


def larger_sizes(metadata: dict[str, Any], image_size: int) -> tuple[int, ...]:
    """Returns the sides over `image_size` at which a model works as well, in rising order."""
    return tuple(sorted({side for side in metadata.get("image_sizes", ()) if side > image_size}))


def from_saved_model(path: str | os.PathLike[str]) -> predictor.Predictor:
    """Loads an exported SavedModel and its signatures from lightness to ab.

    Raises:
        ValueError: the model cannot be loaded, or has no such signatures.
    """
    with installation.explained():
        import tensorflow as tf

    folder = existing(path)
    _size_of_saved_model(path)
    try:
        loaded = tf.saved_model.load(str(folder), tags=["serve"])
    except Exception as error:  # of many kinds, because the files may come from anywhere
        raise ValueError(f"{path}: not a SavedModel that can be loaded: {model_metadata.first_line(error)}") from error
    return of_loaded(loaded, path)


def of_loaded(loaded: Any, path: str | os.PathLike[str]) -> predictor.Predictor:
    """Uses the signatures from lightness to ab of an exported SavedModel that TensorFlow has already loaded.

    Args:
        loaded: What `tf.saved_model.load` returned.
        path: Its folder, which contains the metadata.

    Raises:
        ValueError: the model has no such signatures.
    """
    import tensorflow as tf

    size = _size_of_saved_model(path)
    takes_hints = hints.SIGNATURE in loaded.signatures
    larger = tuple(side for side in signatures.sides_of(loaded.signatures) if side > size)
    automatic = {size: signatures.AUTOMATIC} | {side: signatures.of_size(side) for side in larger}
    hinted = {size: hints.SIGNATURE} | {side: signatures.of_size(side, with_hints=True) for side in larger}
    for side in automatic:
        _check_signature(loaded, path, automatic[side], {"lightness": (side, side, 1)})
        if takes_hints:
            _check_signature(loaded, path, hinted[side], {"lightness": (side, side, 1), "hints": (side, side, 3)})

    # The variables live as long as `loaded`, which only these closures keep alive.
    def predict_ab(lightness):
        return loaded.signatures[automatic[lightness.shape[1]]](lightness=tf.constant(lightness))["ab"].numpy()

    def predict_ab_with_hints(lightness, given):
        signature = loaded.signatures[hinted[lightness.shape[1]]]
        return signature(lightness=tf.constant(lightness), hints=tf.constant(given))["ab"].numpy()

    return predictor.Predictor(size, predict_ab, predict_ab_with_hints if takes_hints else None, larger)


def _size_of_saved_model(path):
    metadata = model_metadata.of_saved_model(path) or {}
    if "image_size" not in metadata:
        lacks = f"assets.extra/{documents.METADATA_NAME} with image_size"
        raise ValueError(f"{path}: not a colorizer: it has no {lacks}. Export it with scripts/export.py.")
    return metadata["image_size"]


def _check_signature(loaded, path, name, wanted):
    """Checks that a SavedModel has a signature with these float32 inputs and the output "ab"."""
    import tensorflow as tf

    signature = loaded.signatures.get(name)
    if signature is None:
        raise ValueError(f"{path}: the SavedModel has no signature {name}. Export it with scripts/export.py.")
    inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
    size = wanted["lightness"][0]
    fits = inputs.keys() == wanted.keys() and "ab" in outputs
    fits = fits and outputs["ab"].shape.is_compatible_with((1, size, size, 2)) and outputs["ab"].dtype == tf.float32
    fits = fits and all(inputs[key].shape.is_compatible_with((1, *shape)) for key, shape in wanted.items())
    if not fits or any(one.dtype != tf.float32 for one in inputs.values()):
        received = f"{', '.join(f'{key} {one.shape}' for key, one in inputs.items())} to {', '.join(outputs)}"
        raise ValueError(
            f"{path}: not a colorizer: the signature {name} must map float32 lightness (batch, {size}, {size}, 1) to "
            f"ab (batch, {size}, {size}, 2). Received: {documents.shown(received)}"
        )


def from_tflite(path: str | os.PathLike[str], threads: int) -> predictor.Predictor:
    """Loads a `.tflite` file into LiteRT, with as many interpreters as there are calls at the same time.

    Args:
        path: The file. The image size is read from its metadata or, without it, from its input tensor.
        threads: Positive integer, threads of each interpreter.

    Raises:
        ValueError: the file is broken or not a colorizer.
    """
    from ai_edge_litert import interpreter as litert

    path = existing(path)
    metadata = model_metadata.of_tflite(path)

    def new_interpreter():
        try:
            interpreter = litert.Interpreter(model_path=str(path), num_threads=threads)
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{path}: not a TFLite model, or truncated: {model_metadata.first_line(error)}") from error
        return interpreter

    def channels(detail):
        return detail["shape"][-1] if len(detail["shape"]) else 0

    first = new_interpreter()
    inputs = sorted(first.get_input_details(), key=channels)  # lightness, hints
    outputs = sorted(first.get_output_details(), key=channels)  # ab, then others
    # A file that takes hints may also return the logits of its palette, and features.
    details = [*inputs, *(outputs if len(inputs) == 1 else [*outputs[:1], *outputs[3:]])]
    shapes = [tuple(int(side) for side in detail["shape"]) for detail in details]
    size = shapes[0][1] if shapes and len(shapes[0]) == 4 else 0
    expected = [(1, size, size, channels) for channels in ((1, 2) if len(inputs) == 1 else (1, 3, 2))]
    if shapes != expected or {detail["dtype"] for detail in details} != {np.float32}:
        raise ValueError(
            f"{path}: not a colorizer: it must map float32 (1, size, size, 1) to (1, size, size, 2), with a second "
            f"input (1, size, size, 3) if it takes hints. Received: {documents.shown(', '.join(map(str, shapes)))}"
        )
    larger = larger_sizes(metadata, size)
    missing = [side for side in larger if signatures.of_size(side) not in first.get_signature_list()]
    if missing:
        raise ValueError(f"{path}: its metadata promises sizes that it lacks: {', '.join(map(str, missing))}")
    idle: collections.deque[tuple[Any, dict[int, Any]]] = collections.deque([(first, {})])  # with its runners

    def run(*values):
        try:
            interpreter, runners = idle.pop()
        except IndexError:
            interpreter, runners = new_interpreter(), {}
        try:
            if larger:
                return run_signature(interpreter, runners, values[0].shape[1], *values)
            for detail, value in zip(inputs, values):
                interpreter.set_tensor(detail["index"], value)
            interpreter.invoke()
            return interpreter.get_tensor(outputs[0]["index"])
        finally:
            idle.append((interpreter, runners))

    # An interpreter refuses to work by itself while there are runners of its signatures.
    def run_signature(interpreter, runners, side, *values):
        if side not in runners:
            name = "serving_default" if side == size else signatures.of_size(side)
            runners[side] = interpreter.get_signature_runner(name)
        return runners[side](**dict(zip(("lightness", "hints"), values)))["ab"]

    if len(inputs) == 1:
        return predictor.Predictor(size, run, None, larger)

    def without_hints(lightness):
        return run(lightness, np.zeros((*lightness.shape[:3], 3), np.float32))

    return predictor.Predictor(size, without_hints, run, larger)


def from_server(url: str, **options: Any) -> predictor.Predictor:
    """Connects to a model on TF Serving; `serving.Client` documents address and options."""
    from tf_colorize.inference import serving

    client = serving.Client(url, **options)
    try:
        hinted = client.predict_ab if client.takes_hints else None
        return predictor.Predictor(client.image_size, client.predict_ab, hinted, client.larger_sizes)
    except serving.ServingError:
        client.close()
        raise


def existing(path: str | os.PathLike[str]) -> pathlib.Path:
    """Returns the path of a model that is there.

    Raises:
        ValueError: it is not.
    """
    path = pathlib.Path(path)
    if not path.exists():
        raise ValueError(f"{path}: no such model")
    return path


def _side(input_shape):
    """Returns the fixed side of a square input `(batch, height, width, 1)`, or the default."""
    return input_shape[1] if input_shape[1] == input_shape[2] and input_shape[1] else DEFAULT_IMAGE_SIZE
