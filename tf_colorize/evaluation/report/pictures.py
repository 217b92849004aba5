"""Pictures for reports: photos beside the results of each colorizer, on a contact sheet or one by one."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from tf_colorize.evaluation import protocols
from tf_colorize.photos import contact_sheet, files


def colored(colorizers: Mapping[str, Callable[[Any], np.ndarray]], picture: np.ndarray) -> list[np.ndarray]:
    """Returns the result of each colorizer for a gray uint8 `(height, width, 3)` picture, a list of such pictures."""
    return [protocols.colorize(name, colorizer, picture) for name, colorizer in colorizers.items()]


def without_truth(
    colorizers: Mapping[str, Callable[[Any], np.ndarray]], photos: Iterable[str | os.PathLike[str]]
) -> Iterator[tuple[str | os.PathLike[str], list[np.ndarray] | files.ImageError]]:
    """Colorizes black-and-white photos, including toned ones.

    Args:
        colorizers: as for `evaluate`.
        photos: paths.

    Yields:
        Pairs of path and a list of uint8 `(height, width, 3)` pictures: gray, then one for each colorizer; or, for a
        file that cannot be read, pairs of path and `photos.files.ImageError`.
    """
    for path in photos:
        try:
            source = protocols.without_color(np.asarray(files.open_rgb(path)))
        except files.ImageError as error:
            yield path, error
            continue
        yield path, [source, *colored(colorizers, source)]


def thumbnail(picture: np.ndarray, side: int) -> Image.Image:
    """Returns a `PIL.Image.Image` of a uint8 picture, its longest side at most `side` pixels."""
    image = Image.fromarray(picture)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def data_uri(image: Image.Image, quality: int = 88) -> str:
    """Returns a `PIL.Image.Image` as a JPEG inside a URI, its chroma at full resolution."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def sheet(
    rows: Sequence[Sequence[Image.Image]], titles: Sequence[str], *, side: int = 256, across: int = 6
) -> Image.Image:
    """Arranges photos beside their colorized versions, in as many groups as fit side by side.

    Args:
        rows: lists of `PIL.Image.Image`, of any shape.
        titles: names of the pictures in a row.
        side: side in pixels of the square into which each picture is fitted.
        across: maximum number of pictures side by side, but at least those of one row.

    Returns:
        A `PIL.Image.Image`.
    """
    paper = contact_sheet.BACKGROUND
    tiles = [[np.asarray(ImageOps.pad(image, (side, side), color=paper)) for image in row] for row in rows]
    groups = max(1, min(across // len(titles), len(tiles)))
    length = -(-len(tiles) // groups)
    parts = [tiles[start : start + length] for start in range(0, len(tiles), length)]
    sheets = [contact_sheet.contact_sheet(dict(zip(titles, zip(*part))), side) for part in parts]
    joined = Image.new("RGB", (sum(part.width for part in sheets), sheets[0].height), paper)
    left = 0
    for part in sheets:
        joined.paste(part, (left, 0))
        left += part.width
    return joined
