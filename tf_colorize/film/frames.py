"""The frame table: the frames of a film and their times.

Film time 0 is the first frame, whatever timestamps the file has. Frames are numbered from 0 in display order.
"""

from __future__ import annotations

import bisect
import dataclasses
import fractions
from collections.abc import Sequence

import numpy as np

_LEAST_STEPS = 4  # between frames, to find a pattern in them


class FilmError(ValueError):
    """A film cannot be read or written; the message is one line."""


@dataclasses.dataclass(frozen=True)
class Part:
    """A range of frames of a film.

    Attributes:
        first, last: Numbers of its first frame and of the first frame after it.
        start, end: Film time of its beginning and end, in units of the table's `time_base`.
    """

    first: int
    last: int
    start: int
    end: int


@dataclasses.dataclass(frozen=True)
class Table:
    """The frames of a film.

    Attributes:
        times: int64 `(n + 1,)`, strictly increasing from 0: the time of each frame, and the end of the last one, in
            units of `time_base`.
        time_base: Unit of its times, in seconds.
        rate: Frames per second for the header of the film.
        origin: Timestamp of the first frame in the file, in the same units.
        keys: Numbers of the frames from which decoding can begin, in order; empty if the file can only be read from its
            beginning.
        jumps: Seconds to add to the file's timestamps after each restart of its clock.
        lost: Of frames that could not be decoded when the table was made, about when they would have been shown.
    """

    times: np.ndarray
    time_base: fractions.Fraction
    rate: fractions.Fraction
    origin: int = 0
    keys: tuple[int, ...] = ()
    jumps: tuple[fractions.Fraction, ...] = ()
    lost: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.times) - 1

    @property
    def duration(self) -> float:
        """Returns the duration of the whole film in seconds."""
        return float(int(self.times[-1]) * self.time_base)

    @property
    def step(self) -> int:
        """Returns the time between frames at the film's rate, in units of `time_base`; at least 1."""
        return max(1, round(1 / (self.rate * self.time_base)))

    def number_of(self, pts: int) -> int | None:
        """Returns the number of the frame with a timestamp of the file, or None if there is none."""
        number = int(np.searchsorted(self.times[:-1], pts - self.origin))
        return number if number < len(self) and self.times[number] == pts - self.origin else None

    def shown_at(self, seconds: float) -> int | None:
        """Returns the number of the frame shown at a film time, or None after the end.

        Times given by users are rounded, so a frame counts from half a frame earlier.
        """
        time = seconds / float(self.time_base)
        if time < 0 or time >= self.times[-1] + 0.5:
            return None
        return min(len(self), bisect.bisect_right(self.times[:-1], time + self.step / 2)) - 1

    def part(self, start: float | None, end: float | None) -> Part:
        """Returns the frames shown from one film time to another.

        A frame that is still shown at `start`, such as a long still, belongs to the part.

        Args:
            start, end: Seconds; None: the film's beginning, its end.

        Raises:
            FilmError: there is none; the message does not include the film's name.
        """
        first, begin, stop = 0, 0, int(self.times[-1])
        if end is not None:
            stop = min(stop, round(end / self.time_base))
        if start is not None and start > 0:
            begin = round(start / self.time_base)
            first = max(0, int(np.searchsorted(self.times, begin, "right")) - 1)
            if first < len(self) and self.times[first] < begin and self.times[first + 1] - begin < self.step:
                first += 1
            if first < len(self):
                begin = max(begin, int(self.times[first]))
        last = int(np.searchsorted(self.times[:-1], stop))
        if first >= last:
            raise FilmError(f"the requested part contains no frame; the film lasts {self.duration:.2f} s")
        return Part(first, last, begin, stop)

    def key_before(self, number: int, margin: int) -> int | None:
        """Returns the second-to-last key frame that is at least `margin` frames earlier, or None."""
        index = bisect.bisect_right(self.keys, number - margin) - 2
        return self.keys[index] if index > 0 else None


def table(
    shown: Sequence[tuple[int, int]],
    time_base: fractions.Fraction,
    rate: fractions.Fraction | None,
    *,
    keys: Sequence[int] = (),
    jumps: Sequence[fractions.Fraction] = (),
    lost: Sequence[int] = (),
) -> Table:
    """Makes a table.

    Args:
        shown: `(time, duration)` of each frame by the file's timestamps, with strictly increasing times; durations of 0
            are unknown.
        time_base: Unit of both, in seconds.
        rate: Frames per second given by the file, or None.
        keys: Times of the frames from which decoding can begin.
        jumps: See `Table`.
        lost: See `Table`, but on the file's own clock.
    """
    times = np.array([time for time, _ in shown], np.int64)
    origin = int(times[0])
    steps = np.diff(times)
    # The rate of the header counts only if most frames have it.
    usual = float(np.median(steps)) if len(steps) else float(shown[-1][1] or 0)
    if is_pulled_down(times):
        even = len(steps) // 2 * 2
        rate = _common(1 / (fractions.Fraction(int(steps[:even].sum()), even) * time_base))
    elif usual and (rate is None or not 0.75 < usual * float(time_base * rate) < 1.5):
        mean = fractions.Fraction(int(times[-1]) - origin, len(steps)) if len(steps) else fractions.Fraction(usual)
        rate = 1 / (fractions.Fraction(usual) * time_base)
        if abs(float(mean) / usual - 1) < 0.02:  # times are rounded: 33 or 34 ms
            rate = 1 / (mean * time_base)
        rate = _common(rate)
    rate = rate or fractions.Fraction(25)
    last = shown[-1][1] or round(1 / (rate * time_base)) or 1
    ends = np.append(times, times[-1] + last) - origin
    numbers = np.searchsorted(times, np.array(sorted(keys), np.int64)) if keys else np.array([], np.int64)
    return Table(
        ends,
        time_base,
        rate,
        origin,
        tuple(int(number) for number in np.unique(numbers) if number < len(times)),
        tuple(jumps),
        tuple(time - origin for time in lost),
    )


def is_pulled_down(times: np.ndarray) -> bool:
    """Returns whether frames are shown for two and three fields in turn, as flags in MPEG-2 make 24 frames a second
    last for 30 (soft telecine).

    Args:
        times: Times of the frames in any unit, in order.
    """
    steps = np.diff(times)
    if len(steps) < _LEAST_STEPS:
        return False
    ratios = steps[1:] / steps[:-1]
    is_turn = (np.abs(ratios - 1.5) < 0.1) | (np.abs(ratios - 2 / 3) < 0.05)
    return bool(is_turn.mean() > 0.9)


def _common(rate):
    """Returns the usual frame rate closest to a measured one, if it is close enough."""
    usual = [fractions.Fraction(n) for n in (8, 10, 12, 15, 16, 18, 20, 24, 25, 30, 48, 50, 60)]
    usual += [fractions.Fraction(n * 1000, 1001) for n in (24, 30, 60)]
    nearest = min(usual, key=lambda one: abs(one - rate))
    return nearest if abs(nearest / rate - 1) < 0.0005 else rate.limit_denominator(1001)
