"""Detects telecine: film of 24 frames per second, spread over the fields of 30.

One or two of every five frames combine fields of neighboring film frames. One of the five repeats a top field, another
one a bottom field. FFmpeg's filter detects both.
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
_WINDOW = 5 * _CYCLE  # frames over which the pattern must hold; an edit breaks it
_N_WINDOWS = 2  # windows that must show the pattern, or its absence
_SHARES = (0.5, 0.25, 0.75, 0.0)  # places to examine, because films begin with titles
_PER_PLACE = 3 * _WINDOW  # most frames to examine in one place, if nothing moves at first
_APART = 150  # frames between places in a film that can only be read from its beginning
# A field is repeated if it differs this much less than the other: repeats are noisy, and the pattern excludes chance.
_DETECT = "rep_thres=1.4"


def may_have(rate: fractions.Fraction) -> bool:
    """Returns whether a film of this frame rate can be telecined."""
    return abs(rate / _RATE - 1) < 0.002


def order_of(source: sources.Source, table: frames.Table) -> str | None:
    """Returns the field order, "tff" or "bff", of a film that shows the pattern of telecine, otherwise None.

    It examines a few frames in some places, or near the beginning if the file does not support seeking.

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
    """Yields consecutive frames from each of some places."""
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
    """Yields lists with FFmpeg's findings on each frame: the repeated field, and the kind of interlacing."""
    window = []
    for image in through((("idet", _DETECT),), images):
        found = image.metadata
        window.append((found.get("lavfi.idet.repeated.current_frame"), found.get("lavfi.idet.single.current_frame")))
        if len(window) == _WINDOW:
            yield window
            window = []


def _has_none(window):
    """Returns whether there is motion without the pattern of telecine; without motion, it is unknown."""
    n_still = sum(kind == "undetermined" for _, kind in window)
    n_repeats = sum(repeated in ("top", "bottom") for repeated, _ in window)
    return n_still <= _WINDOW / 4 and n_repeats <= _WINDOW // _CYCLE // 2


def _has_rhythm(window: Sequence[str]) -> bool:
    """Returns whether "top" and "bottom" each occur once in five frames and nowhere else."""
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
    """Yields frames filtered by a chain of FFmpeg's filters at 29.97 frames per second, all in the format of the
    first."""
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
