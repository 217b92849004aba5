"""Measures how hints fill a thing that somebody outlined: what changes inside the outline, and what outside."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.ndimage
from PIL import Image

from tf_colorize import hints
from tf_colorize.color import lab
from tf_colorize.evaluation import protocols
from tf_colorize.evaluation.hint_reach import COLORS, FAR, MOVED
from tf_colorize.evaluation.outlines import Region
from tf_colorize.inference.colorizer import Colorizer
from tf_colorize.photos import files

if typing.TYPE_CHECKING:
    import rich.table

COUNTS = (1, 2, 3, 5)  # hints in the thing
FILLED = 0.8  # share of the wanted change from which on a pixel counts as filled
_MEASURES = ("taken", "filled", "outside", "far")


@dataclasses.dataclass(frozen=True)
class Filling:
    """The effect of hints in regions; each measure is float64 `(regions, colors, counts)` for `COLORS` and `COUNTS`.

    The wanted change of a pixel is the way from its automatic color to that of the nearest hint, at the lightness
    of its place. The share that it takes is the projection of its change on this way, clipped to [0, 1], so that too
    much at one place does not make up for too little at another. It is that of the network's prediction, before colors
    that sRGB does not have at the pixel's lightness are replaced by similar ones. Pixels whose automatic color is up to
    `MOVED` units from the hint's do not count, because they have the color anyway. A value is NaN if no pixel counts.

    Attributes:
        regions: The regions.
        taken: Mean share of the wanted change that the pixels inside take.
        filled: Share of the pixels inside that take at least `FILLED` of it.
        outside: Share of the pixels outside that change by over `MOVED`.
        far: The same for the pixels outside that are over `FAR` of the sides away from all hints.
    """

    regions: tuple[Region, ...]
    taken: np.ndarray
    filled: np.ndarray
    outside: np.ndarray
    far: np.ndarray

    def means(self) -> dict[str, Any]:
        """Returns means of each measure, a list for `COUNTS`: over the colors, by the label of each "regions"; over the
        regions, by each of "colors"; and over both, as "mean"."""
        return {
            "regions": {region.label: self._mean(i) for i, region in enumerate(self.regions)},
            "colors": {color: self._mean(colors=i) for i, color in enumerate(COLORS)},
            "mean": self._mean(),
        }

    def of_each(self) -> dict[str, dict[str, dict[str, list[float]]]]:
        """Returns each measure, a list for `COUNTS`, by the label of a region and the color."""
        return {
            region.label: {color: self._mean(i, k) for k, color in enumerate(COLORS)}
            for i, region in enumerate(self.regions)
        }

    def _mean(self, regions=slice(None), colors=slice(None)):
        tables = {name: np.ma.masked_invalid(getattr(self, name)[regions, colors]) for name in _MEASURES}
        return {
            name: np.ma.filled(table.reshape(-1, len(COUNTS)).mean(axis=0), np.nan).tolist()
            for name, table in tables.items()
        }


def evaluate(colorizer: Colorizer, regions: Sequence[Region], *, progress: Callable[[], Any] = lambda: None) -> Filling:
    """Gives each region hints in each of `COLORS`, as many as each of `COUNTS`, and measures the change.

    The photos are measured at their own size and without their color, if they have any. The first hint is at the
    region's point; each further one is at the place in the region that is farthest from all before, where places near
    the outline are left out.

    Args:
        colorizer: A colorizer that takes hints.
        regions: As `outlines.read` returns.
        progress: Called after each region.

    Raises:
        ValueError: `colorizer` takes no hints, or there are no regions.
        photos.files.ImageError: a photo cannot be read.
    """
    if not colorizer.takes_hints:
        raise ValueError("`colorizer` must take hints. Received: one that does not. Train it with hints.")
    if not regions:
        raise ValueError("`regions` must contain a region. Received: none.")
    values = []
    for region in regions:
        values.append(_measured(colorizer, region))
        progress()
    return Filling(tuple(regions), *np.moveaxis(np.array(values, np.float64), -1, 0))


def _measured(colorizer, region):
    """Returns the measures of `Filling`, in its order, for one region: `(colors, counts, 4)`."""
    gray = protocols.without_color(np.asarray(files.open_rgb(region.photo)))
    size = gray.shape[1::-1]
    inside = region.mask(size)
    places = hint_places(inside, region.point, max(COUNTS))
    far = [~inside & _is_far(size, places[:count]) for count in COUNTS]
    lightness = colorizer.lightness(gray)
    automatic = _enlarged(colorizer.ab(lightness), size)
    table = []
    for color in COLORS:
        asked = [_asked(hints.Hint(x, y, color), size, lightness) for x, y in places]
        row = []
        for count, beyond in zip(COUNTS, far):
            given = [hints.Hint(x, y, color) for x, y in places[:count]]
            painted = hints.raster(given, size, lightness)
            change = _enlarged(colorizer.ab(lightness, hints=painted), size) - automatic
            wanted = np.array(asked)[_nearest(inside, places[:count])] - automatic[inside]
            share = _taken(change[inside], wanted)
            moved = np.linalg.norm(change, axis=-1) > MOVED
            row.append([_share(share), _share(share >= FILLED), _share(moved[~inside]), _share(moved[beyond])])
        table.append(row)
    return table


def hint_places(inside: np.ndarray, point: tuple[float, float], count: int) -> list[tuple[int, int]]:
    """Returns places of hints in a region: the point, then each time the place farthest from all before.

    These are at least 3 pixels from the outline and a quarter of the greatest distance from it that the region has, but
    no more than half of it.

    Args:
        inside: Which pixels are in the region, bool `(height, width)`.
        point: The first place, x and y in pixels from the left and the top.
        count: Number of places.

    Returns:
        x and y of each place. A region with fewer pixels than `count` has the same place several times.
    """
    depth = scipy.ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    rows, columns = np.nonzero(depth >= min(depth.max() / 2, max(3, depth.max() / 4)))
    places = [(int(point[0]), int(point[1]))]
    nearest = np.full(len(rows), np.inf)
    while len(places) < count:
        x, y = places[-1]
        nearest = np.minimum(nearest, np.hypot(columns - x, rows - y))
        farthest = nearest.argmax()
        places.append((int(columns[farthest]), int(rows[farthest])))
    return places


def _asked(hint, size, lightness):
    """Returns a* and b* in Lab units that a hint asks for at its place."""
    painted = hints.raster([hint], size, lightness)[0]
    return lab.AB_SCALE * painted[painted[..., 2] > 0][0, :2]


def _nearest(inside, places):
    """Returns the index of the nearest place for each pixel inside, int `(pixels,)`."""
    rows, columns = np.nonzero(inside)
    return np.argmin([np.hypot(columns - x, rows - y) for x, y in places], axis=0)


def _taken(change, wanted):
    """Returns the share of the wanted change that pixels take, without those that have the color anyway."""
    lengths = np.linalg.norm(wanted, axis=-1)
    counts = lengths > MOVED
    return ((change * wanted).sum(axis=-1)[counts] / np.square(lengths[counts])).clip(0, 1)


def _is_far(size, places):
    """Returns which pixels are over `FAR` of the sides away from all places, bool `(height, width)`."""
    width, height = size
    far = np.ones((height, width), bool)
    for x, y in places:
        far &= np.hypot((np.arange(height)[:, np.newaxis] - y) / height, (np.arange(width) - x) / width) > FAR
    return far


def _enlarged(ab, size):
    """Returns a* and b* in Lab units at the photo's size, float32 `(height, width, 2)`."""
    planes = [Image.fromarray(np.ascontiguousarray(ab[..., i])) for i in (0, 1)]
    return lab.AB_SCALE * np.stack([np.asarray(plane.resize(size, Image.Resampling.BILINEAR)) for plane in planes], -1)


def _share(values):
    return float(values.mean()) if values.size else np.nan


def record(fillings: Mapping[str, Filling]) -> dict[str, Any]:
    """Returns the filling by models as data for JSON; NaN is None."""
    models = {name: {**filling.means(), "each": filling.of_each()} for name, filling in fillings.items()}
    limits = {"counts": list(COUNTS), "filled": FILLED, "moved": MOVED, "far": FAR}
    return {**limits, "models": _rounded(models)}


def _rounded(value):
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return [None if np.isnan(number) else round(number, 6) for number in value]


def rows(fillings: Mapping[str, Filling]) -> tuple[list[str], list[list[str]]]:
    """Returns the titles and the rows of a table: each model and region, each color, and the mean of all.

    A cell has a percentage for each of `COUNTS`.
    """
    titles = ["model", "region or color", "wish taken", "pixels filled", "outside moved", "far moved"]
    lines = []
    for name, filling in fillings.items():
        means = filling.means()
        for label, row in [*means["regions"].items(), *means["colors"].items(), ("mean", means["mean"])]:
            lines.append([name, label, *(_percentages(row[measure]) for measure in _MEASURES)])
    return titles, lines


def _percentages(values):
    return " ".join("-" if np.isnan(value) else f"{100 * value:.0f}" for value in values)


def explained() -> str:
    """Returns what the numbers in the cells of `rows` are, for a title."""
    counts = ", ".join(map(str, COUNTS))
    return (
        f"in % with {counts} hints in the region: share of the wanted change that its pixels take; pixels inside that "
        f"take at least {FILLED:.0%}; pixels outside that change by over {MOVED:g} Lab units; the same over {FAR:.0%} "
        "of the sides away from the hints"
    )


def table(fillings: Mapping[str, Filling]) -> rich.table.Table:
    """Returns a `rich.table.Table` of `rows`."""
    import rich.box
    import rich.table
    import rich.text

    count = len(next(iter(fillings.values())).regions)
    regions = "1 region" if count == 1 else f"{count} regions"
    titles, lines = rows(fillings)
    view = rich.table.Table(title=f"{regions}, {explained()}", box=rich.box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for text in titles:
        view.add_column(text, justify="right", overflow="fold", min_width=5)
    for cells in lines:
        view.add_row(*map(rich.text.Text, cells))  # names are not markup
    return view
