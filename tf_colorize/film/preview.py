"""Previews a film: stills from the whole film, before and after."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from tf_colorize import whole
from tf_colorize.albums import variants
from tf_colorize.film import coloring, frames, joining, orientation, reading, tracking
from tf_colorize.inference.colorizer import Colorizer
from tf_colorize.photos import contact_sheet, origins

_HEIGHT = 240


def write(
    colorizer: Colorizer,
    film: reading.Film,
    target: pathlib.Path,
    n_stills: int,
    options: coloring.Options,
    *,
    label: Callable[[variants.Variant], str] | None = None,
    report: Callable[[int], None] = lambda n_stills: None,
) -> int:
    """Writes a JPEG of stills beside their colorized versions, each colorized on its own.

    Args:
        colorizer: Colorizes them.
        film: The film.
        target: The file to write.
        n_stills: Number of stills, evenly spaced over the part given by `options`; it may have fewer frames.
        options: The part, the look and the hints.
        label: What to write under each of nine variants of the middle still, below the stills; None: no variants.
        report: Called with the number of stills done.

    Returns:
        The number of stills.

    Raises:
        FilmError: that part contains no frame, or a hint cannot be used.
    """
    colorizer = colorizer.at_smallest()  # as the film will be seen
    part = coloring.part_of(film, options)
    joiner = joining.Joiner(film, colorizer.image_size, has_small_chroma=False)
    tracks = coloring.tracks_of(colorizer, film, options, part, joiner)
    length = part.end - part.start
    times = [part.start + length * (index + 0.5) / n_stills for index in range(n_stills)]
    shown = np.searchsorted(film.table.times[:-1], times, side="right") - 1
    numbers = np.unique(np.clip(shown, part.first, part.last - 1)).tolist()
    stills, colored, middle = [], [], None
    for frame in reading.stills(film, numbers):
        rgb = orientation.upright(joiner.gray(frame), film.matrix)
        hints = tracking.hints_at(tracks, options.hints, frame.number)
        stills.append(rgb)
        look = coloring.look_at(film, options, frame)
        colored.append(colorizer(rgb, look=look, hints=hints))
        if len(stills) == len(numbers) // 2 + 1:
            middle = Image.fromarray(rgb), look, hints
        report(len(stills))
    if not stills:
        raise frames.FilmError(f"{film.path}: no frame of the requested part can be decoded")
    height = min(_HEIGHT, stills[0].shape[0])
    sheet = contact_sheet.contact_sheet({"film": stills, "color": colored}, height=height)
    if label is not None and middle is not None:
        sheet = contact_sheet.below(sheet, variants.sheet(colorizer, *middle, label, has_colors=False))
    source = origins.of(film.source.files()[0])
    with whole.open_whole(target, mode=None if source is None else origins.mode_for(source, target)) as file:
        sheet.save(file, "JPEG", quality=92)
    return len(stills)
