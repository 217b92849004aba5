"""Processes pictures at full resolution in strips, so that memory, except for input and output, stays constant."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageChops

from tf_colorize.color import lab

_STRIP_PIXELS = 1 << 18  # four times as many take more memory and 10% more time


def joined(picture: Image.Image, ab: np.ndarray, threads: int) -> np.ndarray:
    """Returns the picture's own lightness with upsampled ab `(rows, columns, 2)`, as uint8 `(height, width, 3)`."""
    width, height = picture.size
    rgb = np.empty((height, width, 3), np.uint8)
    # Reduced only if the picture is smaller than the network's input.
    size = (min(width, ab.shape[1]), min(height, ab.shape[0]))
    pictures = [Image.fromarray(np.ascontiguousarray(ab[..., channel])) for channel in (0, 1)]
    planes = np.stack([np.asarray(one.resize(size, Image.Resampling.BILINEAR)) for one in pictures])
    # Positions in the whole picture, so that strips have no seams.
    rows, columns = _bilinear_positions(height, size[1]), _bilinear_positions(width, size[0])

    def join(box):
        left, top, right, bottom = box
        upsampled = _upsampled(planes, [part[top:bottom] for part in rows], [part[left:right] for part in columns])
        rgb[top:bottom, left:right] = lab.lightness_ab_to_rgb(lightness(picture, box), np.moveaxis(upsampled, 0, -1))

    for_each(join, width, height, cuts_rows=True, threads=threads)
    return rgb


def _bilinear_positions(length, size):
    """Returns, for each of `length` places, the two neighbors among `size` values and the share of the second,
    `(length,)` each."""
    position = np.clip((np.arange(length) + 0.5) * (size / length) - 0.5, 0, size - 1)
    first = position.astype(np.intp)
    return first, np.minimum(first + 1, size - 1), (position - first).astype(np.float32)


def _upsampled(planes, rows, columns):
    """Returns a part of the enlarged planes, float32 `(2, rows, columns)`, in half the time of Pillow."""
    (above, below, down), (before, after, right) = rows, columns
    needed = planes[:, above[0] : below[-1] + 1]
    wide = np.take(needed, before, axis=2)  # several times as fast as needed[:, :, before]
    wide += (np.take(needed, after, axis=2) - wide) * right
    upsampled = np.take(wide, above - above[0], axis=1)
    step = np.take(wide, below - above[0], axis=1)
    step -= upsampled
    step *= down[:, np.newaxis]
    upsampled += step
    return upsampled


def lightness(picture: Image.Image, box: tuple[int, int, int, int]) -> np.ndarray:
    """Returns the lightness of a part of an image, float32 `(rows, columns, 1)` in [-1, 1]; alpha is ignored."""
    part = picture.crop(box)
    # Scans are often gray in three channels. The first row identifies most that are not.
    if _is_gray(part.crop((0, 0, part.width, 1))) and _is_gray(part):
        return lab.gray_to_lightness(np.asarray(part.getchannel(0)))
    return lab.rgb_to_lightness(np.asarray(part)[..., :3])


def _is_gray(image):
    if image.mode in ("L", "LA"):
        return True
    red, *others = (image.getchannel(channel) for channel in range(3))
    return all(ImageChops.difference(red, other).getbbox() is None for other in others)


def for_each(
    work: Callable[[tuple[int, int, int, int]], None], width: int, height: int, *, cuts_rows: bool, threads: int
) -> None:
    """Calls `work(box)` for strips of rows or columns in several threads."""
    length, across = (height, width) if cuts_rows else (width, height)
    thickness = max(1, _STRIP_PIXELS // across)
    cuts = [(start, min(start + thickness, length)) for start in range(0, length, thickness)]
    boxes = [(0, start, width, stop) if cuts_rows else (start, 0, stop, height) for start, stop in cuts]
    if threads == 1 or len(boxes) == 1:
        for box in boxes:
            work(box)
        return
    with concurrent.futures.ThreadPoolExecutor(min(len(boxes), threads)) as pool:
        list(pool.map(work, boxes))
