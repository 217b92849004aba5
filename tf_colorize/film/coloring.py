"""Colorizes a film file, in pieces that survive an interruption."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import os
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tf_colorize import hints, installation
from tf_colorize.color.look import UNCHANGED, Look
from tf_colorize.film import ahead, containers, encoding, frames, joining, muxing, pieces, reading, steadying, tracking
from tf_colorize.hints import Hint
from tf_colorize.inference.colorizer import Colorizer

with installation.explained():
    import cv2

_PIECE_SECONDS = 20.0  # seconds of work per piece; an interruption costs at most that and one block
_VERSION = 6  # version of the pieces; others are not resumed
_DECODED = 2  # frames that wait for the network
_STEADIED = 4  # frames with colors that wait to be joined with them
_JOINED = 2  # frames that wait for the encoder


@dataclasses.dataclass(frozen=True)
class Options:
    """Options for colorizing a film.

    Attributes:
        start, end: The part to colorize, in seconds of film time; None: the film's beginning, its end.
        look: Applied to the predicted colors.
        steadiness: 0 (each frame on its own) to 1, see `steadying.Steadier`.
        codec: One of `encoding.CODECS`; None: the usual one for the kind of file.
        crf: Quality; lower is better but makes larger files; None: the codec's default.
        hints: Hints with times, each within its shot.
    """

    start: float | None = None
    end: float | None = None
    look: Look = UNCHANGED
    steadiness: float = steadying.DEFAULT_STEADINESS
    codec: str | None = None
    crf: int | None = None
    hints: tuple[Hint, ...] = ()


@dataclasses.dataclass(frozen=True)
class Done:
    """The result: the number of frames, of those from earlier runs, and notices for the user."""

    n_frames: int
    n_resumed: int
    notes: tuple[str, ...]


def part_of(film: reading.Film, options: Options) -> frames.Part:
    """Returns the part of a film given by `options`.

    Raises:
        FilmError: it contains no frame.
    """
    try:
        return film.table.part(options.start, options.end)
    except frames.FilmError as error:
        raise frames.FilmError(f"{film.path}: {error}") from None


def color_film(
    colorizer: Colorizer,
    source: str | os.PathLike[str] | reading.Film,
    target: str | os.PathLike[str],
    options: Options = Options(),
    *,
    model: str = "",
    starts_anew: bool = False,
    report: Callable[[int], None] = lambda n_frames: None,
) -> Done:
    """Colorizes a film; size, frame rate, length, sound, subtitles and chapters are kept.

    Finished pieces are kept in a hidden folder beside `target`; a call with the same arguments continues after them.

    Args:
        colorizer: Colorizes the frames.
        source: The film, or its path.
        target: The file to write; its suffix, one of `containers.CONTAINERS`, determines the format.
        options: See `Options`.
        model: Name of the model; pieces made with another one are not resumed.
        starts_anew: Removes the pieces of a run with other options, or of a film that has changed since.
        report: Called with the number of frames done so far.

    Raises:
        OtherWork: such pieces exist, and `starts_anew` is False.
        FilmError: the film cannot be read or written, or a hint cannot be used. No incomplete file appears at `target`.
    """
    film = source if isinstance(source, reading.Film) else reading.open_film(source)
    target = pathlib.Path(target)
    if target.suffix.lower() not in containers.CONTAINERS:
        raise frames.FilmError(f"{target}: must end in {', '.join(containers.CONTAINERS)}")
    codec = options.codec or containers.default_codec(target)
    options = dataclasses.replace(options, codec=codec)
    part = part_of(film, options)
    job = _job(film, options, model)
    with pieces.Pieces(target, job, starts_anew=starts_anew) as work, _one_thread_per_step():
        joiner = joining.Joiner(film, colorizer.image_size, encoding.has_small_chroma(film, codec))
        how = _plan(film, target, options, joiner, work)
        n_resumed = n_frames = work.n_frames
        report(n_frames)
        for n_more in _colored(colorizer, film, options, part, joiner, work):
            n_frames += n_more
            report(n_frames)
        if n_frames == 0:
            raise frames.FilmError(f"{film.path}: no frame of the requested part can be decoded")
        keeps_end = options.end is None
        notes = muxing.join(work.finished, film, target, how, part, work.joined, keeps_end=keeps_end)
        work.put(film.source.files()[0])
    return Done(n_frames, n_resumed, (*_notes(film, part, joiner, n_frames, work), *how.notes, *notes))


@contextlib.contextmanager
def _one_thread_per_step():
    """Keeps OpenCV from using threads of its own, which take processor time from the other steps."""
    n_threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(n_threads)


def _plan(film, target, options, joiner, work):
    """Tests with the first frame whether the target's format can hold the film."""
    path = work.folder / "first.mp4"
    with encoding.written(target):
        with encoding.PieceWriter(path, film, joiner.pix_fmt, options.codec, None) as writer:
            frame = next(reading.frames_of(film))
            writer.write(frame, joiner.joined(frame, np.zeros((8, 8, 2), np.float32)))
        try:
            return containers.plan(film, target, path)
        finally:
            path.unlink()


def _notes(film, part, joiner, n_frames, work):
    notes = list(film.notes)
    if work.is_scaled:
        notes.append(
            f"the frame size changes within the film: all frames have the first one's, {film.width} x {film.height}"
        )
    if "444" in joiner.pix_fmt:
        notes.append(
            "odd sides: the result has color at full resolution (4:4:4), which some old players do not support"
        )
    n_lost = sum(part.start <= time < part.end for time in film.table.lost)
    n_damaged = work.n_damaged + n_lost + part.last - part.first - n_frames
    if n_damaged:
        notes.append(f"{n_damaged} {'frame is' if n_damaged == 1 else 'frames are'} damaged in the film")
    return notes


def _colored(colorizer, film, options, part, joiner, work) -> Iterator[int]:
    """Writes pieces; yields the number of frames of each block."""
    first = part.first if work.next_number is None else work.next_number
    steadier = steadying.Steadier(options.steadiness, work.state)
    tracks = _tracks(colorizer, film, options, part, joiner, work)
    wishes = functools.partial(tracking.hints_at, tracks, options.hints)
    steadied = _steadied(colorizer, film, options, joiner, steadier, wishes, first, part)
    joined = ahead.ahead(_joined(joiner, ahead.ahead(steadied, _STEADIED)), _JOINED)
    try:
        following = next(joined, None)
        while following is not None:
            began, n_piece, n_block, n_damaged, state = time.monotonic(), 0, 0, 0, None
            begin = end = following[0].number
            is_full = False
            path = work.path(len(work.finished))
            with encoding.PieceWriter(path, film, joiner.pix_fmt, options.codec, options.crf, work.target) as writer:
                while following is not None and not is_full:
                    frame, image, state = following
                    writer.write(_within(frame, part), image)
                    end = frame.number + 1
                    joiner.give_back(image=image)
                    n_piece, n_block, n_damaged = n_piece + 1, n_block + 1, n_damaged + frame.is_damaged
                    work.is_scaled |= frame.is_scaled
                    if state is not None:
                        yield n_block
                        n_block = 0
                        is_full = time.monotonic() - began >= _PIECE_SECONDS
                    following = None if is_full else next(joined, None)
            work.finish(writer, begin, end, n_piece, n_damaged, state)
            following = next(joined, None) if is_full else None
    finally:
        joined.close()


def _within(frame, part):
    """Returns a frame with its times limited to the part, for a still that begins before it."""
    start = max(frame.time, part.start)
    end = min(frame.time + frame.duration, part.end)
    return dataclasses.replace(frame, time=start, duration=max(1, end - start))


def _joined(joiner, steadied):
    """Yields `(frame, image, state)` for each result of `_steadied`."""
    for frame, ab, state in steadied:
        image = joiner.joined(frame, ab)
        joiner.give_back(luma=frame.image)
        yield dataclasses.replace(frame, image=None), image, state


def _steadied(colorizer, film, options, joiner, steadier, wishes, first, part):
    """Yields `(frame, ab, state)` for each frame: the steadier's state only with the last frame of a block."""
    waiting: collections.deque = collections.deque()

    def offered():
        decoded = (
            (joiner.without_chroma(frame), joiner.lightness(frame))
            for frame in reading.frames_of(film, first=first, last=part.last)
        )
        for frame, lightness in ahead.ahead(decoded, _DECODED):
            waiting.append(frame)
            wanted = wishes(frame.number)
            is_given = any(hint.time is not None and hint in options.hints for hint in wanted)
            yield (
                lightness,
                functools.partial(_predicted, colorizer, film, lightness, look_at(film, options, frame), wanted),
                is_given,
            )

    for block in steadier.steadied(offered()):
        for index, ab in enumerate(block):
            yield waiting.popleft(), ab, steadier.state if index == len(block) - 1 else None


def look_at(film: reading.Film, options: Options, frame: reading.Frame) -> Look:
    """Returns the look of a frame: with the references that count at its time."""
    return options.look.at(float(frame.time * film.time_base))


def _predicted(colorizer, film, lightness, look, wanted):
    """Returns the predicted ab of the upright frame."""
    painted = None
    if wanted:
        painted = hints.raster(wanted, film.upright_size, lightness)
    return colorizer.ab(lightness, look=look, hints=painted)


def _tracks(colorizer, film, options, part, joiner, work):
    if work.tracks is not None:
        return {int(number): found for number, found in work.tracks.items()}
    found = tracks_of(colorizer, film, options, part, joiner)
    if found:
        work.keep_tracks(found)
    return found


def tracks_of(
    colorizer: Colorizer, film: reading.Film, options: Options, part: frames.Part, joiner: joining.Joiner
) -> tracking.Tracks:
    """Tracks the hints of `options` through a part of a film.

    Raises:
        FilmError: a hint cannot be used, or the model takes none.
    """
    if options.hints and not colorizer.takes_hints:
        raise frames.FilmError(f"{film.path}: the model takes no hints. Omit them, or use a model that does")
    return tracking.tracks(film, options.hints, joiner.lightness, part)


def _job(film: reading.Film, options: Options, model: str) -> dict[str, Any]:
    """Returns everything that the work on a film depends on, by readable names."""
    wishes = dataclasses.asdict(options)
    wishes |= options.look.described()
    del wishes["look"]
    return {
        "version": _VERSION,
        "film": pieces.job_of(film.path, film.source.files()),
        "rate": str(film.source.rate) if film.source.is_images else None,
        "takes_telecine_back": film.video is not None,
        "model": model,
        **wishes,
    }
