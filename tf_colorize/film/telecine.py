"""Telecine: film of 24 frames a second, spread over the fields of 30.

Of every five frames two are woven from neighboring film frames. In one of these five the top field is shown again, in
another, two or three frames away, the bottom field. FFmpeg's filter finds both.
"""

from __future__ import annotations

import fractions
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from tf_colorize.film import decoding

_RATE = fractions.Fraction(30_000, 1001)
_CYCLE = 5  # frames of video for four of film
_WINDOW = 5 * _CYCLE  # frames over which the rhythm must hold; an edit breaks it
_N_WINDOWS = 2  # that must show it
_N_LOOKED_AT = 600  # frames at most: a film may begin with black, or with titles that stand still
# Fields repeat where one differs this much less than the other: real repeats are noisy, the rhythm tells chance apart.
_DETECT = "rep_thres=1.4"


def may_have(rate: fractions.Fraction) -> bool:
    """Whether a film of this frame rate can be telecined."""
    return abs(rate / _RATE - 1) < 0.002


def found_in(images: Iterable[Any]) -> bool:
    """Whether frames, in order from a film's beginning, show the rhythm of telecine; looks at 20 s at most."""
    window: list[str] = []
    n_found = 0
    for image in _through((("idet", _DETECT),), itertools.islice(images, _N_LOOKED_AT)):
        window.append(image.metadata.get("lavfi.idet.repeated.current_frame", "neither"))
        if len(window) == _WINDOW:
            n_found += _has_rhythm(window)
            window = []
        if n_found == _N_WINDOWS:
            return True
    return False


def _has_rhythm(window: Sequence[str]) -> bool:
    """Whether "top" and "bottom" each come once in five frames, two or three frames apart, and nowhere else."""
    n_repeats = sum(one in ("top", "bottom") for one in window)
    if n_repeats < _WINDOW // _CYCLE + 2:
        return False
    held = []
    for top, apart in itertools.product(range(_CYCLE), (2, 3)):
        bottom = (top + apart) % _CYCLE
        n_tops, n_bottoms = window[top::_CYCLE].count("top"), window[bottom::_CYCLE].count("bottom")
        if min(n_tops, n_bottoms) >= _WINDOW // _CYCLE - 2:
            held.append(n_tops + n_bottoms)
    return bool(held) and max(held) >= 0.85 * n_repeats


def _through(filters, images):
    """The frames that a chain of filters makes of frames, all in the form of the first."""
    graph = form = None
    for image in images:
        if graph is None:
            form = image.width, image.height, image.format.name
            graph = decoding.graph(image, filters, _RATE)
        if (image.width, image.height, image.format.name) != form:
            time, base = image.pts, image.time_base
            image = image.reformat(*form)
            image.pts, image.time_base = time, base
        graph.push(image)
        yield from decoding.pulled(graph)
    if graph is not None:
        graph.push(None)
        yield from decoding.pulled(graph)
