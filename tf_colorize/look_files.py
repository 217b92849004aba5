"""Saves looks to files and reads them, for a whole album or for later use."""

from __future__ import annotations

import base64
import io
import json
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from PIL import Image

from tf_colorize import documents, whole
from tf_colorize.color import colorfulness
from tf_colorize.color.look import ADJUSTMENTS, Look, Reference
from tf_colorize.photos import files

_SIDE = 512  # pixels; more than a network needs
_FORM = '{"version": 1, "look": {"vividness": 1.2, "warmth": -0.3}}'


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a look from a file, JSON such as

        {"version": 1, "look": {"vividness": 1.2, "warmth": -0.3}}

    "reference" may be a list of color photos: paths relative to the file, `data:` URLs of pictures, or, for a film,
    `{"photo": "still.png", "time": 12.5}`. A hints file with a look is also accepted. Other keys are ignored.

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
    found: dict[str, Any] = {name: value[name] for name in ADJUSTMENTS if value.get(name) is not None}
    for name, number in found.items():
        if not documents.is_finite(number):
            raise ValueError(f"{path}: {name} {documents.shown(json.dumps(number))}: must be a number")
    try:
        Look(**found)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if value.get("reference"):
        entries = value["reference"] if isinstance(value["reference"], list) else [value["reference"]]
        found["reference"] = tuple(_reference_of(entry, pathlib.Path(path)) for entry in entries)
    return found


def open_reference(source: Any, time: float | None = None, *, max_pixels: int = files.DEFAULT_MAX_PIXELS) -> Reference:
    """Opens a color photo as a reference.

    Args:
        source: A path, or the bytes of a file.
        time: In a film, the time in seconds from which it applies, until that of the next one; None: always.
        max_pixels: Rejects larger photos before they are decoded.

    Raises:
        ValueError: the photo cannot be read or has no color.
    """
    name = "" if isinstance(source, bytes) else str(source)
    image = files.read(source, short_side=_SIDE, max_pixels=max_pixels).image.convert("RGB")
    if not colorfulness.has_color(image):
        raise ValueError(f"{name or 'the reference'}: is gray or has a single tone; a reference must have color")
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    return Reference(name, image.size, image.tobytes(), time)


def enclose(path: str | os.PathLike[str], read: Callable[[str], bytes]) -> None:
    """Puts the photos of references into a file with a look, for readers that cannot follow its paths.

    A file without paths, or one that cannot be read, is left as it is.

    Args:
        path: The file, which is changed.
        read: Returns the bytes of a photo for its path in the file.

    Raises:
        OSError: `read` raised it, or the file cannot be written.
    """
    try:
        content = documents.read(path)
        entries = content["look"]["reference"]
    except (ValueError, KeyError, TypeError):
        return
    entries = entries if isinstance(entries, list) else [entries]
    enclosed = [_with_bytes(entry, read) for entry in entries]
    if enclosed != entries:
        content["look"]["reference"] = enclosed
        whole.write_text(path, json.dumps(content))


def _with_bytes(entry, read):
    photo = entry.get("photo") if isinstance(entry, dict) else entry
    if not isinstance(photo, str) or photo.startswith("data:"):
        return entry
    url = "data:;base64," + base64.b64encode(read(photo)).decode()
    return {**entry, "photo": url} if isinstance(entry, dict) else url


def _reference_of(entry, path):
    """Returns the reference for an entry of a file."""
    entry = entry if isinstance(entry, dict) else {"photo": entry}
    photo, time = entry.get("photo"), entry.get("time")
    if not isinstance(photo, str) or not (time is None or (documents.is_finite(time) and time >= 0)):
        shown = documents.shown(json.dumps(entry))
        raise ValueError(
            f'{path}: reference {shown}: must be like "other.jpg" or {{"photo": "other.jpg", "time": 12.5}}'
        )
    if not photo.startswith("data:"):
        return open_reference(path.parent / photo, time)
    try:
        return open_reference(base64.b64decode(photo.partition(";base64,")[2], validate=True), time)
    except ValueError as error:
        reason = str(error).removeprefix("<bytes>: ").removeprefix("the reference: ")
        raise ValueError(f"{path}: reference: {reason}") from error


def _entry_of(reference, path):
    """Returns the entry of a file for a reference."""
    if reference.name:
        photo = os.path.relpath(os.path.abspath(reference.name), os.path.abspath(path.parent)).replace(os.sep, "/")
    else:
        picture = io.BytesIO()
        Image.fromarray(reference.rgb).save(picture, "PNG")
        photo = "data:image/png;base64," + base64.b64encode(picture.getvalue()).decode()
    return photo if reference.time is None else {"photo": photo, "time": reference.time}


def write(fields: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Writes a look to a file for `read`.

    Args:
        fields: Fields of `Look`; missing ones leave the colors as the model predicts them.
        path: File to write.

    Raises:
        ValueError: the look is invalid, the file cannot be written, or it exists and is not a look, or has hints: it
            would be lost.
    """
    look = dict(fields)
    references = Look(**look).reference
    if references:
        look["reference"] = [_entry_of(reference, pathlib.Path(path)) for reference in references]
    _refuse_other_file(path)
    try:
        whole.write_text(path, json.dumps({"version": documents.VERSION, "look": look}, indent=1) + "\n")
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {error.strerror or error}") from error


def _refuse_other_file(path):
    """Raises ValueError if a file exists that is more than a look: a photo by mistake, or the hints of one."""
    if not os.path.isfile(path) or not os.path.getsize(path):
        return
    try:
        content = documents.read(path)
    except ValueError:
        content = None
    if not isinstance(content, dict) or not isinstance(content.get("look"), dict):
        raise ValueError(f"{path}: exists and is not a look; choose another name for the look")
    if content.get("hints"):
        raise ValueError(f"{path}: has hints, which would be lost; choose another name for the look")
