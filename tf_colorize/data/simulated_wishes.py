"""Simulated hints in other colors than the true ones, each for one thing in a photo."""

from __future__ import annotations

import numpy as np
from PIL import Image

from tf_colorize.color import lab
from tf_colorize.data import simulated_hints

SHARE = 1 / 2  # share of the samples for hints; the others have hints in true colors
STRIDE = 4  # pixels, of the grid on which things are found
LIGHTNESS_WEIGHT = 0.4  # in the distance between colors, because a thing has light and shade
TOLERANCE = (8.0, 16.0)  # distance in Lab units at which a thing ends
LEAST_AREA, MOST_AREA = 0.004, 0.45  # size of a thing, as a share of the photo
TRIES = 6  # attempts to find a place in a thing of such a size
CHROMA = (15.0, 70.0)  # chroma of a wish, in Lab units
GRAY = 1 / 8  # share of wishes for a gray
MOST_HINTS = 4
SIDES = (1, 9)  # side of a hint's square in pixels
INSIDE = 0.8  # minimum share of the thing in a pixel for a hint there


def simulate(lightness: np.ndarray, ab: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draws a wish for a photo: one to four hints of one color on one thing, and the target result.

    A thing is a connected region of similar a* and b*, and roughly similar lightness, in the true photo.

    Args:
        lightness: float32 `(height, width, 1)` in [-1, 1], height and width at least 4.
        ab: float32 `(height, width, 2)` in [-1, 1], the truth.
        random: `np.random.Generator`.

    Returns:
        `(hints, target)`, float32 `(height, width, 3)` each: ab and 1 at hints, zeros elsewhere; and the wished ab with
        its share in the target, 0 to 1. The rest of the target is the result without hints.
    """
    share = _thing(lightness, ab, random)
    angle, chroma = random.uniform(0, 2 * np.pi), random.uniform(*CHROMA) * (random.uniform() >= GRAY)
    wish = (chroma * np.array([np.cos(angle), np.sin(angle)]) / lab.AB_SCALE).astype(np.float32)
    hints = np.zeros((*share.shape, 3), np.float32)
    if share.max() > 0:
        rows, columns = np.nonzero(share >= min(INSIDE, share.max()))
        # One hint more often than several: users look at its effect before they add another.
        for place in random.integers(0, len(rows), size=min(random.geometric(0.5), MOST_HINTS)):
            side = int(random.integers(SIDES[0], SIDES[1] + 1))
            simulated_hints.stamp(
                hints, wish, top=int(rows[place]) - side // 2, left=int(columns[place]) - side // 2, side=side
            )
    target = np.concatenate([np.broadcast_to(wish, (*share.shape, 2)), share[..., None]], axis=-1)
    return hints, target.astype(np.float32)


def _thing(lightness, ab, random):
    """Returns the share of a thing in each pixel, float32 `(height, width)`; all 0 if none of a suitable size is
    found."""
    import scipy.ndimage

    height, width = lightness.shape[:2]
    scales = (LIGHTNESS_WEIGHT * lab.LIGHTNESS_SCALE, lab.AB_SCALE, lab.AB_SCALE)
    down, across = height // STRIDE, width // STRIDE
    picture = np.concatenate([lightness, ab], axis=-1)[: down * STRIDE, : across * STRIDE] * np.float32(scales)
    grid = picture.reshape(down, STRIDE, across, STRIDE, 3).mean(axis=(1, 3))
    for _ in range(TRIES):
        row, column = (int(random.integers(0, side)) for side in grid.shape[:2])
        distance = np.linalg.norm(grid - grid[row, column], axis=-1)
        tolerance = random.uniform(*TOLERANCE)
        parts, _ = scipy.ndimage.label(distance < tolerance)
        connected = parts == parts[row, column]
        if LEAST_AREA <= connected.mean() <= MOST_AREA:
            # Full share up to half of the tolerance, then decreasing.
            share = np.clip(2.0 * (1.0 - distance / tolerance), 0.0, 1.0) * connected
            plane = Image.fromarray(np.float32(share)).resize((width, height), Image.Resampling.BILINEAR)
            return np.asarray(plane)
    return np.zeros((height, width), np.float32)
