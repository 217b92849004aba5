"""Checks exports: they must give the same chroma as Keras on real photos."""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from tf_colorize import hints
from tf_colorize.color import lab
from tf_colorize.data import sources
from tf_colorize.models import anatomy
from tf_colorize.photos import files, find

if typing.TYPE_CHECKING:
    import keras


class ExportError(ValueError):
    """An exported model differs from the Keras model; nothing was left behind."""


@dataclasses.dataclass(frozen=True)
class Agreement:
    """The distance of an export from Keras, over the pixels of some photos: of chroma in Lab units, or of pictures in
    gray levels."""

    mean: float
    maximum: float
    photos: int
    unit: str = "Lab units"

    def __str__(self):
        if self.unit != "Lab units":
            levels = f"{self.mean:.4f} (mean), {self.maximum:.0f} (max) {self.unit}"
            return f"pictures differ from Keras by {levels} on {self.photos} photos"
        return f"chroma differs from Keras by {self.mean:.4f} (mean), {self.maximum:.3f} (max) on {self.photos} photos"


def photo_squares(photos: str | os.PathLike[str] | None, image_size: int, count: int) -> list[np.ndarray]:
    """Reads photos spread evenly over a folder, as inputs of the network.

    Args:
        photos: Folder of photos, or None for the sample photos.
        image_size: int, side of the network's square input.
        count: int, maximum number; unreadable photos are left out.

    Returns:
        List of float32 arrays `(1, image_size, image_size, 1)`, lightness in [-1, 1].

    Raises:
        ValueError: there is no photo.
    """
    return photo_rectangles(photos, image_size, image_size, count)


def photo_rectangles(photos: str | os.PathLike[str] | None, height: int, width: int, count: int) -> list[np.ndarray]:
    """Does the same as `photo_squares` for inputs of another shape.

    Args:
        photos: Folder of photos, or None for the sample photos.
        height, width: ints, of the network's input.
        count: int, maximum number; unreadable photos are left out.

    Returns:
        List of float32 arrays `(1, height, width, 1)`, lightness in [-1, 1].

    Raises:
        ValueError: there is no photo.
    """
    resized: list[np.ndarray] = []
    for rgb in _readable(photos, count, max(height, width)):
        lightness = Image.fromarray(lab.rgb_to_lightness(rgb)[..., 0])
        rectangle = lightness.resize((width, height), Image.Resampling.BILINEAR)
        resized.append(np.asarray(rectangle)[np.newaxis, :, :, np.newaxis])
    return resized


def photo_pictures(photos: str | os.PathLike[str] | None, sides: Sequence[int]) -> list[np.ndarray]:
    """Reads one photo for each side, and resizes it to that short side.

    Args:
        photos: Folder of photos, or None for the sample photos.
        sides: ints, the short side of each picture in pixels.

    Returns:
        List of uint8 arrays `(height, width, 3)`, sRGB.

    Raises:
        ValueError: there is no photo.
    """
    pictures = []
    for rgb, side in zip(_readable(photos, len(sides), max(sides)), sides):
        scale = side / min(rgb.shape[:2])
        size = [max(1, round(length * scale)) for length in rgb.shape[1::-1]]
        pictures.append(np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BOX)))
    return pictures


def _readable(photos, count, short_side):
    """Returns one to `count` photos, spread evenly over a folder, uint8 `(height, width, 3)`."""
    paths = find.find_photos(sources.folder_of("sample") if photos is None else photos).photos
    spread = [paths[i * len(paths) // count] for i in range(count)] if len(paths) > count else paths
    found: list[np.ndarray] = []
    for path in [*spread, *sorted(set(paths) - set(spread))]:  # the others only replace unreadable ones
        if len(found) == count:
            break
        try:
            found.append(np.asarray(files.open_rgb(path, short_side=short_side)))
        except files.ImageError:
            continue
    if not found:
        raise ValueError(f"`photos` must be a folder with photos. Received: photos={str(photos)!r}")
    return found


def reference(generator: keras.Model, squares: Sequence[np.ndarray], given: np.ndarray | None = None) -> np.ndarray:
    """Returns the results of Keras for `squares`, float32 `(n, image_size, image_size, 2)`.

    Args:
        generator: Keras model, lightness -> ab.
        squares: List from `photo_squares`.
        given: None, or hints for each square, float32 `(1, image_size, image_size, 3)`.

    Raises:
        ExportError: NaN, or the same color everywhere.
    """
    if given is None:
        automatic = anatomy.automatic(generator)
        ab = np.concatenate([automatic(square, training=False) for square in squares])
    else:
        inputs = [{"lightness": square, "hints": given} for square in squares]
        ab = np.concatenate([generator(value, training=False) for value in inputs])
    _check_values(ab, "the model itself")
    return ab


def compare_hints(
    predict_ab: Callable[..., np.ndarray],
    generator: keras.Model,
    squares: Sequence[np.ndarray],
    **bounds: float,
) -> Agreement | None:
    """Does the same as `compare` with three hints on each square; returns None if the generator takes none.

    Args:
        predict_ab: Function of the export, from lightness and hints to ab.
        generator: Keras model.
        squares: List from `photo_squares`.
        bounds: As for `compare`.
    """
    if not anatomy.takes_hints(generator):
        return None
    height, width = squares[0].shape[1:3]
    side = min(height, width)
    wishes = [hints.Hint("25%", "30%", "#7a4b2c"), hints.Hint("70%", "20%", "navy"), hints.Hint("55%", "75%", "green")]
    given = np.pad(
        hints.raster(wishes, (side, side), squares[0][:, :side, :side]),
        ((0, 0), (0, height - side), (0, width - side), (0, 0)),
    )
    return compare(lambda square: predict_ab(square, given), squares, reference(generator, squares, given), **bounds)


def compare(
    predict_ab: Callable[[np.ndarray], np.ndarray],
    squares: Sequence[np.ndarray],
    expected: np.ndarray,
    *,
    mean_bound: float,
    max_bound: float,
) -> Agreement:
    """Runs an export on the inputs of `reference` and measures the distance of the results.

    Args:
        predict_ab: Function of the export, float32 `(1, size, size, 1)` -> `(1, size, size, 2)`.
        squares: List from `photo_squares`.
        expected: Array from `reference`.
        mean_bound: Allowed mean distance in Lab units.
        max_bound: Allowed maximum distance.

    Returns:
        `Agreement`.

    Raises:
        ExportError: NaN, the same color everywhere, or a distance over its bound.
    """
    actual = np.concatenate([predict_ab(square) for square in squares])
    _check_values(actual, "the exported model")
    distance = np.linalg.norm((actual - expected) * lab.AB_SCALE, axis=-1)
    agreement = Agreement(float(distance.mean()), float(distance.max()), len(squares))
    if agreement.mean > mean_bound or agreement.maximum > max_bound:
        raise ExportError(f"{agreement}; the limits are {mean_bound} and {max_bound}")
    return agreement


def _check_values(ab, what):
    if not np.isfinite(ab).all():
        raise ExportError(f"{what} gives NaN or infinity")
    if np.ptp(ab, axis=(0, 1, 2)).max() * lab.AB_SCALE < 0.01:
        raise ExportError(f"{what} gives the same color for everything")
