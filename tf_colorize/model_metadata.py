"""What a model file says about itself: read and checked before anything uses it."""

from __future__ import annotations

import json
import math
import os
import pathlib
import zipfile
from collections.abc import Callable
from typing import Any

from tf_colorize import documents
from tf_colorize.color import lab

_SCALES = {"lightness_scale": lab.LIGHTNESS_SCALE, "ab_scale": lab.AB_SCALE}
_TAIL_BYTES = 1 << 16  # bytes, more than the metadata takes
_LONGEST = 300  # characters of what a runtime says about a file, which may repeat its contents


def of_tflite(path: pathlib.Path) -> dict[str, Any]:
    """Returns the metadata that `export` appended as a zip archive; files of other converters have none.

    Raises:
        ValueError: it cannot be read, or is invalid.
    """
    try:
        if not zipfile.is_zipfile(path):
            with open(path, "rb") as file:
                file.seek(-min(_TAIL_BYTES, path.stat().st_size), os.SEEK_END)
                if b"PK\3\4" in file.read():
                    raise ValueError("its metadata is truncated")
            return {}
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read: {first_line(error)}") from error
    return of_archive(path) or {}


def of_archive(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Returns the metadata in a zip archive, such as a `.keras` file, or None if it has none.

    Raises:
        ValueError: it cannot be read, or is invalid.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            is_there = documents.METADATA_NAME in archive.namelist()
            text = archive.read(documents.METADATA_NAME) if is_there else None
    except Exception as error:  # for damaged archives, zipfile and its decompressors have many, without a common base
        raise ValueError(f"{path}: cannot be read: {first_line(error)}") from error
    return None if text is None else _parsed(text, path)


def append(path: str | os.PathLike[str], content: dict[str, Any]) -> None:
    """Appends metadata to a `.keras` or `.tflite` file, as a file of a zip archive.

    Raises:
        OSError: it cannot be written.
    """
    # A ZipFile that is given a name and cannot open it to append would empty it instead.
    with open(path, "r+b") as file, zipfile.ZipFile(file, "a") as archive:
        archive.writestr(documents.METADATA_NAME, json.dumps(content, indent=1))


def of_saved_model(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Returns the metadata of a SavedModel's folder, or None if it has none.

    Raises:
        ValueError: it cannot be read, or is invalid.
    """
    try:
        text = (pathlib.Path(path) / "assets.extra" / documents.METADATA_NAME).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ValueError(f"{path}: its metadata cannot be read: {error.strerror}") from error
    return _parsed(text, path)


def _parsed(text, path):
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: its metadata is not valid JSON: {first_line(error)}") from error
    return checked(content, path)


def of_onnx(properties: dict[str, str], path: Any) -> dict[str, Any]:
    """Returns the metadata in the properties of an ONNX file, which are strings.

    Raises:
        ValueError: they are invalid.
    """
    metadata: dict[str, Any] = {}
    for key, text in properties.items():
        try:
            metadata[key] = json.loads(text) if key in _RULES else text
        except ValueError:
            metadata[key] = text
    return checked(metadata, path)


def checked(metadata: Any, path: Any) -> dict[str, Any]:
    """Returns a model's metadata if it can be used.

    Args:
        metadata: What was read, with any contents.
        path: The model, for messages.

    Raises:
        ValueError: a value has the wrong type, or the model's numbers mean something else than here.
    """
    if not isinstance(metadata, dict):
        raise ValueError(f"{path}: its metadata must be an object. Received: {documents.shown(repr(metadata))}")
    for key, (rule, is_valid) in _RULES.items():
        shown = documents.shown(repr(metadata.get(key)))
        if key in metadata and not is_valid(metadata[key]):
            raise ValueError(f"{path}: its metadata is invalid: {key} must be {rule}. Received: {shown}")
        scale = _SCALES.get(key)
        if key in metadata and scale and not math.isclose(metadata[key], scale):
            raise ValueError(f"{path}: was made for {key} {shown}, but this version uses {scale}. Export it again.")
    return metadata


def _is_side(value):
    return documents.is_finite(value) and isinstance(value, int) and value > 0


def _is_list(value, is_valid):
    return isinstance(value, list) and all(map(is_valid, value))


def _is_color(value):
    return _is_list(value, documents.is_finite) and len(value) == 2


_RULES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "image_size": ("a positive integer", _is_side),
    "image_sizes": ("a list of positive integers", lambda value: _is_list(value, _is_side)),
    "size_multiple": ("a positive integer", _is_side),
    "lightness_scale": ("a number", documents.is_finite),
    "ab_scale": ("a number", documents.is_finite),
    "palette": ("a list of pairs of numbers", lambda value: _is_list(value, _is_color)),
    "palette_temperature": ("a number", documents.is_finite),
    "training": ("an object", lambda value: isinstance(value, dict)),
}


def first_line(error: BaseException) -> str:
    """Returns the first line of what an error says: not endless, and without terminal control characters."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    text = (text.strip().splitlines() or [type(error).__name__])[0]
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
