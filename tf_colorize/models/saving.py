"""Saves and loads generators with their metadata."""

from __future__ import annotations

import json
import pathlib
import typing
from typing import Any

import keras

from tf_colorize import documents, model_metadata, scratch, whole
from tf_colorize.models import anatomy, hint_branch, strength  # noqa: F401  Keras finds layers in files once imported

if typing.TYPE_CHECKING:
    import os


def save_generator(generator: keras.Model, path: str | os.PathLike[str], metadata: dict[str, Any]) -> None:
    """Saves a generator in float32 as one `.keras` file that includes its metadata.

    Args:
        generator: Functional model, lightness -> ab, of any precision.
        path: str or path ending in `.keras`.
        metadata: dict for JSON: "image_size", "lightness_scale", "ab_scale", "package_version".
    """
    with whole.new_path(path) as new:
        with scratch.of_libraries():
            portable(generator).save(new)
        model_metadata.append(new, metadata)


def load_generator(path: str | os.PathLike[str]) -> tuple[keras.Model, dict[str, Any]]:
    """Loads a generator in float32 with all layers trainable.

    Which layers are frozen is decided by a training run; it is neither saved nor loaded.

    Args:
        path: a run folder (its `generator.keras`), a `.keras` file or an exported SavedModel.

    Returns:
        `(generator, metadata)`: `keras.Model` and dict.

    Raises:
        ValueError: there is no such file, or it is not a colorizer's generator.
    """
    path = pathlib.Path(path)
    metadata = load_metadata(path)
    try:
        if _is_saved_model(path):
            generator = _rebuilt(path, metadata)
        else:
            with scratch.of_libraries():  # Keras unpacks the file there
                generator = keras.saving.load_model(_keras_file(path), compile=False)
    except Exception as error:  # of many kinds, because the file may come from anywhere
        if isinstance(error, OSError) and error.errno and error.filename:  # such as a full disk
            raise ValueError(f"{path}: cannot be loaded: {error.strerror}: {error.filename}") from error
        raise _no_generator(path, model_metadata.first_line(error)) from error
    if not anatomy.is_generator(generator):
        raise _no_generator(path, "it does not map lightness to ab")
    return _thawed(generator), metadata  # files of earlier versions record frozen layers


def load_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Loads only the metadata in a generator's file.

    Args:
        path: as for `load_generator`.

    Returns:
        dict, as from `anatomy.generator_metadata`; for the shipped weights, it also has "terms".

    Raises:
        ValueError: there is no such file, or it is not a colorizer's generator.
    """
    path = pathlib.Path(path)
    if _is_saved_model(path):
        about = model_metadata.of_saved_model(path)
    else:
        about = model_metadata.of_archive(_keras_file(path))
    if about is None or "image_size" not in about:
        raise _no_generator(path, f"it has no {documents.METADATA_NAME} with image_size")
    about.pop("licence", None)  # earlier versions added the code's license to weights trained by users
    return about


def _is_saved_model(path):
    return (path / "saved_model.pb").exists()


def _keras_file(path):
    file = path / "generator.keras" if path.is_dir() else path
    if file.suffix != ".keras" or not file.is_file():
        what = "no such file or folder" if not path.exists() else "not a model"
        raise ValueError(
            f"{path}: {what}; give a run folder with a generator.keras, a .keras file or a SavedModel folder"
        )
    return file


def _no_generator(path, reason):
    return ValueError(f"{path}: not a generator that was saved by tf_colorize: {reason}")


def _rebuilt(path, metadata):
    """Rebuilds the generator from the files that `export.export_saved_model` wrote beside the graph."""
    import tensorflow as tf

    if "generator" not in metadata:
        raise ValueError("its metadata does not describe the network")
    generator = keras.models.model_from_json(json.dumps(metadata["generator"]))
    values = tf.train.load_checkpoint(str(path / "variables" / "variables"))
    for index, weight in enumerate(generator.weights):
        weight.assign(values.get_tensor(f"generator_weights/{index}/.ATTRIBUTES/VARIABLE_VALUE"))
    return generator


def portable(generator: keras.Model) -> keras.Model:
    """Returns a copy as it is stored in files: in float32, with every layer trainable.

    Args:
        generator: Functional model, of any precision.
    """
    return _thawed(with_policy(generator, "float32"))


def _thawed(generator):
    # One by one: Keras ignores `model.trainable = True` if the model, but not its layers, is trainable.
    for layer in generator._flatten_layers():
        layer.trainable = True
    return generator


def with_policy(generator: keras.Model, policy: str) -> keras.Model:
    """Returns a copy that computes in another precision; its outputs stay float32.

    Args:
        generator: Functional model.
        policy: "float32" or "mixed_bfloat16".
    """
    copy = generator.__class__.from_config(_config_with_policy(generator.get_config(), policy))
    copy.set_weights(generator.get_weights())
    return copy


def _config_with_policy(config, policy):
    if isinstance(config, dict):
        if anatomy.stays_float32(str(config.get("name"))):
            return config
        if config.get("class_name") == "DTypePolicy":
            return {**config, "config": {"name": policy}}
        return {key: _config_with_policy(value, policy) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_config_with_policy(value, policy) for value in config)
    return config
