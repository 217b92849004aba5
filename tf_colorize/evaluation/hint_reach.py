"""Measures how far a hint reaches: the effect of one dot in another color, near it and far away."""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tf_colorize import hints
from tf_colorize.color import lab
from tf_colorize.evaluation import protocols
from tf_colorize.inference.colorizer import Colorizer

if typing.TYPE_CHECKING:
    import rich.table

COLORS = ("navy", "darkgreen", "firebrick", "#5a6ea0", "#7a4b2c")
PLACE = "50%"  # place of the dot, from the left and from the top
NEAR, FAR = 1 / 16, 1 / 4  # distances from the dot, as shares of the picture's sides
MOVED = 5.0  # Lab units that are visible


@dataclasses.dataclass(frozen=True)
class Reach:
    """The effect of one dot, a row per photo and a column per color of `COLORS`.

    Attributes:
        far_share: float64 `(photos, colors)`, share of the pixels over `FAR` away that change by over `MOVED`.
        far: Median change of these, in Lab units of a* and b*.
        near: Likewise for the pixels up to `NEAR` away.
        near_share: Median change of these as a share of the wanted change.
    """

    far_share: np.ndarray
    far: np.ndarray
    near: np.ndarray
    near_share: np.ndarray

    def means(self) -> dict[str, dict[str, float]]:
        """Returns the mean of each attribute over the photos, for each color, and for all of them as "mean"."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        rows = {
            color: {name: float(table[:, i].mean()) for name, table in values.items()} for i, color in enumerate(COLORS)
        }
        return {**rows, "mean": {name: float(table.mean()) for name, table in values.items()}}


def evaluate(
    colorizer: Colorizer,
    photos: Sequence[str | os.PathLike[str]],
    *,
    protocol: str = "crop256",
    progress: Callable[[], None] = lambda: None,
) -> Reach:
    """Gives each photo one dot in the center, in each of `COLORS`, and measures the change.

    Args:
        colorizer: A colorizer that takes hints.
        photos: Paths of photos, in color or not; unreadable ones are left out.
        protocol: A key of `protocols.PROTOCOLS`.
        progress: Called after each photo.

    Raises:
        ValueError: `colorizer` takes no hints, or no photo can be read.
    """
    if not colorizer.takes_hints:
        raise ValueError("`colorizer` must take hints. Received: one that does not. Train it with hints.")

    rows = protocols.of_each(
        lambda sample: [_measured(colorizer, sample.gray, color) for color in COLORS],
        photos,
        protocol,
        progress=progress,
    )
    if not rows:
        raise ValueError(f"`photos` must contain a readable photo. Received: {len(photos)} photos.")
    return Reach(*np.moveaxis(np.array(rows), -1, 0))


def _measured(colorizer, gray, color):
    """Returns the numbers of `Reach`, in its order, for one photo and color."""
    lightness = colorizer.lightness(gray)
    given = hints.raster([hints.Hint(PLACE, PLACE, color)], gray.shape[1::-1], lightness)[0]
    automatic = colorizer.ab(lightness)
    moved = colorizer.ab(lightness, hints=given[np.newaxis]) - automatic
    away = _distances(given[..., 2])
    amount = lab.AB_SCALE * np.linalg.norm(moved, axis=-1)
    wish = given[given[..., 2] > 0][0, :2] - automatic
    towards = (moved * wish).sum(axis=-1) / np.maximum((wish**2).sum(axis=-1), 1e-6)
    far, near = away > FAR, away <= NEAR
    return (amount[far] > MOVED).mean(), np.median(amount[far]), np.median(amount[near]), np.median(towards[near])


def _distances(mask):
    """Returns the distance of each place from the center of a mask, in shares of the sides, float `(height, width)`."""
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    down = (np.arange(height) - rows.mean()) / height
    across = (np.arange(width) - columns.mean()) / width
    return np.hypot(down[:, np.newaxis], across[np.newaxis])


def record(reaches: Mapping[str, Reach]) -> dict[str, Any]:
    """Returns the reach of models as data for JSON."""
    rounded = {
        name: {color: {key: round(value, 6) for key, value in row.items()} for color, row in reach.means().items()}
        for name, reach in reaches.items()
    }
    return {"near": NEAR, "far": FAR, "moved": MOVED, "models": rounded}


def rows(reaches: Mapping[str, Reach]) -> tuple[list[str], list[list[str]]]:
    """Returns the titles and the rows of a table: each model and color, and its mean over the colors."""
    titles = ["model", "color", f"far pixels over {MOVED:g}", "far, median", "near, median", "near, share of wish"]
    lines = []
    for name, reach in reaches.items():
        for color, row in reach.means().items():
            cells = [f"{row['far_share']:.1%}", f"{row['far']:.1f}", f"{row['near']:.1f}", f"{row['near_share']:.0%}"]
            lines.append([name, color, *cells])
    return titles, lines


def table(reaches: Mapping[str, Reach]) -> rich.table.Table:
    """Returns a `rich.table.Table` of `rows`."""
    import rich.box
    import rich.table

    count = len(next(iter(reaches.values())).far)
    title = (
        f"reach of one hint in the center, {count} photos: change in Lab units, near and over {FAR:.0%} of the sides "
        "away"
    )
    titles, lines = rows(reaches)
    view = rich.table.Table(title=title, box=rich.box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for text in titles:
        view.add_column(text, justify="right", overflow="fold", min_width=6)
    for cells in lines:
        view.add_row(*cells)
    return view
