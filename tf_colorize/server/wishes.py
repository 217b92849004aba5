"""Parses a request to colorize a photo, and makes its answer."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tf_colorize import documents, hints, look_files
from tf_colorize.albums import work
from tf_colorize.color import colorfulness, look
from tf_colorize.inference.colorizer import Colorizer
from tf_colorize.photos import files

FORMATS = tuple(suffix[1:] for suffix in files.FORMATS)
MEDIA_TYPES = {
    name: f"image/{'heic' if name == 'HEIF' else name.lower()}" for name in dict.fromkeys(files.FORMATS.values())
}
"""Pillow's name of a format to its media type."""

ADJUSTMENTS = look.ADJUSTMENTS
OPTIONS = (*ADJUSTMENTS, "hint", "hints", "reference", "format", "quality")
MOST_REFERENCES = 8
"""Photos per request."""


class WishError(ValueError):
    """A request cannot be fulfilled; the message is one line that says why."""


@dataclasses.dataclass(frozen=True)
class Wish:
    """A parsed request.

    Attributes:
        source: Bytes of the photo's file.
        look: Adjustments of the colors.
        hints: Colors at places in the photo.
        references: Bytes of the files of color photos, in place of the references of the look; None: those of the look.
        image_format: Pillow's name of the result's format; None: that of the photo.
        quality: 1 to 100, or None for the format's default.
    """

    source: bytes
    look: look.Look = look.UNCHANGED
    hints: tuple[hints.Hint, ...] = ()
    references: tuple[bytes, ...] | None = None
    image_format: str | None = None
    quality: int | None = None


@dataclasses.dataclass(frozen=True)
class Answer:
    """A colorized photo.

    Attributes:
        data: Bytes of its file.
        media_type: Such as "image/jpeg".
        notes: Notices for the user.
    """

    data: bytes
    media_type: str
    notes: tuple[str, ...]


def wish_of(
    body: bytes, query: Sequence[tuple[str, str]], fields: Mapping[str, Any] | None = None, *, is_json: bool
) -> Wish:
    """Parses a request.

    Args:
        body: Bytes of the photo's file; or a JSON object with them in "image" as base64, and options.
        query: Names and values of the query parameters, which are options.
        fields: Of the `Look` where the request does not name them.
        is_json: Whether the body is JSON.

    Raises:
        WishError: the request is invalid.
    """
    given: dict[str, Any] = {}
    for name, value in query:
        if name == "hint":
            given.setdefault("hint", []).append(value)
        elif name in given:
            raise WishError(f"{documents.shown(name)}: given twice")
        else:
            given[name] = value
    if is_json:
        source, options = _of_json(body)
        twice = given.keys() & options.keys()
        if twice:
            raise WishError(f"{documents.shown(min(twice))}: given twice")
        given.update(options)
    else:
        source = body
    if not source:
        raise WishError("the photo is missing: the body is empty")
    unknown = sorted(set(given) - set(OPTIONS))
    if unknown:
        raise WishError(f"{documents.shown(unknown[0])}: no such option; the options are {', '.join(OPTIONS)}")
    quality = _number("quality", given["quality"], 1, 100) if given.get("quality") is not None else None
    if quality is not None and quality != int(quality):
        raise WishError(f"quality: must be a whole number, not {documents.shown(given['quality'])}")
    return Wish(
        source,
        _look(given, fields or {}),
        _hints(given),
        _references(given.get("reference"), is_json=is_json),
        _format(given.get("format")),
        quality and int(quality),
    )


def answer(colorizer: Colorizer, wish: Wish, max_pixels: int) -> Answer:
    """Colorizes a photo.

    Args:
        colorizer: A `Colorizer`.
        wish: The request.
        max_pixels: Rejects larger photos before they are decoded.

    Raises:
        ValueError: the photo cannot be read, or the result cannot be written in this format.
    """
    if wish.hints and not colorizer.takes_hints:
        raise WishError("hints: the model takes none")
    if wish.references and not colorizer.takes_hints:
        raise WishError("reference: the model takes no hints, so no reference either")
    try:
        wanted = wish.look
        if wish.references is not None:
            opened = tuple(_opened(data, max_pixels) for data in wish.references)
            wanted = dataclasses.replace(wanted, reference=opened)
        picture = files.read(wish.source, max_pixels=max_pixels)
        image_format = wish.image_format or picture.format
        files.check_size(picture.image.size, image_format)
        work.note_lost_alpha(picture, image_format)
        notes = list(picture.notes)
        if colorfulness.has_color(picture.image):
            notes.append("the photo already had color, which was replaced")
        image = work.colorize_picture(colorizer, picture, wanted, wish.hints)
        result = io.BytesIO()
        notes += files.save(image, result, picture, image_format=image_format, quality=wish.quality)
    except ValueError as error:
        # What this server's owner could change is no advice for its users.
        raise WishError(str(error).removeprefix("<bytes>: ").partition("; raise `max_pixels`")[0]) from error
    return Answer(result.getvalue(), MEDIA_TYPES[image_format], tuple(notes))


def _of_json(body):
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WishError(f"the body is not valid JSON: {work.reason_of(error)}") from error
    if not isinstance(value, dict) or not isinstance(value.get("image"), str):
        raise WishError('the body must be an object with the photo in "image" as base64')
    options = {name: option for name, option in value.items() if name != "image"}
    return _decoded("image", value["image"]), options


def _decoded(name, text):
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise WishError(f"{name}: not valid base64: {work.reason_of(error)}") from error


def _references(value, *, is_json):
    if value is None:
        return None
    if not is_json:
        raise WishError('reference: send it as base64 in a JSON body, beside the photo in "image"')
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise WishError("reference: must be a color photo as base64, or a list of them")
    if len(texts) > MOST_REFERENCES:
        raise WishError(f"reference: at most {MOST_REFERENCES} photos, not {len(texts)}")
    return tuple(_decoded("reference", text) for text in texts)


def _opened(data, max_pixels):
    try:
        return look_files.open_reference(data, max_pixels=max_pixels)
    except ValueError as error:
        reason = str(error).removeprefix("<bytes>: ").removeprefix("the reference: ")
        raise WishError(f"reference: {reason}") from error


def _look(given, fields):
    values = dict(fields)
    for name in ADJUSTMENTS:
        if given.get(name) is not None:
            values[name] = _number(name, given[name], *look.Look.range_of(name))
    return look.Look(**values)


def _number(name, value, least, most):
    try:
        number = None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or not least <= number <= most:
        raise WishError(f"{name}: must be a number, {least:g} to {most:g}, not {documents.shown(value)}")
    return number


def _format(value):
    if value is None:
        return None
    suffix = f".{value}".lower()
    if suffix not in files.FORMATS:
        raise WishError(f"format: must be one of {', '.join(FORMATS)}, not {documents.shown(value)}")
    return files.FORMATS[suffix]


def _hints(given):
    texts, entries = given.get("hint") or [], given.get("hints") or []
    texts = [texts] if isinstance(texts, str) else texts
    if isinstance(entries, str):
        try:
            entries = json.loads(entries)
        except (ValueError, RecursionError) as error:
            raise WishError(f"hints: not valid JSON: {work.reason_of(error)}") from error
    if not isinstance(texts, list) or not isinstance(entries, list):
        raise WishError('hints: must be a list, such as [[120, 340, "#7a4b2c"]]')
    entries = [_entry(entry) for entry in entries]
    try:
        return tuple(hints.hints_of([*texts, *entries]))
    except (ValueError, TypeError, OverflowError) as error:
        raise WishError(f"hints: {work.reason_of(error)}") from error


def _entry(entry):
    if not isinstance(entry, dict):
        return entry
    unknown = set(entry) - {"x", "y", "color", "size"}
    if unknown or not {"x", "y", "color"} <= set(entry):
        raise WishError('hints: each must have "x", "y" and "color", and may have "size"')
    return hints.Hint(**entry)
