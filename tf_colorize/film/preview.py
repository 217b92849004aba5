"""Stills from all over a film, before and after, to look at before hours are spent."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import numpy as np

from tf_colorize import whole
from tf_colorize.film import coloring, reading
from tf_colorize.inference import colorizer as colorizers
from tf_colorize.photos import contact_sheet

_HEIGHT = 240


def write(
    colorizer: colorizers.Colorizer,
    film: reading.Film,
    target: pathlib.Path,
    n_stills: int,
    options: coloring.Options,
    *,
    report: Callable[[int], None] = lambda n_stills: None,
) -> None:
    """Writes a JPEG of stills beside their colored versions, each colored for itself.

    Args:
        colorizer: Colors them.
        film: The film.
        target: The file.
        n_stills: How many, evenly spaced over the part that `options` names.
        options: The part, the look and the hints.
        report: Called with the number of stills done.

    Raises:
        FilmError: no frame lies in that part, or a hint cannot be used.
    """
    start = film.start if options.start is None else options.start
    end = film.start + film.duration if options.end is None else options.end
    hints = coloring.hints_by_frame(colorizer, film, options)
    stills, colored, last = [], [], None
    for index in range(n_stills):
        at = round((start + (end - start) * (index + 0.5) / n_stills) / film.time_base)
        frame = next(reading.frames(film, first_pts=at), None)
        if frame is None or frame.pts == last:
            continue  # fewer frames than stills, or a film shorter than it says
        last = frame.pts
        rgb = np.ascontiguousarray(np.rot90(frame.rgb, film.quarter_turns))
        stills.append(rgb)
        colored.append(colorizer(rgb, look=options.look, hints=hints.get(frame.pts, ())))
        report(len(stills))
    if not stills:
        raise reading.FilmError(f"{film.path}: no frame lies in the part that was asked for")
    height = min(_HEIGHT, stills[0].shape[0])
    sheet = contact_sheet.contact_sheet({"film": stills, "color": colored}, height=height)
    with whole.open_whole(target) as file:
        sheet.save(file, "JPEG", quality=92)
