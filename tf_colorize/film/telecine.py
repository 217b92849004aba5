"""Telecine: film of 24 frames a second, spread over the fields of 30.

Of every five frames one or two are woven from neighboring film frames. In one of these five the top field is shown
again, in another the bottom field. FFmpeg's filter finds both.
"""

from __future__ import annotations

import collections
import contextlib
import fractions
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tf_colorize import installation
from tf_colorize.film import decoding, frames, sources

with installation.explained():
    import av

_RATE = fractions.Fraction(30_000, 1001)
_CYCLE = 5  # frames of video for four of film
_WINDOW = 5 * _CYCLE  # frames over which the rhythm must hold; an edit breaks it
_N_WINDOWS = 2  # that must show it, or that must show that there is none
_SHARES = (0.5, 0.25, 0.75, 0.0)  # places to look at: films begin with titles
_PER_PLACE = 3 * _WINDOW  # frames looked at in one place, if nothing moves at first
_APART = 150  # frames from place to place in a film that can only be read from its beginning
# Fields repeat where one differs this much less than the other: real repeats are noisy, the rhythm tells chance apart.
_DETECT = "rep_thres=1.4"


def may_have(rate: fractions.Fraction) -> bool:
    """Whether a film of this frame rate can be telecined."""
    return abs(rate / _RATE - 1) < 0.002


def order_of(source: sources.Source, table: frames.Table) -> str | None:
    """Returns the order of the fields, "tff" or "bff", of a film that shows the rhythm of telecine, else None.

    Looks at a few frames in some places of it, or of its beginning where the file cannot be read from its middle.

    Raises:
        FilmError: the disk or the network failed.
    """
    if source.is_images or not may_have(table.rate):
        return None
    n_found = n_without = 0
    kinds: collections.Counter = collections.Counter()
    with source.opened() as container:
        for images in _places(container, source, table):
            for window in _windows(itertools.islice(images, _PER_PLACE)):
                if _has_rhythm([repeated for repeated, _ in window]):
                    n_found += 1
                    kinds.update(kind for _, kind in window)
                elif _has_none(window):
                    n_without += 1
                    break
                if n_found == _N_WINDOWS:
                    return _order(kinds)
            if n_without == _N_WINDOWS and not n_found:
                return None
    return _order(kinds) if n_found and not n_without else None


def _order(kinds):
    return "bff" if kinds["bff"] > kinds["tff"] else "tff"


def _places(container, source, table):
    """Frames in a row from each of some places."""
    stream = sources.video_stream(container, source)
    keys = table.keys
    chosen = dict.fromkeys(keys[int(len(keys) * share)] for share in _SHARES) if keys else ()
    if len(chosen) > 1:
        for key in chosen:
            with contextlib.suppress(av.FFmpegError, OSError):
                container.seek(int(table.times[key]) + table.origin, stream=stream, backward=True)
            yield decoding.decoded(container, stream, source.path)
        return
    numbered = enumerate(decoding.decoded(container, stream, source.path))
    for place in range(len(_SHARES)):
        yield (image for _, image in numbered)
        next((number for number, _ in numbered if number >= (place + 1) * _APART), None)


def _windows(images):
    """Lists of what FFmpeg finds in each frame: the field that comes again, and whether it is interlaced."""
    window = []
    for image in through((("idet", _DETECT),), images):
        found = image.metadata
        window.append((found.get("lavfi.idet.repeated.current_frame"), found.get("lavfi.idet.single.current_frame")))
        if len(window) == _WINDOW:
            yield window
            window = []


def _has_none(window):
    """Whether something moves, and not as in telecine; where nothing moves, nobody can say."""
    n_still = sum(kind == "undetermined" for _, kind in window)
    n_repeats = sum(repeated in ("top", "bottom") for repeated, _ in window)
    return n_still <= _WINDOW / 4 and n_repeats <= _WINDOW // _CYCLE // 2


def _has_rhythm(window: Sequence[str]) -> bool:
    """Whether "top" and "bottom" each come once in five frames and nowhere else."""
    n_repeats = sum(one in ("top", "bottom") for one in window)
    if n_repeats < _WINDOW // _CYCLE + 2:
        return False
    held = []
    for top, bottom in itertools.permutations(range(_CYCLE), 2):
        n_tops, n_bottoms = window[top::_CYCLE].count("top"), window[bottom::_CYCLE].count("bottom")
        if min(n_tops, n_bottoms) >= _WINDOW // _CYCLE - 2:
            held.append(n_tops + n_bottoms)
    return bool(held) and max(held) >= 0.85 * n_repeats


def through(filters: Sequence[tuple[str, str]], images: Iterable[Any]) -> Iterator[Any]:
    """Yields what a chain of FFmpeg's filters makes of frames of 29.97 a second, all in the first one's form."""
    graph: Any = None
    form: Any = None
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
