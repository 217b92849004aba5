"""Follows the hints of a film: where each one's place is in the frames of its shot."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable

import numpy as np

from tf_colorize import hints as hints_of_people
from tf_colorize.film import flow, reading

_CHUNK_SECONDS = 4.0  # of the film that are held at once on the way back
_LEAST_AGREEMENT = 0.1  # of the mask around a place; under it something else is there
_REACH = 2  # pixels around a place that are looked at


def tracks(
    film: reading.Film,
    hints: Iterable[hints_of_people.Hint],
    lightness_of: Callable[[reading.Frame], np.ndarray],
    *,
    start: float | None = None,
    end: float | None = None,
) -> dict[int, list[hints_of_people.Hint]]:
    """Follows hints from their times on and back, as far as their shots go.

    A hint ends where its shot does, and where its place leaves the frame or is hidden by something else.

    Args:
        film: The film.
        hints: Each with a time.
        lightness_of: Gives the lightness of an upright frame, float32 `(1, size, size, 1)` in [-1, 1].
        start, end: Seconds, the part of the film that is wanted; None: its beginning, its end.

    Returns:
        The hints of each frame that has some, by the frame's `pts`, with places in percent.

    Raises:
        FilmError: a hint has no time, or one beyond the film, or lies outside of its frames.
    """
    found: dict[int, list[hints_of_people.Hint]] = {}
    linker = flow.Linker()
    for time, group in itertools.groupby(sorted(hints, key=_time_of), key=_time_of):
        onward = _onward(film, time, lightness_of, end)
        first = next(onward, None)
        if first is None:
            raise reading.FilmError(f"{film.path}: has no frame at {time:g} s, where a hint is")
        places = _places(film, group)
        for frames in (onward, _back(film, first[0], lightness_of, start)):
            for pts, seen in _followed(places, first, frames, linker):
                found.setdefault(pts, []).extend(seen)
        found.setdefault(first[0], []).extend(hint for hint, _ in places)
    return found


def _time_of(hint):
    if hint.time is None:
        raise reading.FilmError(
            f'hint at {hint.x},{hint.y}: needs a time in a film, such as "time": 12.5 (seconds) in the hints file'
        )
    return hint.time


def _places(film, hints):
    """`(hint, place)` of each, the place as a share of width and height."""
    size = film.upright_size
    try:
        return [(hint, (np.array(hint.place(*size)) + 0.5) / size) for hint in hints]
    except ValueError as error:
        raise reading.FilmError(f"{film.path}: {error}") from error


def _onward(film, time, lightness_of, end):
    """`(pts, gray)` of the frame that is shown at a time and of those after it."""
    at = film.start + time - 0.5 / float(film.frame_rate)
    for frame in reading.frames(film, first_pts=round(at / film.time_base)):
        yield frame.pts, _gray(lightness_of(frame))
        if end is not None and float(frame.pts * film.time_base) >= end:
            return


def _back(film, pts, lightness_of, start):
    """`(pts, gray)` of the frames before one, the latest first."""
    chunk = round(_CHUNK_SECONDS / film.time_base)
    least = round((film.start if start is None else start) / film.time_base)
    while pts > least:
        begin = max(least, pts - chunk)
        frames = itertools.takewhile(lambda frame: frame.pts < pts, reading.frames(film, first_pts=begin))  # noqa: B023
        yield from reversed([(frame.pts, _gray(lightness_of(frame))) for frame in frames])
        pts = begin


def _gray(lightness):
    return (lightness[0, :, :, 0] + 1) / 2


def _followed(places, first, frames, linker):
    """Yields `(pts, hints)` of each frame, where `places` of the first frame have moved to, until none is left."""
    _, before = first
    for pts, gray in frames:
        link = linker.link(before, gray)
        if link is None:
            return
        places = [(hint, moved) for hint, place in places if (moved := _moved(place, link)) is not None]
        if not places:
            return
        yield (
            pts,
            [
                dataclasses.replace(hint, x=f"{100 * place[0]:.3f}%", y=f"{100 * place[1]:.3f}%")
                for hint, place in places
            ],
        )
        before = gray


def _moved(place, link):
    """Where a place is in the next frame, or None where it is gone."""
    size = link.to_next.shape[1::-1]
    column, row = np.clip(place * size, 0, np.array(size) - 1).astype(int)
    around = np.s_[max(row - _REACH, 0) : row + _REACH + 1, max(column - _REACH, 0) : column + _REACH + 1]
    if link.backward_mask[around].mean() < _LEAST_AGREEMENT:
        return None
    moved = place + np.median(link.to_next[around], axis=(0, 1)) / size
    return moved if ((moved >= 0) & (moved < 1)).all() else None
