"""Simulated hints with the true colors of a photo."""

from __future__ import annotations

import numpy as np

# Zhang et al. 2017, section 3.
STOP = 1 / 8  # parameter of the geometric distribution of their number
SIDES = (1, 9)  # side of a hint's square in pixels
SPREAD = 1 / 4  # standard deviation of their places around the center, as a share of the side
# Beyond the paper: photos with many hints all over, for users who place many.
ALL_OVER, MOST = 0.5, 150


def simulate(ab: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draws hints for a photo: squares with the mean of its true chroma.

    Their number is geometric (p = 1/8), their places are Gaussian around the center, their squares
    have 1 to 9 pixels a side. Half of the photos get 1 to 150 hints anywhere instead.

    Source: Zhang et al. 2017, "Real-Time User-Guided Image Colorization with Learned Deep Priors",
    section 3.

    Args:
        ab: float32 `(height, width, 2)` in [-1, 1].
        random: `np.random.Generator`.

    Returns:
        float32 `(height, width, 3)`: ab and 1 where there is a hint, zeros elsewhere.
    """
    height, width, _ = ab.shape
    if random.uniform() < ALL_OVER:
        count = int(MOST ** random.uniform())
        centers = random.uniform(size=(count, 2))
    else:
        count = random.geometric(STOP) - 1
        centers = random.normal(0.5, SPREAD, size=(count, 2))
    sides = random.integers(SIDES[0], SIDES[1] + 1, count)
    hints = np.zeros((height, width, 3), np.float32)
    for (y, x), side in zip(centers, sides):
        paint(hints, ab, top=int(y * height - side / 2), left=int(x * width - side / 2), side=int(side))
    return hints


def paint(hints: np.ndarray, ab: np.ndarray, top: int, left: int, side: int) -> None:
    """Reveals a square of a photo in `hints`, moved inside if it crosses the border.

    Args:
        hints: float32 `(height, width, 3)`, changed in place.
        ab: float32 `(height, width, 2)` in [-1, 1], the truth.
        top, left, side: ints, pixels.
    """
    height, width, _ = ab.shape
    top, left = min(max(top, 0), height - side), min(max(left, 0), width - side)
    stamp(hints, ab[top : top + side, left : left + side].mean(axis=(0, 1)), top, left, side)


def stamp(hints: np.ndarray, color: np.ndarray, top: int, left: int, side: int) -> None:
    """Puts a square of one color into `hints`, moved inside if it crosses the border.

    Args:
        hints: float32 `(height, width, 3)`, changed in place.
        color: float32 `(2,)` in [-1, 1].
        top, left, side: ints, pixels.
    """
    height, width, _ = hints.shape
    top, left = min(max(top, 0), height - side), min(max(left, 0), width - side)
    hints[top : top + side, left : left + side] = (*color, 1.0)
