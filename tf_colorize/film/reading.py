"""Reads films: what is in a file, and its frames from any time on."""

from __future__ import annotations

import dataclasses
import fractions
import os
import pathlib
from collections.abc import Iterator

import numpy as np

from tf_colorize import installation

with installation.explained():
    import av
    import av.filter

# The pictures and texts that FFmpeg also opens as "films".
_STILL_FORMATS = ("image2", "jpeg_pipe", "png_pipe", "webp_pipe", "tiff_pipe", "bmp_pipe", "gif_pipe")
_TEXT_CODECS = ("ansi", "bintext", "xbin", "idf")


class FilmError(ValueError):
    """A film cannot be read or written; the message is one line for people."""


@dataclasses.dataclass(frozen=True)
class Frame:
    """One frame.

    Attributes:
        pts: Its time, in units of the film's `time_base`.
        rgb: uint8 `(height, width, 3)`, sRGB, as stored (not yet rotated).
    """

    pts: int
    rgb: np.ndarray


@dataclasses.dataclass(frozen=True)
class Film:
    """What is in a file, as far as coloring and writing need to know.

    Attributes:
        path: The file.
        width, height: Of its frames as stored, in pixels.
        time_base: Unit of its times, in seconds.
        frame_rate: Frames per second, on average.
        start: Time of the first frame, in seconds.
        duration: In seconds; an estimate where the file does not say it, 0 where nothing is known.
        quarter_turns: Counterclockwise quarter turns that make its frames upright.
        pixel_aspect: Width of a pixel over its height.
        notes: What is not kept as it was, sentences for people.
    """

    path: pathlib.Path
    width: int
    height: int
    time_base: fractions.Fraction
    frame_rate: fractions.Fraction
    start: float
    duration: float
    quarter_turns: int
    pixel_aspect: fractions.Fraction
    notes: tuple[str, ...]

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height of its upright frames, in pixels."""
        return (self.height, self.width) if self.quarter_turns % 2 else (self.width, self.height)


def open_film(path: str | os.PathLike[str]) -> Film:
    """Looks at a file.

    Raises:
        FilmError: it is not there, is no film, or not one frame can be decoded.
    """
    path = pathlib.Path(path)
    with _opened(path) as container:
        stream = _video_stream(container, path)
        first = next(_decoded(container, stream), None)
        if first is None:
            raise FilmError(f"{path}: no frame of it can be decoded; the file is damaged")
        notes = []
        if first.interlaced_frame:
            notes.append("interlaced: its fields are merged into full frames")
        if max(component.bits for component in first.format.components) > 8:
            notes.append("more than 8 bits per channel: the result has 8")
        time_base = stream.time_base or fractions.Fraction(1, 90_000)
        frame_rate = stream.average_rate or stream.guessed_rate or fractions.Fraction(25)
        start = float((first.pts or 0) * time_base)
        return Film(
            path=path,
            width=first.width,
            height=first.height,
            time_base=time_base,
            frame_rate=frame_rate,
            start=start,
            duration=_duration(container, stream),
            quarter_turns=round(first.rotation / 90) % 4,
            pixel_aspect=stream.sample_aspect_ratio or fractions.Fraction(1),
            notes=tuple(notes),
        )


def frames(film: Film, *, first_pts: int | None = None, end: float | None = None) -> Iterator[Frame]:
    """Decodes a film. Frames that cannot be decoded are left out; interlaced ones are deinterlaced.

    Args:
        film: From `open_film`.
        first_pts: Time of the first frame that is wanted, in units of `film.time_base`; None: from the beginning.
        end: Seconds at which to stop (exclusive); None: at the end.

    Yields:
        `Frame`, in order of their times, which strictly increase.
    """
    with _opened(film.path) as container:
        stream = _video_stream(container, film.path)
        decoded = _decoded(container, stream)
        if first_pts is not None:
            container.seek(first_pts, stream=stream, backward=True)
            first = next(decoded, None)
            if first is None or first.pts is None or first.pts > first_pts:
                # Some formats can only be read from their beginning.
                with _opened(film.path) as again:
                    yield from _wanted(_decoded(again, _video_stream(again, film.path)), film, first_pts, end)
                return
            decoded = _chained(first, decoded)
        yield from _wanted(decoded, film, first_pts, end)


def _chained(first, others):
    yield first
    yield from others


def _wanted(decoded, film, first_pts, end):
    last = None
    step = max(1, round(1 / (film.frame_rate * film.time_base)))
    for frame in _deinterlaced(decoded):
        if frame.pts is None:
            pts = 0 if last is None else last + step
        else:
            pts = round(frame.pts * frame.time_base / film.time_base)
        pts = pts if last is None else max(pts, last + 1)
        last = pts
        if first_pts is not None and pts < first_pts:
            continue
        if end is not None and float(pts * film.time_base) >= end:  # as exact as what a person types
            return
        # Films may change their size on the way; the result has one.
        yield Frame(pts, frame.to_ndarray(format="rgb24", width=film.width, height=film.height))


def _opened(path):
    if not path.is_file():
        raise FilmError(f"{path}: {'a folder, not a film' if path.is_dir() else 'no such file'}")
    try:
        return av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise FilmError(f"{path}: not a film, or damaged beyond reading ({error.strerror})") from error


def _video_stream(container, path):
    streams = [stream for stream in container.streams.video if not is_cover(stream)]
    if container.format.name in _STILL_FORMATS:
        raise FilmError(f"{path}: a photo, not a film; tf-colorize without `film` colors photos")
    if not streams or streams[0].codec_context.name in _TEXT_CODECS:
        raise FilmError(f"{path}: has no video stream, only {_kinds(container) or 'nothing that can be played'}")
    streams[0].thread_type = "AUTO"
    return streams[0]


def is_cover(stream: av.stream.Stream) -> bool:
    """Whether a video stream is the still cover picture of a file."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _kinds(container):
    return ", ".join(sorted({stream.type for stream in container.streams if stream.type != "video"}))


def _decoded(container, stream):
    """All frames that can be decoded."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.FFmpegError, OSError):  # cut off
            packet = None
        try:
            yield from stream.decode(packet)
        except av.EOFError:
            return
        except av.FFmpegError:
            pass  # one broken packet
        if packet is None:
            return


def _deinterlaced(decoded):
    graph = None
    for frame in decoded:
        if graph is None and not frame.interlaced_frame:
            yield frame
            continue
        if graph is None:
            graph = _deinterlacer(frame)
        graph.push(frame)
        yield from _pulled(graph)
    if graph is not None:
        graph.push(None)
        yield from _pulled(graph)


def _deinterlacer(frame):
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, name="in", time_base=frame.time_base
    )
    filtered = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    sink = graph.add("buffersink")
    source.link_to(filtered)
    filtered.link_to(sink)
    graph.configure()
    return graph


def _pulled(graph):
    while True:
        try:
            yield graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return


def _duration(container, stream):
    if stream.duration:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return container.duration / av.time_base
    return 0.0
