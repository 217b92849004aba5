"""Reads small JSON files from users, such as hints; errors are one line that names the file."""

from __future__ import annotations

import json
import math
import typing
from typing import Any

if typing.TYPE_CHECKING:
    import os

VERSION = 1
"""The version of all these files."""

METADATA_NAME = "tf_colorize.json"
"""The name of what a model says of itself: a file in the archive or in `assets.extra`."""

_MOST_BYTES = 1 << 28  # of a file, whose references may be whole pictures; a device would never end
_LONGEST_SHOWN = 80  # characters of a value shown in a message


def read(path: str | os.PathLike[str]) -> Any:
    """Reads a JSON file.

    Raises:
        ValueError: the file cannot be read.
    """
    data = read_bytes(path, _MOST_BYTES)
    try:
        return json.loads(data.decode("utf-8-sig"))  # editors on Windows write a byte order mark
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not valid JSON ({error})") from error


def read_bytes(path: str | os.PathLike[str], most: int) -> bytes:
    """Reads a file of at most `most` bytes; from a device, which may never end, no more than that is read.

    Raises:
        ValueError: the file cannot be read, or is larger.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    if len(data) > most:
        raise ValueError(f"{path}: has more than {most:,} bytes, too many for such a file")
    return data


def check_version(content: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Rejects a file of another version.

    Raises:
        ValueError: the file has another version.
    """
    if content.get("version") != VERSION:
        version = shown(repr(content.get("version")))
        raise ValueError(f"{path}: has version {version}; this version of tf-colorize reads {VERSION}")


def shown(value: Any) -> str:
    """Returns a value for a message: shortened if it is long, and without terminal control characters."""
    text = str(value)
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def is_finite(value: Any) -> bool:
    """Returns whether a value of a file is a number."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer with hundreds of digits
        return False
