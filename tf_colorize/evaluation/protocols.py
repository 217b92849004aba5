"""Evaluation protocols: the pictures given to a colorizer, their truth, and the baselines.

A colorizer gets only the gray picture of the same lightness, so that no color can leak.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import pathlib
import typing
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from tf_colorize import processors
from tf_colorize.color import lab
from tf_colorize.evaluation import measures
from tf_colorize.photos import files

if typing.TYPE_CHECKING:
    import os


PROTOCOLS = {
    "crop256": "the central square of each photo, scaled to 256 x 256",
    "squash256": "each photo scaled to 256 x 256, whatever its shape",
    "full": "each photo at its own size",
}
CROP_SIZE = 256

# Close to the mean of color photographs, and therefore to the best constant.
WARM_TINT = (2.0, 7.0)


@dataclasses.dataclass(frozen=True)
class Sample:
    """A photo under a protocol: truth and gray input, uint8 `(height, width, 3)`, their CIELAB, and the SHA-256 of the
    file."""

    path: pathlib.Path
    truth: np.ndarray
    gray: np.ndarray
    truth_lab: np.ndarray
    digest: str


def gray(rgb: np.ndarray) -> np.ndarray:
    """Returns the gray picture: the baseline whose a* and b* are 0."""
    return rgb


def warm_tint(rgb: np.ndarray) -> np.ndarray:
    """Returns the picture with the a* and b* of `WARM_TINT` everywhere: a baseline."""
    lightness = lab.rgb_to_lightness(rgb)
    ab = np.broadcast_to(np.asarray(WARM_TINT, np.float32) / np.float32(lab.AB_SCALE), (*rgb.shape[:2], 2))
    return lab.lightness_ab_to_rgb(lightness, ab)


BASELINES = {"gray": gray, "warm tint": warm_tint}


def load(path: str | os.PathLike[str], protocol: str) -> Sample:
    """Reads a color photo as a `Sample`.

    Raises:
        photos.files.ImageError: the photo cannot be read, or is too small to measure.
    """
    path = pathlib.Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise files.ImageError(f"{path}: {error.strerror}") from error
    try:
        truth = np.asarray(framed(files.open_rgb(data), protocol))
    except files.ImageError as error:
        raise files.ImageError(str(error).replace("<bytes>", str(path), 1)) from error
    if min(truth.shape[:2]) < measures.MIN_SIDE:
        raise files.ImageError(f"{path}: smaller than {measures.MIN_SIDE} pixels")
    return Sample(path, truth, without_color(truth), measures.rgb_to_lab(truth), hashlib.sha256(data).hexdigest())


def without_color(rgb: np.ndarray) -> np.ndarray:
    """Returns the gray picture of the same lightness: uint8 `(height, width, 3)`, the channels equal."""
    lightness = lab.rgb_to_lightness(rgb)
    colorless = lab.lightness_ab_to_rgb(lightness, np.zeros((*rgb.shape[:2], 2), np.float32))
    # Rounding may differ by one level between the channels, but the picture must be exactly gray.
    return np.repeat(colorless[..., 1:2], 3, axis=-1)


def colorize(name: str, colorizer: Callable[[Any], np.ndarray], picture: np.ndarray) -> np.ndarray:
    """Calls a colorizer and checks its result.

    Raises:
        ValueError: the result is not a picture of the same shape.
    """
    result = np.asarray(colorizer(picture))
    if result.shape != picture.shape or result.dtype != np.uint8:
        raise ValueError(
            f"`colorizers` must return a uint8 picture of the input's shape {picture.shape}. "
            f"Received: {name!r} returned dtype={result.dtype}, shape={result.shape}."
        )
    return result


def framed(image: Image.Image, protocol: str) -> Image.Image:
    """Crops and scales a `PIL.Image.Image` for a protocol; a square of 256 pixels does not change."""
    if protocol == "full":
        return image
    box = None if protocol == "squash256" else _central_square(*image.size)
    return image.resize((CROP_SIZE, CROP_SIZE), Image.Resampling.BICUBIC, box=box)


def squares(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Stacks the central squares of pictures at 256 pixels, for networks with a fixed input size.

    Args:
        pictures: uint8 `(height, width, 3)` each.

    Returns:
        uint8 `(pictures, 256, 256, 3)`.
    """
    return np.stack([np.asarray(framed(Image.fromarray(picture), "crop256")) for picture in pictures])


def _central_square(width, height):
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def of_each(
    measure: Callable[[Sample], Any],
    photos: Sequence[str | os.PathLike[str]],
    protocol: str,
    *,
    progress: Callable[[], Any],
) -> list[Any]:
    """Measures photos, as many at a time as there are processors.

    Args:
        measure: Function that measures one photo.
        photos: Paths; unreadable ones are left out.
        protocol: A key of `PROTOCOLS`.
        progress: Called after each photo that was measured.

    Returns:
        The results of `measure`, in the order of the photos.
    """

    def measured(path):
        try:
            sample = load(path, protocol)
        except files.ImageError:
            return None
        row = measure(sample)
        progress()
        return row

    with concurrent.futures.ThreadPoolExecutor(processors.usable()) as pool:
        return [row for row in pool.map(measured, map(pathlib.Path, photos)) if row is not None]
