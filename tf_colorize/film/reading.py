"""Reads films: their properties, and their frames from any number on."""

from __future__ import annotations

import dataclasses
import fractions
import itertools
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tf_colorize import installation
from tf_colorize.film import decoding, detelecine, frames, listing, luma_codes, orientation, sources, telecine

with installation.explained():
    import av

_SETTLING = 4  # frames that a deinterlacer needs before its output is that of continuous decoding
_HDR = {16: "PQ", 18: "HLG"}


@dataclasses.dataclass(frozen=True)
class Frame:
    """One frame.

    Attributes:
        number: Its number in the frame table.
        time: Its film time, in units of the table's `time_base`.
        duration: Its duration, in the same units.
        image: The frame as stored (not yet upright), in the film's size.
        is_damaged: Whether the decoder made up some of it.
        is_scaled: Whether it had another size in the file.
    """

    number: int
    time: int
    duration: int
    image: Any
    is_damaged: bool = False
    is_scaled: bool = False

    def rgb(self) -> np.ndarray:
        """Returns the frame as stored, uint8 `(height, width, 3)`, sRGB."""
        return self.image.to_ndarray(format="rgb24")


@dataclasses.dataclass(frozen=True)
class Film:
    """The properties of a film that are needed for colorizing and writing.

    Attributes:
        source: The file.
        width, height: Size of its frames as stored, in pixels.
        table: Its frames.
        video: What its frames are taken out of, where telecine is taken back; None: they are the file's.
        matrix: Their display matrix, see `orientation`; None: they are upright.
        pixel_aspect: Width of a pixel over its height.
        bits: Bits of luma per pixel.
        is_full_range: Whether its luma uses all code values.
        transfer: "PQ" or "HLG" for high dynamic range, otherwise "".
        notes: Notices about what changes.
    """

    source: sources.Source
    width: int
    height: int
    table: frames.Table
    video: detelecine.Video | None
    matrix: tuple[int, ...] | None
    pixel_aspect: fractions.Fraction
    bits: int
    is_full_range: bool
    transfer: str
    notes: tuple[str, ...]

    @property
    def path(self) -> pathlib.Path:
        """Returns the file, or the pattern of its images' names."""
        return self.source.path

    @property
    def time_base(self) -> fractions.Fraction:
        """Returns the unit of its times, in seconds."""
        return self.table.time_base

    @property
    def frame_rate(self) -> fractions.Fraction:
        """Returns the number of frames per second."""
        return self.table.rate

    @property
    def upright_size(self) -> tuple[int, int]:
        """Returns width and height of its upright frames, in pixels."""
        return (self.height, self.width) if orientation.is_sideways(self.matrix) else (self.width, self.height)


def open_film(
    path: str | os.PathLike[str],
    *,
    image_rate: fractions.Fraction = sources.IMAGE_RATE,
    takes_telecine_back: bool = False,
) -> Film:
    """Opens a film and lists its frames: reads it once, and decodes it only if its packets do not have enough
    information.

    Args:
        path: A file, or a pattern of the names of numbered images, such as `frames/%05d.png`.
        image_rate: Images per second.
        takes_telecine_back: Whether the film is the 24 film frames in 30 frames of video.

    Raises:
        NotTelecined: it shall be, and it is not.
        FilmError: the file does not exist, is not a film, or no frame can be decoded.
    """
    source = sources.Source(pathlib.Path(path), image_rate)
    with source.opened() as container:
        stream = sources.video_stream(container, source)
        first = next(iter(decoding.decoded(container, stream, source.path)), None)
        if first is None:
            raise frames.FilmError(f"{path}: no frame of it can be decoded; the file is damaged")
        facts = {
            "width": first.width,
            "height": first.height,
            "matrix": orientation.of_image(source.files()[0]) if source.is_images else orientation.of_frame(first),
            "pixel_aspect": stream.sample_aspect_ratio or fractions.Fraction(1),
            "bits": luma_codes.bits(first),
            "is_full_range": luma_codes.is_full_range(first),
            "transfer": _HDR.get(int(first.color_trc), ""),
        }
    is_interlaced = first.interlaced_frame and not takes_telecine_back
    notes = ["interlaced: it is deinterlaced into full frames"] if is_interlaced else []
    if facts["transfer"]:
        notes.append(f"high dynamic range ({facts['transfer']}): the result is tone-mapped to standard dynamic range")
    if facts["bits"] > 10:
        notes.append(f"{facts['bits']} bits per channel: the result has 10")
    table, video = listing.table_of(source), None
    is_pulled_down = frames.is_pulled_down(table.times[:-1])
    order = None if is_pulled_down else telecine.order_of(source, table)
    if is_pulled_down:
        notes.append("telecined by flags alone: its frames are the 24 film frames per second")
    elif takes_telecine_back:
        video = detelecine.video(table, order, first, source.path)
        table = detelecine.film_table(video)
        notes.append("telecine was taken back: the result has 24 frames per second, the film frames")
    elif order is not None:
        notes.append("telecined: it has at most 24 film frames per second in 30 video frames, and so does the result")
    return Film(source=source, table=table, video=video, notes=tuple(notes), **facts)


def frames_of(film: Film, *, first: int = 0, last: int | None = None) -> Iterator[Frame]:
    """Decodes a film. Frames that cannot be decoded are left out; interlaced ones are deinterlaced.

    After seeking, the decoded frames are checked against the table; if they do not match, the film is read from its
    beginning.

    Args:
        film: Result of `open_film`.
        first: Number of the first frame to yield.
        last: Number of the frame to stop before; None: the end.

    Yields:
        `Frame`, in order.

    Raises:
        FilmError: the disk or the network failed.
    """
    last = len(film.table) if last is None else min(last, len(film.table))
    key = film.table.key_before(first, _SETTLING)
    if key is not None:
        begun = _from_key(film, key, first, last)
        if begun is not None:
            yield from _framed(film, begun, first, last)
            return
    yield from _framed(film, _from_beginning(film), first, last)


def stills(film: Film, numbers: Sequence[int]) -> Iterator[Frame]:
    """Yields the frames with some numbers, in order, reading as little of the file as possible.

    Raises:
        FilmError: the disk or the network failed.
    """
    wanted = sorted(set(numbers))
    if film.table.keys:
        for number in wanted:
            yield from itertools.islice(frames_of(film, first=number, last=number + 1), 1)
        return
    if wanted:
        chosen = set(wanted)
        yield from (one for one in frames_of(film, first=wanted[0], last=wanted[-1] + 1) if one.number in chosen)


def _from_beginning(film):
    with film.source.opened() as container:
        stream = sources.video_stream(container, film.source)
        decoded = decoding.decoded(container, stream, film.path)
        if film.video is None:
            yield from _numbered(film.table, decoded)
        else:
            yield from enumerate(detelecine.film_frames(_numbered(film.video.table, decoded), film.video))


def _from_key(film, key, first, last):
    """Returns an iterator of `(number, image)` from a key frame on if they match the table, otherwise None."""
    numbered = _sought(film, key)
    arrived = []
    for number, image in numbered:
        arrived.append((number, image))
        if number >= min(first, last - 1):
            break
    numbers = [number for number, _ in arrived]
    if (
        not arrived
        or numbers != list(range(numbers[0], numbers[0] + len(numbers)))
        or numbers[-1] != min(first, last - 1)
    ):
        numbered.close()
        return None
    if first - numbers[0] < min(_SETTLING, first):
        numbered.close()
        return None
    return itertools.chain(arrived[-2 * _SETTLING :], numbered)


def _sought(film, key):
    with film.source.opened() as container:
        stream = sources.video_stream(container, film.source)
        pts = int(film.table.times[key]) + film.table.origin
        try:
            container.seek(pts, stream=stream, backward=True)
        except (av.FFmpegError, OSError):
            return
        yield from _numbered(film.table, decoding.decoded(container, stream, film.path))


def _numbered(table, decoded):
    """Yields `(number, image)` of decoded frames: by their times, or by their order if only that is known."""
    last = -1
    for order, image in enumerate(decoded):
        number = table.number_of(image.pts) if table.keys and image.pts is not None else None
        if not table.keys:
            number = order
        if number is None or number <= last or number >= len(table):
            continue
        last = number
        yield number, image


def _framed(film, numbered, first, last):
    """Yields a `Frame` for each requested number; a frame lasts until the next one that could be decoded."""
    before = None
    for number, image in decoding.deinterlaced(numbered):
        if number >= last:
            break
        if number < first:
            continue
        if before is not None:
            yield _frame(film, *before, until=number)
        before = number, image
    if before is not None:
        yield _frame(film, *before, until=last)


def _frame(film, number, image, until):
    time, is_damaged = int(film.table.times[number]), detelecine.is_damaged(image)
    is_scaled = (image.width, image.height) != (film.width, film.height)
    if is_scaled:
        image = image.reformat(width=film.width, height=film.height)
    return Frame(number, time, int(film.table.times[until]) - time, image, is_damaged, is_scaled)
