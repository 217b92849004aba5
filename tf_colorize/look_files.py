"""Saves looks to files and reads them, for a whole album or for later use."""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping
from typing import Any

from tf_colorize import documents, whole
from tf_colorize.color.look import ADJUSTMENTS, Look

if typing.TYPE_CHECKING:
    import os

_FORM = '{"version": 1, "look": {"vividness": 1.2, "warmth": -0.3}}'


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a look from a file, JSON such as

        {"version": 1, "look": {"vividness": 1.2, "warmth": -0.3}}

    A hints file with a look is also accepted. Other keys are ignored.

    Returns:
        The fields of `Look` that the file sets.

    Raises:
        ValueError: the file cannot be read, has another version, or contains no look or an invalid one.
    """
    content = documents.read(path)
    if not isinstance(content, dict) or not isinstance(content.get("look"), dict):
        raise ValueError(f"{path}: not a file with a look. It must be like {_FORM}")
    documents.check_version(content, path)
    return fields_of(content["look"], path)


def fields_of(value: Any, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns the fields of `Look` that the value of "look" in a file sets; empty for None.

    Args:
        value: The value in the file.
        path: The file, for messages.

    Raises:
        ValueError: the value is not a valid look.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        shown = documents.shown(json.dumps(value))
        raise ValueError(f'{path}: look {shown}: must be like {{"vividness": 1.2, "warmth": -0.3}}')
    found = {name: value[name] for name in ADJUSTMENTS if value.get(name) is not None}
    for name, number in found.items():
        if not documents.is_finite(number):
            raise ValueError(f"{path}: {name} {documents.shown(json.dumps(number))}: must be a number")
    try:
        Look(**found)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return found


def write(fields: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Writes a look to a file for `read`.

    Args:
        fields: Fields of `Look`; missing ones leave the colors as the model predicts them.
        path: File to write.

    Raises:
        ValueError: the look is invalid, or the file cannot be written.
    """
    Look(**fields)
    try:
        whole.write_text(path, json.dumps({"version": documents.VERSION, "look": dict(fields)}, indent=1) + "\n")
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {error.strerror or error}") from error
