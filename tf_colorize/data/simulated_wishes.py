"""Hints as a person gives them who wants another color: wrong for the photo, and meant for one thing in it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from tf_colorize.color import lab
from tf_colorize.data import simulated_hints

SHARE = 1 / 2  # of the samples for hints; the other half has hints with the photo's own colors
STRIDE = 4  # pixels, of the grid on which a thing is looked for
LIGHTNESS_WEIGHT = 0.4  # in the distance between colors, in which a thing has light and shade
TOLERANCE = (8.0, 16.0)  # that distance, in Lab units, at which the thing ends
LEAST_AREA, MOST_AREA = 0.004, 0.45  # of a thing, as a share of the photo
TRIES = 6  # at finding a place in a thing of such a size
CHROMA = (15.0, 70.0)  # of a wish, in Lab units
GRAY = 1 / 8  # share of wishes for a gray
MOST_HINTS = 4
SIDES = (1, 9)  # pixels of a hint's square
INSIDE = 0.8  # share of the thing at a place at which a hint may be


def simulate(lightness: np.ndarray, ab: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draws a wish for a photo: one to four hints of one color on one thing, and what should come of it.

    A thing is what is connected and alike in the true photo, in a* and b* and a little in lightness.

    Args:
        lightness: float32 `(height, width, 1)` in [-1, 1], height and width at least 4.
        ab: float32 `(height, width, 2)` in [-1, 1], the truth.
        random: `np.random.Generator`.

    Returns:
        `(hints, target)`, float32 `(height, width, 3)` each: ab and 1 where a hint is, else zeros; and the wished ab
        with its share in the result, 0 to 1. The rest of the result is what it would be without hints.
    """
    share = _thing(lightness, ab, random)
    angle, chroma = random.uniform(0, 2 * np.pi), random.uniform(*CHROMA) * (random.uniform() >= GRAY)
    wish = (chroma * np.array([np.cos(angle), np.sin(angle)]) / lab.AB_SCALE).astype(np.float32)
    hints = np.zeros((*share.shape, 3), np.float32)
    if share.max() > 0:
        rows, columns = np.nonzero(share >= min(INSIDE, share.max()))
        # One hint more often than several: people look at what it does before they give another.
        for place in random.integers(0, len(rows), size=min(random.geometric(0.5), MOST_HINTS)):
            side = int(random.integers(SIDES[0], SIDES[1] + 1))
            simulated_hints.stamp(
                hints, wish, top=int(rows[place]) - side // 2, left=int(columns[place]) - side // 2, side=side
            )
    target = np.concatenate([np.broadcast_to(wish, (*share.shape, 2)), share[..., None]], axis=-1)
    return hints, target.astype(np.float32)


def _thing(lightness, ab, random):
    """Returns the share of a thing in each pixel, float32 `(height, width)`; all 0 if none of a fit size is found."""
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
            # All of it up to half of the tolerance, then less and less.
            share = np.clip(2.0 * (1.0 - distance / tolerance), 0.0, 1.0) * connected
            plane = Image.fromarray(np.float32(share)).resize((width, height), Image.Resampling.BILINEAR)
            return np.asarray(plane)
    return np.zeros((height, width), np.float32)
