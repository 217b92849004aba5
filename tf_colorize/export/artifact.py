"""The metadata of exported artifacts, and writing them completely or not at all."""

from __future__ import annotations

import contextlib
import pathlib
import typing
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from tf_colorize import scratch, whole
from tf_colorize.models import anatomy

if typing.TYPE_CHECKING:
    import os


def metadata_of(given: dict[str, Any] | None, image_size: int) -> dict[str, Any]:
    """Returns the complete metadata of an artifact, including its image size."""
    # Metadata of a SavedModel also describes the network, which the artifact contains in its own form.
    kept = {key: value for key, value in (given or {}).items() if key != "generator"}
    return {**kept, **anatomy.generator_metadata(image_size)}


@contextlib.contextmanager
def written_whole(path: str | os.PathLike[str], *, overwrite: bool) -> Iterator[pathlib.Path]:
    """Yields a temporary path beside `path` that replaces it when the block ends without an error.

    Args:
        path: File or folder to write.
        overwrite: Whether to replace an existing one.

    Raises:
        ValueError: the path exists and must not be replaced, or it is a folder of other files than an earlier export.
    """
    path = pathlib.Path(path)
    if path.exists() and not overwrite:
        raise ValueError(f"{path}: exists; `overwrite` replaces it. TF Serving expects a new version number")
    if path.is_dir() and any(path.iterdir()) and not (path / "saved_model.pb").is_file():
        raise ValueError(f"{path}: is a folder of other files, which would be lost. Choose a new folder")
    with whole.new_path(path) as new:
        yield new


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Turns TensorFlow's file errors, such as a full disk, into OSError."""
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(f"cannot be written: {error.message.strip().splitlines()[0]}") from error


def save_graph(module: tf.Module, folder: str | os.PathLike[str], functions: dict[str, Any]) -> None:
    """Writes a SavedModel.

    Args:
        module: Holds the weights.
        folder: New folder.
        functions: `tf.function`s by the name of their signature.

    Raises:
        OSError: it cannot be written.
    """
    with disk_errors(), scratch.of_libraries():
        tf.saved_model.save(module, str(folder), signatures=functions)
