"""Colors a film from its file to a file, in pieces that survive an interruption."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
import json
import os
import pathlib
import shutil
import time
from collections.abc import Callable

import av
import numpy as np

from tf_colorize import hints as hints_of_people
from tf_colorize import whole
from tf_colorize.color.look import UNCHANGED, Look
from tf_colorize.film import reading, steadying, tracking, writing
from tf_colorize.inference import colorizer as colorizers

_PIECE_SECONDS = 20.0  # of work; what an interruption costs at most, and one block
_VERSION = 1  # of the pieces; others are not taken up again


@dataclasses.dataclass(frozen=True)
class Options:
    """How a film is colored.

    Attributes:
        start, end: The part to color, in seconds of the film; None: from its beginning, to its end.
        look: Applied to the predicted colors.
        steadiness: 0 (each frame for itself) to 1, see `steadying.Steadier`.
        codec: One of `writing.CODECS`.
        crf: Quality, smaller is better and larger; None: the codec's default.
        hints: Each with a time, for as long as the shot that it is in.
    """

    start: float | None = None
    end: float | None = None
    look: Look = UNCHANGED
    steadiness: float = steadying.DEFAULT_STEADINESS
    codec: str = "h264"
    crf: int | None = None
    hints: tuple[hints_of_people.Hint, ...] = ()


@dataclasses.dataclass(frozen=True)
class Done:
    """What was made: frames in all, those of them that earlier runs had made, and notes for people."""

    n_frames: int
    n_resumed: int
    notes: tuple[str, ...]


def n_frames(film: reading.Film, options: Options) -> int:
    """About how many frames `options` names; 0 where the film does not say its length."""
    start = max(options.start or 0, film.start)
    end = film.start + film.duration
    return max(0, round((min(options.end or end, end) - start) * film.frame_rate))


def color_film(
    colorizer: colorizers.Colorizer,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    options: Options = Options(),
    *,
    model: str = "",
    report: Callable[[int], None] = lambda n_frames: None,
) -> Done:
    """Colors a film; size, frame rate, length, sound, subtitles and chapters stay.

    While it works, finished pieces lie in a hidden folder beside `target`; called again with the
    same arguments it goes on behind them.

    Args:
        colorizer: Colors the frames.
        source: The film.
        target: Where to write it; the suffix, one of `writing.CONTAINERS`, says in what format.
        options: How.
        model: Name of the model, to tell whether pieces of an earlier run may be taken up again.
        report: Called with the number of frames done so far.

    Raises:
        FilmError: it cannot be read or written, or a hint cannot be used. Nothing half-written appears at `target`.
    """
    film, target = reading.open_film(source), pathlib.Path(target)
    if target.suffix.lower() not in writing.CONTAINERS:
        raise reading.FilmError(f"{target}: must end in {', '.join(writing.CONTAINERS)}")
    pieces = _Pieces(target, film, options, model)
    with _writing_to(target), pieces:
        writing.check(film, target, options.codec)
        n_resumed = n_frames = pieces.n_frames
        report(n_frames)
        work = _colored(colorizer, film, options, pieces)
        for block in work:
            n_frames += block
            report(n_frames)
        if n_frames == 0:
            raise reading.FilmError(f"{film.path}: no frame lies in the part that was asked for")
        start = None if options.start is None else max(options.start, film.start)
        notes = writing.join(pieces.finished, film, target, start=start, end=options.end)
        pieces.remove()
    return Done(n_frames, n_resumed, (*film.notes, *notes))


def _colored(colorizer, film, options, pieces):
    """Writes pieces; yields the number of frames of each block."""
    steadier = steadying.Steadier(options.steadiness, pieces.state)
    first_pts = pieces.next_pts
    if first_pts is None and options.start is not None:
        first_pts = round(options.start / film.time_base)
    hints = hints_by_frame(colorizer, film, options)
    # Decoded twice: what waits for the frames ahead is small, whatever the size of the film.
    ahead = (
        _predicted(colorizer, film, frame, options.look, hints.get(frame.pts))
        for frame in reading.frames(film, first_pts=first_pts, end=options.end)
    )
    frames = reading.frames(film, first_pts=first_pts, end=options.end)
    blocks = steadier.steadied(ahead)
    block = next(blocks, None)
    while block is not None:
        began, n_frames = time.monotonic(), 0
        with pieces.new() as writer:
            while block is not None and (n_frames == 0 or time.monotonic() - began < _PIECE_SECONDS):
                for ab, frame in zip(block, frames):
                    upright = np.rot90(ab, -film.quarter_turns)
                    writer.write(frame, colorizer.join(frame.rgb, upright))
                n_frames += len(block)
                state = steadier.state
                yield len(block)
                block = next(blocks, None)
        pieces.finish(writer.first_pts, frame.pts, n_frames, state)


def hints_by_frame(
    colorizer: colorizers.Colorizer, film: reading.Film, options: Options
) -> dict[int, list[hints_of_people.Hint]]:
    """Returns the hints of `options` for each frame that has some, by the frame's `pts`.

    Raises:
        FilmError: a hint cannot be used, or the model takes none.
    """
    if options.hints and not colorizer.takes_hints:
        raise reading.FilmError(f"{film.path}: the model takes no hints. Leave them out, or use one that does")

    def lightness_of(frame):
        return _lightness(colorizer, film, frame)

    return tracking.tracks(film, options.hints, lightness_of, start=options.start, end=options.end)


def _lightness(colorizer, film, frame):
    """Of the upright frame."""
    return np.ascontiguousarray(np.rot90(colorizer.lightness(frame.rgb), film.quarter_turns, axes=(1, 2)))


def _predicted(colorizer, film, frame, look, hints):
    """`(lightness, ab)` of the upright frame."""
    lightness, painted = _lightness(colorizer, film, frame), None
    if hints:
        painted = hints_of_people.raster(hints, film.upright_size, colorizer.image_size)
    return lightness, colorizer.ab(lightness, look=look, hints=painted)


class _Pieces:
    """The finished pieces of a film in a folder beside the result, and how to go on behind them."""

    def __init__(self, target, film, options, model):
        self._film, self._options = film, options
        self._folder = target.with_name(f".{target.name}.pieces")
        self._job = _job(film, options, model)
        self.finished = []
        self.n_frames = 0
        self.state = self.next_pts = None

    def __enter__(self):
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = whole.lock(self._folder / "lock")
        whole.remove_dead(self._folder)
        job = self._folder / "job.json"
        if not job.is_file() or job.read_text() != self._job:
            for path in [*self._folder.glob("*.mp4"), *self._folder.glob("*.npz"), *self._folder.glob("*.json")]:
                path.unlink()
            with whole.open_whole(job) as file:
                file.write(self._job.encode())
        for number in itertools.count():
            path = self._path(number)
            if not path.with_suffix(".npz").is_file():
                break
            with np.load(path.with_suffix(".npz")) as saved:
                self.state = steadying.State(saved["lightness"], saved["sums"]) if "sums" in saved else None
                self.next_pts = int(saved["last_pts"]) + 1
                self.finished.append(writing.Piece(path, int(saved["first_pts"])))
                self.n_frames += int(saved["n_frames"])
        return self

    def __exit__(self, *error):
        self._lock.close()
        if not self.finished:
            shutil.rmtree(self._folder, ignore_errors=True)

    def new(self):
        return writing.PieceWriter(self._path(len(self.finished)), self._film, self._options.codec, self._options.crf)

    def finish(self, first_pts, last_pts, n_frames, state):
        """Notes that the newest piece is complete, by the file that says how to go on."""
        path = self._path(len(self.finished))
        buffer = io.BytesIO()
        arrays = {} if state is None else {"lightness": state.lightness, "sums": state.sums}
        np.savez(buffer, first_pts=first_pts, last_pts=last_pts, n_frames=n_frames, **arrays)
        with whole.open_whole(path.with_suffix(".npz")) as file:
            file.write(buffer.getvalue())
        self.finished.append(writing.Piece(path, first_pts))
        self.n_frames += n_frames

    def remove(self):
        self.finished.clear()  # their folder goes at the end

    def _path(self, number):
        return self._folder / f"{number:06}.mp4"


def _job(film, options, model):
    """Text that is equal when pieces of an earlier run may be taken up again."""
    file = film.path.stat()
    facts = {"version": _VERSION, "film": [str(film.path.resolve()), file.st_size, file.st_mtime_ns], "model": model}
    return json.dumps({**facts, **dataclasses.asdict(options)}, indent=1)


@contextlib.contextmanager
def _writing_to(target):
    try:
        yield
    except BlockingIOError:
        raise reading.FilmError(f"{target}: another run is writing it") from None
    except (OSError, av.FFmpegError) as error:
        raise reading.FilmError(
            f"{target}: cannot be written ({error.strerror or error}). What is finished is kept: "
            "the same command goes on from there"
        ) from error
