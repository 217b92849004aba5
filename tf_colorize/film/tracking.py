"""Tracks the places of hints through the frames of their shots."""

from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tf_colorize.film import flow, frames, reading
from tf_colorize.hints import Hint

_REACH = 750  # frames that every hint is tracked backward, at least, within its shot
_LEAST_AGREEMENT = 0.1  # of the mask around a place; below it, the place is hidden
_AROUND = 2  # pixels around a place that are examined

Tracks = dict[int, list[list[Any]]]
"""The hints of each frame, by its number: `[index, x, y]`, with the place as shares of width and height, or None in the
frame of the hint itself."""


def tracks(
    film: reading.Film,
    hints: Sequence[Hint],
    lightness_of: Callable[[reading.Frame], np.ndarray],
    part: frames.Part | None = None,
) -> Tracks:
    """Tracks each hint forward and backward from its time to the ends of its shot.

    A hint ends with its shot, or when its place leaves the frame or is hidden. The parts with hints are read once,
    whatever their number; backward, a hint is tracked for at least `_REACH` frames.

    Args:
        film: The film.
        hints: Hints with times.
        lightness_of: Returns the lightness of an upright frame, float32 `(1, size, size, 1)` in [-1, 1].
        part: The part of the film to track in; None: all of it.

    Raises:
        FilmError: a hint has no time, or one outside the film, or its place is outside the frames.
    """
    part = part or film.table.part(None, None)
    given = _by_frame(film, hints)
    follower = _Follower(given, part)
    numbers = sorted(number for number in given if number < part.last + _REACH)
    while numbers:
        numbers = _followed(film, numbers, lightness_of, follower)
    return dict(sorted(follower.found.items()))


def hints_at(found: Mapping[int, Iterable[Sequence[Any]]], hints: Sequence[Hint], number: int) -> list[Hint]:
    """Returns the hints of a frame at their tracked places."""
    return [
        hints[index] if x is None else dataclasses.replace(hints[index], x=f"{100 * x:.3f}%", y=f"{100 * y:.3f}%")
        for index, x, y in found.get(number, ())
    ]


def _by_frame(film, hints):
    """Returns `{number: [(index, place)]}` for the frames of the hints, with places as shares of width and height."""
    size, given = film.upright_size, {}
    for index, hint in enumerate(hints):
        if hint.time is None:
            raise frames.FilmError(
                f'hint at {hint.x},{hint.y}: needs a time in a film, such as "time": 12.5 (seconds) in the hints file'
            )
        number = film.table.shown_at(hint.time)
        if number is None:
            raise frames.FilmError(
                f"{film.path}: has no frame at {hint.time:g} s, the time of a hint; it lasts {film.table.duration:.2f} "
                "s"
            )
        try:
            place = (np.array(hint.place(*size)) + 0.5) / size
        except ValueError as error:
            raise frames.FilmError(f"{film.path}: {error}") from error
        given.setdefault(number, []).append((index, place))
    return given


def _followed(film, numbers, lightness_of, follower):
    """Reads the film around the first hints; returns the numbers of those that are much later."""
    left = collections.deque(numbers)
    for frame in reading.frames_of(film, first=max(0, numbers[0] - _REACH)):
        while left and left[0] < frame.number:
            left.popleft()  # a frame that could not be decoded
        if not follower.is_busy and (not left or left[0] - frame.number > _REACH):
            if not left or film.table.keys:
                break
            follower.skip()
            continue
        gray = np.rint((lightness_of(frame)[0, :, :, 0] + 1) * 127.5).astype(np.uint8)
        if left and left[0] == frame.number:
            left.popleft()
        follower.see(frame.number, gray)
    else:
        left.clear()  # the film is over: the frames of these hints cannot be decoded
    follower.skip()
    return list(left)


class _Follower:
    """Tracks places through consecutive frames."""

    def __init__(self, given, part):
        self._given, self._part = given, part
        self._linker = flow.Linker()
        self._seen: collections.deque = collections.deque(maxlen=2 * _REACH)  # `(number, gray)` of the shot
        self._places: list = []  # `(index, place)` in the newest frame
        self._owed: list = []  # numbers of hints not yet tracked backward
        self.found: Tracks = {}

    @property
    def is_busy(self):
        return bool(self._places or self._owed) and (self._seen[-1][0] < self._part.last or bool(self._owed))

    def see(self, number, gray):
        if self._places or self._owed:
            link = self._linker.link(self._seen[-1][1], gray)
            if link is None:
                self.skip()
            else:
                self._places = _moved_all(self._places, link)
                self._note(number, self._places)
        self._seen.append((number, gray))
        if number in self._given:
            self._places += self._given[number]
            self._owed.append(number)
            if self._part.first <= number < self._part.last:
                self.found.setdefault(number, []).extend([index, None, None] for index, _ in self._given[number])
        if self._owed and (not self._places or number >= self._part.last or number - self._owed[0] >= _REACH):
            self._go_back()

    def skip(self):
        """Records that the shot has ended, or that the next frame is not consecutive."""
        if self._owed:
            self._go_back()
        self._seen.clear()
        self._places = []

    def _go_back(self):
        owed, places = set(self._owed), []
        for (_, after), (number, gray) in itertools.pairwise(itertools.chain([(None, None)], reversed(self._seen))):
            if number < self._part.first or not (owed or places):
                break
            if places:
                link = self._linker.link(gray, after)
                places = [] if link is None else _moved_all(places, link, is_back=True)
                self._note(number, places)
                if link is None and not any(other < number for other in owed):
                    break
            if number in owed:
                owed.discard(number)
                places = places + self._given[number]
        self._owed = []

    def _note(self, number, places):
        if self._part.first <= number < self._part.last:
            entries = [[index, round(float(place[0]), 6), round(float(place[1]), 6)] for index, place in places]
            if entries:
                self.found.setdefault(number, []).extend(entries)


def _moved_all(places, link, is_back=False):
    to, mask = (link.to_previous, link.forward_mask) if is_back else (link.to_next, link.backward_mask)
    return [(index, moved) for index, place in places if (moved := _moved(place, to, mask)) is not None]


def _moved(place, to, mask):
    """Returns a place in the next frame, or None if it is lost."""
    size = to.shape[1::-1]
    column, row = np.clip(place * size, 0, np.array(size) - 1).astype(int)
    around = np.s_[max(row - _AROUND, 0) : row + _AROUND + 1, max(column - _AROUND, 0) : column + _AROUND + 1]
    if mask[around].mean() < _LEAST_AGREEMENT:
        return None
    moved = place + np.median(to[around], axis=(0, 1)) / size
    return moved if ((moved >= 0) & (moved < 1)).all() else None
