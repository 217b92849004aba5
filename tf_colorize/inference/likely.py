"""Other likely colors of the largest region whose color is uncertain."""

from __future__ import annotations

import dataclasses

import numpy as np

from tf_colorize.color import lab
from tf_colorize.inference import insight

_UNSURE = 0.4  # share of the places that are more certain than those of such a region
_ALIKE = 0.5  # minimum cosine of the features of neighbors in a region
_LEAST_SHARE = 0.02  # of the picture
_DARKEST, _LIGHTEST = -0.8, 0.85  # lightness in [-1, 1]; darker and brighter places show no color
_ONE_COLOR, _ANOTHER = 8.0, 22.0  # Lab units: colors closer than this count as one, and the minimum distance of another


@dataclasses.dataclass(frozen=True)
class Region:
    """A region and its other likely colors.

    Attributes:
        place: A place in the middle of the region, as shares of the picture's sides from the left and the top.
        colors: "#rrggbb" at the region's lightness, most likely first, none of them close to the automatic color.
        share: Share of the picture.
    """

    place: tuple[float, float]
    colors: tuple[str, ...]
    share: float


def largest(lightness: np.ndarray, count: int = 3) -> Region | None:
    """Returns the largest region of uncertain color, with at most `count` other colors, or None.

    Args:
        lightness: float32 `(1, side, side, 1)` in [-1, 1], of the whole photo.
        count: Maximum number of colors.
    """
    see = insight.shipped()
    seen = see(lightness)
    palette = see.palette * lab.AB_SCALE
    mean = seen.likely @ palette
    spread = np.sqrt(np.maximum(seen.likely @ (palette**2).sum(axis=1) - (mean**2).sum(axis=2), 0))
    side = lightness.shape[1]
    centers = ((np.arange(insight.GRID) + 0.5) * side / insight.GRID).astype(int)
    grays = lightness[0, :, :, 0][centers][:, centers]
    shows = (grays > _DARKEST) & (grays < _LIGHTEST)
    if not shows.any():
        return None
    regions = _regions(seen.features, shows & (spread > np.quantile(spread[shows], _UNSURE)))
    inside = max(regions, key=lambda region: spread[region].sum(), default=None)
    if inside is None or inside.mean() < _LEAST_SHARE:
        return None
    colors = _others(seen.likely[inside].mean(axis=0), palette, lab.AB_SCALE * seen.ab[inside].mean(axis=0), count)
    tone = np.full((len(colors), 1, 1), grays[inside].mean(), np.float32)
    rgb = lab.lightness_ab_to_rgb(tone, (colors / lab.AB_SCALE)[:, np.newaxis].astype(np.float32))[:, 0]
    down, across = _middle(inside)
    place = ((across + 0.5) / insight.GRID, (down + 0.5) / insight.GRID)
    return Region(place, tuple(dict.fromkeys("#{:02x}{:02x}{:02x}".format(*one) for one in rgb)), float(inside.mean()))


def _regions(features, allowed):
    """Returns the mask of each region of similar neighbors, bool `(GRID, GRID)`."""
    flat = features.reshape(-1, features.shape[-1])
    flat = (flat - flat.mean(axis=0)) / (flat.std(axis=0) + 1e-3 * flat.std() + 1e-9)
    units = (flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)).reshape(features.shape)
    left, regions = allowed.copy(), []
    for start in zip(*np.nonzero(allowed)):
        if not left[start]:
            continue
        region, waiting = np.zeros_like(allowed), [start]
        left[start] = False
        while waiting:
            place = waiting.pop()
            region[place] = True
            for step in ((0, 1), (1, 0), (0, -1), (-1, 0)):
                near = (place[0] + step[0], place[1] + step[1])
                if min(near) >= 0 and max(near) < len(allowed) and left[near] and units[place] @ units[near] > _ALIKE:
                    left[near] = False
                    waiting.append(near)
        regions.append(region)
    return regions


def _others(likely, palette, color, count):
    """Returns the peaks of a distribution that are far from a color and from each other, ab in Lab units `(colors,
    2)`."""
    apart = np.linalg.norm(palette[:, np.newaxis] - palette[np.newaxis], axis=-1)
    density = np.exp(-((apart / _ONE_COLOR) ** 2) / 2) @ likely
    found: list[np.ndarray] = []
    for index in np.argsort(-density, kind="stable"):
        if all(np.linalg.norm(palette[index] - other) >= _ANOTHER for other in (color, *found)):
            found.append(palette[index])
        if len(found) == count:
            break
    return np.array(found).reshape(-1, 2)


def _middle(region):
    """Returns the place of a region that is farthest from its edge."""
    depth, left = np.zeros(region.shape, int), region.copy()
    while left.any():
        depth += left
        padded = np.pad(left, 1)
        left = left & padded[2:, 1:-1] & padded[:-2, 1:-1] & padded[1:-1, 2:] & padded[1:-1, :-2]
    deepest = np.argwhere(depth == depth.max())
    center = np.argwhere(region).mean(axis=0)
    return deepest[np.linalg.norm(deepest - center, axis=1).argmin()]
