"""Draws a sheet of one photo in several looks, to choose from."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Iterator, Sequence

from PIL import Image

from tf_colorize.color.look import Look
from tf_colorize.hints import Hint, raster
from tf_colorize.inference import likely
from tf_colorize.inference.colorizer import Colorizer
from tf_colorize.photos import contact_sheet

if typing.TYPE_CHECKING:
    import numpy as np

STEPS = {"vividness": 0.4, "warmth": 0.5}
"""The steps between pictures: vividness across, warmth down."""

_BOX = (600, 600)  # maximum pixels of a picture


@dataclasses.dataclass(frozen=True)
class Variant:
    """One picture of a sheet: a look, and an additional hint or None."""

    look: Look
    hint: Hint | None = None


def rows(look: Look) -> list[list[Variant]]:
    """Returns nine variants of a look, three rows of three, including the look itself.

    Example:
    >>> [[(one.look.vividness, one.look.warmth) for one in row] for row in rows(Look())][0]
    [(0.6, -0.5), (1.0, -0.5), (1.4, -0.5)]
    """
    strengths, warmths = (_around(getattr(look, name), step, *Look.range_of(name)) for name, step in STEPS.items())
    return [
        [Variant(dataclasses.replace(look, vividness=strength, warmth=warmth)) for strength in strengths]
        for warmth in warmths
    ]


def _around(value, step, least, most):
    """Returns three numbers a step apart, including the value."""
    first = -2 if value + step > most else 0 if value - step < least else -1
    return [round(value + step * index, 6) for index in range(first, first + 3)]


def sheet(
    colorizer: Colorizer,
    photo: Image.Image,
    look: Look,
    hints: Sequence[Hint],
    label: Callable[[Variant], str],
    *,
    has_colors: bool = True,
) -> Image.Image:
    """Returns the sheet, an "RGB" image: nine looks, and below them the largest thing of uncertain color in other
    colors.

    Args:
        colorizer: Colorizes them.
        photo: "L", "LA", "RGB" or "RGBA", upright.
        look: The central look.
        hints: Hints of the photo.
        label: Returns the text under a variant.
        has_colors: Whether to add a row of colors, if the model takes hints and the look has color.
    """
    lightness = colorizer.lightness(photo)
    shown = contact_sheet.fitted(photo, _BOX)
    variants = rows(look)
    if has_colors and colorizer.takes_hints and look.vividness > 0:
        colors = list(_colors(lightness, photo.size, look))
        variants += [colors] if colors else []

    def colored(variant):
        given = [*hints, *([variant.hint] if variant.hint else [])]
        painted = raster(given, photo.size, lightness) if given else None
        if variant.look.vividness == 0:
            painted = None
        return colorizer.join(shown, colorizer.ab(lightness, look=variant.look, hints=painted))

    return contact_sheet.labeled([[(label(one), colored(one)) for one in row] for row in variants])


def _colors(lightness: np.ndarray, size: tuple[int, int], look: Look) -> Iterator[Variant]:
    region = likely.largest(lightness)
    for color in region.colors if region else ():
        x, y = (int(share * side) for share, side in zip(region.place, size))  # type: ignore[union-attr]
        yield Variant(look, Hint(x, y, color))
