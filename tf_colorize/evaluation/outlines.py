"""Reads things that somebody outlined in photos: a JSON file of polygons, each with a place for a hint."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import typing
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from tf_colorize import documents
from tf_colorize.documents import shown
from tf_colorize.photos import files

if typing.TYPE_CHECKING:
    import os

_FORM = (
    '{"version": 1, "regions": [{"photo": "a.jpg", "name": "coat", "polygon": [[x, y], [x, y], [x, y]], '
    '"point": [x, y]}]}'
)
_FEWEST_CORNERS = 3


@dataclasses.dataclass(frozen=True)
class Region:
    """A thing in a photo.

    Args:
        photo: Path of the photo.
        name: What the thing is.
        polygon: Its corners, x and y in pixels from the left and the top edge of the upright photo; the last is
            connected with the first.
        point: Place of the first hint in it, likewise.
        label: The name, followed by the photo if several things have that name.
    """

    photo: pathlib.Path
    name: str
    polygon: tuple[tuple[float, float], ...]
    point: tuple[float, float]
    label: str

    def mask(self, size: tuple[int, int]) -> np.ndarray:
        """Returns which pixels of the photo are in the polygon or on its outline, bool `(height, width)`.

        Args:
            size: Width and height of the photo.
        """
        picture = Image.new("1", size)
        ImageDraw.Draw(picture).polygon(list(self.polygon), fill=1, outline=1)
        return np.asarray(picture)


def read(path: str | os.PathLike[str], folders: Sequence[str | os.PathLike[str]] = ()) -> tuple[Region, ...]:
    """Reads a file of regions, JSON such as

        {"version": 1, "regions": [
            {"photo": "a.jpg", "name": "coat", "polygon": [[10, 20], [90, 20], [50, 80]], "point": [50, 40]}
        ]}

    Other keys are ignored.

    Args:
        path: The file.
        folders: Where photos are looked for that are not in the file's own folder.

    Returns:
        The regions in their order.

    Raises:
        ValueError: the file cannot be read, has another version, or contains an invalid region.
        photos.files.ImageError: a photo cannot be read.
    """
    content = documents.read(path)
    if not isinstance(content, dict) or not isinstance(content.get("regions"), list):
        raise ValueError(f"{path}: not a file of regions. It must be like {_FORM}")
    documents.check_version(content, path)
    if not content["regions"]:
        raise ValueError(f"{path}: has no regions. Outline one thing or more.")
    places = [pathlib.Path(path).parent, *map(pathlib.Path, folders)]
    regions = [_region(entry, f"{path}: region {i}", places) for i, entry in enumerate(content["regions"], 1)]
    sizes = {photo: files.open_rgb(photo).size for photo in dict.fromkeys(region.photo for region in regions)}
    for i, region in enumerate(regions, 1):
        _check_places(region, f"{path}: region {i} ({shown(region.name)})", sizes[region.photo])
    return _labeled(regions, path)


def _region(entry, where, folders):
    """Returns a region without a label; its places are not compared with the photo yet."""
    if not isinstance(entry, dict) or not {"photo", "name", "polygon", "point"} <= set(entry):
        raise ValueError(f"{where}: must have a photo, a name, a polygon and a point, as in {_FORM}")
    for key in ("photo", "name"):
        if not isinstance(entry[key], str) or not entry[key].strip() or not entry[key].isprintable():
            raise ValueError(f"{where}: its {key} must be a line of text. Received: {shown(entry[key])}.")
    where = f"{where} ({shown(entry['name'])})"
    corners = entry["polygon"]
    if not isinstance(corners, list) or len(corners) < _FEWEST_CORNERS:
        received = f"{len(corners)} corners" if isinstance(corners, list) else shown(corners)
        raise ValueError(
            f"{where}: its polygon must be a list of at least {_FEWEST_CORNERS} corners. Received: {received}."
        )
    polygon = tuple(_place(corner, f"{where}: each corner of its polygon") for corner in corners)
    point = _place(entry["point"], f"{where}: its point")
    return Region(_found(entry["photo"], where, folders), entry["name"], polygon, point, entry["name"])


def _place(value: Any, what: str) -> tuple[float, float]:
    if not (isinstance(value, list) and len(value) == 2 and all(map(documents.is_finite, value))):
        raise ValueError(f"{what} must be [x, y], two numbers of pixels. Received: {shown(value)}.")
    return value[0], value[1]


def _found(name, where, folders):
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    looked = ", ".join(dict.fromkeys(str(folder) for folder in folders))
    raise ValueError(f"{where}: no photo {shown(name)} in {looked}. Name it relative to the file of regions.")


def _check_places(region, where, size):
    """Raises ValueError if a corner is outside the photo, or the point outside the polygon."""
    width, height = size
    pixels = f"{shown(region.photo.name)}, which has {width} x {height} pixels"
    for x, y in region.polygon:
        if not (0 <= x <= width and 0 <= y <= height):
            raise ValueError(f"{where}: the corner [{x:g}, {y:g}] is outside {pixels}. Move it into the photo.")
    x, y = region.point
    if not (0 <= x < width and 0 <= y < height):
        raise ValueError(f"{where}: the point [{x:g}, {y:g}] is outside {pixels}. Move it into the polygon.")
    if not region.mask(size)[int(y), int(x)]:
        raise ValueError(f"{where}: the point [{x:g}, {y:g}] is outside the polygon. Move it into the polygon.")


def _labeled(regions, path):
    counts = collections.Counter(region.name for region in regions)
    labeled = [
        dataclasses.replace(region, label=f"{region.name}, {region.photo.name}") if counts[region.name] > 1 else region
        for region in regions
    ]
    for label, count in collections.Counter(region.label for region in labeled).items():
        if count > 1:
            raise ValueError(f"{path}: has {count} regions {shown(label)}. Give each of them another name.")
    return tuple(labeled)
