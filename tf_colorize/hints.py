"""Hints: colors that users assign to places in a photo. Reads and checks them, and paints them for the network."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import typing
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from PIL import ImageColor

from tf_colorize import documents, look_files, whole
from tf_colorize.color import oklab
from tf_colorize.color.look import Look, Prepared
from tf_colorize.documents import shown

if typing.TYPE_CHECKING:
    import os


SUFFIX = ".hints.json"
SIGNATURE = "predict_ab_with_hints"
"""The signature of a SavedModel that maps lightness and hints to ab."""

MOST = 500

_OPTIONAL = ("size", "time")
_FORM = '{"version": 1, "hints": [{"x": 120, "y": "40%", "color": "#7a4b2c"}]}'


@dataclasses.dataclass(frozen=True)
class Hint:
    """A color at a place in an upright photo.

    Args:
        x: Number of pixels from the left edge, or a string such as "25%" (of the width).
        y: Likewise from the top edge (or of the height).
        color: "#7a4b2c", "#754", a CSS name, also with spaces ("dark blue"), or three numbers from 0 to 255. Only its
            hue and chroma count; lightness comes from the photo. Gray keeps the place gray.
        size: Width of the hint in pixels of the photo, over 0; None: the smallest that the network can see.
        time: In a film, seconds from its start, 0 or more; photos ignore it.
    """

    x: Any
    y: Any
    color: Any
    size: float | None = None
    time: float | None = None

    def rgb(self) -> tuple[int, int, int]:
        """Returns the color as sRGB bytes.

        Raises:
            ValueError: `color` is not a color.
        """
        return _rgb(self.color)

    def place(self, width: int, height: int) -> tuple[float, float]:
        """Returns the place in pixels from the left and the top edge of a photo.

        Raises:
            ValueError: the place is not inside the photo.
        """
        place = _pixels(self.x, width), _pixels(self.y, height)
        if None in place or not (0 <= place[0] < width and 0 <= place[1] < height):
            raise ValueError(
                f"hint at {shown(self.x)},{shown(self.y)}: must be inside the photo, which has "
                f"{width} x {height} pixels (x from the left, y from the top, numbers of pixels or percent)"
            )
        return place


@dataclasses.dataclass(frozen=True)
class WithHints:
    """A model that takes hints, as a function that maps lightness, and hints or None, to ab."""

    automatic: Callable[[np.ndarray], np.ndarray]
    hinted: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def __call__(self, lightness: np.ndarray, hints: np.ndarray | None = None) -> np.ndarray:
        return self.automatic(lightness) if hints is None else self.hinted(lightness, hints)


def hint(value: Any) -> Hint:
    """Returns a `Hint` for user input.

    Args:
        value: A `Hint`, `(x, y, color)`, or a string such as "120,340=#7a4b2c" or "25%,40%=navy".

    Raises:
        ValueError: `value` is none of these.
    """
    if isinstance(value, Hint):
        found = value
    elif isinstance(value, str):
        match = re.fullmatch(r"\s*([^,=]+),([^,=]+)=(.+)", value)
        if match is None:
            raise ValueError(f"hint {value!r}: must be like 120,340=#7a4b2c or 25%,40%=navy")
        x, y, color = (text.strip() for text in match.groups())
        found = Hint(x, y, color)
    else:
        try:
            found = Hint(*value)
        except TypeError as error:
            raise ValueError(f"hint {value!r}: must be (x, y, color)") from error
    if _pixels(found.x, 100) is None or _pixels(found.y, 100) is None:
        raise ValueError(
            f"hint at {shown(found.x)},{shown(found.y)}: x and y must be numbers of pixels, or percent such as 25%"
        )
    if not (found.size is None or (documents.is_finite(found.size) and found.size > 0)):
        raise ValueError(f"hint size {shown(found.size)}: must be a number of pixels over 0")
    if not (found.time is None or (documents.is_finite(found.time) and found.time >= 0)):
        raise ValueError(f"hint time {shown(found.time)}: must be seconds from the start of a film, 0 or more")
    found.rgb()
    return found


def hints_of(values: Iterable[Any]) -> list[Hint]:
    """Returns a list of `Hint` for a sequence of values that `hint` accepts.

    Raises:
        ValueError: a value is not a hint, or there are more than `MOST`.
    """
    values = list(values)
    if len(values) > MOST:
        raise ValueError(f"the hints must be at most {MOST}. Received: {len(values)} hints. Omit some.")
    return [hint(value) for value in values]


def read(path: str | os.PathLike[str]) -> list[Hint]:
    """Reads a hints file, JSON such as

        {"version": 1, "hints": [{"x": 120, "y": "40%", "color": "#7a4b2c"}]}

    A hint may also have "size" and, in a film, "time"; see `Hint`. Other keys are ignored.

    Raises:
        ValueError: the file cannot be read, has another version, or contains an invalid hint.
    """
    return _hints_in(_content(path), path)


def read_with_look(path: str | os.PathLike[str]) -> tuple[list[Hint], dict[str, Any]]:
    """Reads a hints file and the photo's look in it, as in `"look": {"vividness": 1.2, "warmth": -0.3}`.

    Returns:
        `(hints, fields)`: the fields of `Look` that the file sets; empty for most files.

    Raises:
        ValueError: the file cannot be read, has another version, or contains an invalid hint or look.
    """
    content = _content(path)  # once, because a pipe can be read only once
    return _hints_in(content, path), look_files.fields_of(content.get("look"), path)


def _hints_in(content, path):
    try:
        return hints_of(_of_entry(entry) for entry in content["hints"])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _content(path):
    """Returns the content of a hints file after checking its version and form."""
    content = documents.read(path)
    if not isinstance(content, dict) or not isinstance(content.get("hints"), list):
        raise ValueError(f"{path}: not a hints file. It must be like {_FORM}")
    documents.check_version(content, path)
    return content


def write(hints: Sequence[Any], path: str | os.PathLike[str]) -> None:
    """Writes a hints file.

    Args:
        hints: Anything that `hints_of` accepts.
        path: File to write, usually the photo's name with `SUFFIX`.
    """
    entries = []
    for one in hints_of(hints):
        optional = {key: getattr(one, key) for key in _OPTIONAL if getattr(one, key) is not None}
        entries.append({"x": one.x, "y": one.y, "color": "#{:02x}{:02x}{:02x}".format(*one.rgb()), **optional})
    text = json.dumps({"version": documents.VERSION, "hints": entries}, indent=1)
    whole.write_text(path, text + "\n")


def raster(hints: Sequence[Hint], size: tuple[int, int], lightness: np.ndarray) -> np.ndarray:
    """Paints hints into the network's input.

    A hint is a square of at least 3 pixels, so that it covers all four values from which the photo's pixel is
    interpolated. Where squares overlap, the nearer hint gets the pixel. A hint's color is meant for the thing: it gets
    the mean lightness of its square; see `oklab.ab_of_thing`.

    Args:
        hints: The hints.
        size: Width and height of the upright photo.
        lightness: float32 `(1, image_size, image_size, 1)` in [-1, 1], the network's other input.

    Returns:
        float32 `(1, image_size, image_size, 3)`: a* / 110, b* / 110 and 1 at hints, zeros elsewhere.

    Raises:
        ValueError: a hint is outside the photo.
    """
    image_size = lightness.shape[1]
    painted = np.zeros((1, image_size, image_size, 3), np.float32)
    if not hints:
        return painted
    squares = [_square(one, size, image_size) for one in hints]
    means = [lightness[0, rows, columns].mean(dtype=np.float64) for rows, columns, _ in squares]
    colors = oklab.ab_of_thing(np.array([one.rgb() for one in hints], np.uint8), np.array(means))
    nearest = np.full((image_size, image_size), np.inf)
    for (rows, columns, distance), color in zip(squares, colors):
        mine = distance < nearest[rows, columns]
        painted[0, rows, columns][mine] = (*color, 1.0)
        nearest[rows, columns][mine] = distance[mine]
    return painted


def _square(hint, size, image_size):
    """Returns the rows and columns of a hint, as slices, and the distance of these pixels from its center."""
    slices, offsets = [], []
    for place, length in zip(hint.place(*size), size):
        scale = image_size / length
        center = (math.floor(place) + 0.5) * scale - 0.5  # center of the photo's pixel
        offset = np.abs(np.arange(image_size) - center)
        reached = np.flatnonzero(offset <= max(0.5 * (hint.size or 0) * scale, 1.0, scale, offset.min()))
        slices.append(slice(reached[0], reached[-1] + 1))
        offsets.append(offset[slices[-1]])
    across, down = offsets
    return slices[1], slices[0], np.maximum(down[:, np.newaxis], across[np.newaxis])


def before_look(painted: np.ndarray, lightness: np.ndarray, look: Look | Prepared) -> np.ndarray:
    """Returns painted hints whose colors become the requested ones after a look has been applied.

    Args:
        painted: As `raster` returns.
        lightness: float32 `(1, image_size, image_size, 1)` in [-1, 1].
        look: The look that will be applied to the predicted colors.

    Raises:
        ValueError: the look removes all color.
    """
    given, places = painted.copy(), painted[..., 2] > 0
    given[places, :2] = look.undone(lightness[places], painted[places, :2])
    return given


def _of_entry(entry):
    if not isinstance(entry, dict) or not {"x", "y", "color"} <= set(entry):
        raise ValueError(f'hint {shown(json.dumps(entry))}: must be like {{"x": 120, "y": "40%", "color": "#7a4b2c"}}')
    return Hint(entry["x"], entry["y"], entry["color"], *(entry.get(key) for key in _OPTIONAL))


def _pixels(value, length):
    """Returns a number of pixels, or None if `value` is neither a number nor a percentage."""
    try:
        if isinstance(value, str) and value.strip().endswith("%"):
            pixels = float(value.strip()[:-1]) / 100 * length
            pixels = min(pixels, length - 1) if pixels == length else pixels  # 100 % is the last pixel
        else:
            pixels = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return pixels if math.isfinite(pixels) and not isinstance(value, bool) else None


def _rgb(color):
    try:
        if isinstance(color, str):  # Pillow does not check the range of "rgb(300, 0, 0)"
            color = ImageColor.getrgb("".join(color.split()))[:3]
        red, green, blue = (int(channel) for channel in color)
    except (TypeError, ValueError, OverflowError):
        red = -1
    if red < 0 or not all(0 <= channel <= 255 for channel in (red, green, blue)):
        raise ValueError(
            f"hint color {shown(repr(color))}: must be like #7a4b2c, a color name, or three numbers from 0 to 255"
        )
    return red, green, blue
