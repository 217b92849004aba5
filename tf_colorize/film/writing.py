"""Writes films: pieces of colored frames, then one file of all pieces and everything else of the original."""

from __future__ import annotations

import contextlib
import dataclasses
import fractions
import heapq
import io
import os
import pathlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import av
import numpy as np

from tf_colorize import whole
from tf_colorize.film import reading

# name -> (FFmpeg's encoder, its CRF that is hard to tell from the original, options)
CODECS: dict[str, tuple[str, int, dict[str, str]]] = {
    "h264": ("libx264", 18, {"preset": "veryfast"}),
    "hevc": ("libx265", 20, {"preset": "veryfast", "x265-params": "log-level=error"}),
    "av1": ("libsvtav1", 25, {"preset": "9"}),
}
# What films are written to; the rest becomes .mkv, which takes every kind of stream.
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
_PIECE_FORMAT = "mp4"
_INTERLEAVED = 10.0  # seconds; packets that belong together lie no further apart in a file
_LONGEST_DELAY = 250  # frames; no encoder holds back more
os.environ.setdefault("SVT_LOG", "1")  # otherwise libsvtav1 tells its settings


@dataclasses.dataclass(frozen=True)
class Piece:
    """A file of `PieceWriter`, and the time of its first frame in units of the film's `time_base`."""

    path: pathlib.Path
    first_pts: int


class PieceWriter:
    """Encodes frames into a file of their own, which appears when it is complete.

    Times in it begin at 0: MP4 keeps those exactly, and a late beginning only to the millisecond.

    Args:
        path: The file.
        film: What the frames were made from.
        codec: One of `CODECS`.
        crf: Constant rate factor: quality, smaller is better and larger; None: `CODECS`'s.

    Use it as a context manager.

    Raises:
        FilmError: it cannot be written.
    """

    def __init__(self, path: pathlib.Path, film: reading.Film, codec: str, crf: int | None) -> None:
        encoder, default_crf, options = CODECS[codec]
        self._file_context = whole.open_whole(path)
        self._container = av.open(self._file_context.__enter__(), "w", format=_PIECE_FORMAT)
        stream: Any = self._container.add_stream(encoder, rate=film.frame_rate)
        stream.options = {**options, "crf": str(default_crf if crf is None else crf)}
        context = stream.codec_context
        context.width, context.height = film.width, film.height
        # For half the resolution in color, x264 and x265 want even sides; SVT-AV1 takes all sides, and nothing else.
        has_even_sides = film.width % 2 == film.height % 2 == 0
        context.pix_fmt = "yuv420p" if has_even_sides or codec == "av1" else "yuv444p"
        context.sample_aspect_ratio = film.pixel_aspect
        context.time_base = stream.time_base = film.time_base
        context.color_range = 1  # limited
        context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
        with _no_real_time():
            context.open()
        self._stream, self._film, self.first_pts = stream, film, 0
        self._is_new = True

    def write(self, frame: reading.Frame, rgb: np.ndarray) -> None:
        """Adds a frame: uint8 `(height, width, 3)`, sRGB, at the time of `frame`."""
        image = av.VideoFrame.from_ndarray(rgb, format="rgb24")
        image = image.reformat(
            format=self._stream.codec_context.pix_fmt, dst_colorspace="ITU709", dst_color_range="MPEG"
        )
        if self._is_new:
            self.first_pts, self._is_new = frame.pts, False
        image.pts, image.time_base = frame.pts - self.first_pts, self._film.time_base
        self._container.mux(self._stream.encode(image))

    def __enter__(self) -> PieceWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        with contextlib.ExitStack() as stack:
            stack.push(self._file_context)  # sees whether what follows fails
            if error[0] is None:
                self._container.mux(self._last_packets())
                self._container.close()
                return
            with contextlib.suppress(OSError, av.FFmpegError):
                self._container.close()
            raise error[1]

    def _last_packets(self):
        packets = self._stream.encode(None)
        step = max(1, round(1 / (self._film.frame_rate * self._film.time_base)))
        if any(abs(packet.pts - packet.dts) > _LONGEST_DELAY * step for packet in packets):
            # Of fewer frames than it delays x265 gives no times of decoding, but what happens to be in memory.
            for index, packet in enumerate(packets):
                packet.dts = min(packet.pts, (index - len(packets)) * step)
        return packets


@contextlib.contextmanager
def _no_real_time():
    """Takes back the real-time priority that SVT-AV1, run by root, gives its threads and the one that opens it.

    Nothing else would run beside them, and the threads and processes that are started later would inherit it.
    """
    yield
    if not sys.platform.startswith("linux"):
        return
    for thread in map(int, os.listdir("/proc/self/task")):
        with contextlib.suppress(OSError):  # it has ended
            if os.sched_getscheduler(thread) == os.SCHED_FIFO:
                os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))


def check(film: reading.Film, target: pathlib.Path, codec: str) -> None:
    """Finds out, by its first second, whether a kind of file can hold the film.

    Args:
        film: The film.
        target: The file that would be written; its suffix, one of `CONTAINERS`, says what kind.
        codec: One of `CODECS`.

    Raises:
        FilmError: it cannot.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "first.mp4"
        with PieceWriter(path, film, codec, None) as writer:
            frame = next(reading.frames(film))
            writer.write(frame, frame.rgb)
        _write(io.BytesIO(), [Piece(path, writer.first_pts)], film, target, None, film.start + 1.0)


def join(
    pieces: Sequence[Piece],
    film: reading.Film,
    target: pathlib.Path,
    *,
    start: float | None = None,
    end: float | None = None,
) -> list[str]:
    """Writes the pieces one after the other, with all other streams of the film copied as they are.

    Args:
        pieces: In order, at least one.
        film: What they were made from.
        target: The file; its suffix, one of `CONTAINERS`, says what kind.
        start, end: Seconds, the part of the film that the pieces are; None: its beginning, its end.

    Returns:
        What could not be kept, sentences for people.

    Raises:
        FilmError: it cannot be written; nothing is left behind.
    """
    with whole.open_whole(target) as file:
        return _write(file, pieces, film, target, start, end)


def _write(file, pieces, film, target, start, end):
    shift = 0.0 if start is None else start
    notes: list[str] = []
    with av.open(str(film.path)) as original, av.open(str(pieces[0].path)) as first:
        output = av.open(file, "w", format=CONTAINERS[target.suffix.lower()])
        video = output.add_stream_from_template(first.streams.video[0], opaque=True)
        video.time_base = film.time_base
        if film.quarter_turns:
            video.set_display_rotation(90 * film.quarter_turns)
        source = next(stream for stream in original.streams.video if not reading.is_cover(stream))
        video.metadata.update(source.metadata)
        copies = _copied_streams(original, output, source, notes)
        output.metadata.update(original.metadata)
        chapters = _chapters(original, shift, end)
        if chapters:
            output.set_chapters(chapters)
        packets = heapq.merge(
            _video_packets(pieces, video, film.time_base, shift),
            _other_packets(original, copies, shift, end),
            key=lambda packet: packet.dts * packet.time_base,
        )
        with _held_by(target, [video, *(original.streams[index] for index in copies)]):
            for packet in packets:
                output.mux(packet)
            output.close()
    return notes


def _copied_streams(original, output, source, notes):
    """Streams of the original -> their copies."""
    copies = {}
    for stream in original.streams:
        if stream.index == source.index:
            continue
        if stream.type not in ("audio", "subtitle"):
            if stream.type == "attachment":
                output.add_attachment(stream.name or "attachment", stream.mimetype or "", bytes(stream.data))
            else:
                notes.append(f"a {stream.type} stream was left out")
            continue
        copies[stream.index] = output.add_stream_from_template(stream)
        copies[stream.index].metadata.update(stream.metadata)
        copies[stream.index].disposition = stream.disposition
    return copies


@contextlib.contextmanager
def _held_by(target, streams):
    """Says it when a kind of file cannot hold one of the streams, which some tell only at the end."""
    # Asked now: a container that failed to close has no streams any more.
    kinds = " and ".join(f"{stream.type} ({stream.codec_context.codec.canonical_name})" for stream in streams)
    try:
        yield
    except (av.ArgumentError, av.InvalidDataError, av.PatchWelcomeError) as error:
        raise reading.FilmError(
            f"{target}: {target.suffix} cannot hold {kinds}; write to {target.with_suffix('.mkv').name} instead"
        ) from error


def _video_packets(pieces, stream, time_base, shift) -> Iterator[Any]:
    last = None
    for piece in pieces:
        with av.open(str(piece.path)) as container:
            for packet in container.demux(video=0):
                if packet.dts is None:
                    continue
                offset = round((piece.first_pts * time_base - fractions.Fraction(shift)) / packet.time_base)
                packet.pts += offset
                packet.dts += offset
                # Each piece starts anew in the order of decoding.
                if last is not None and packet.dts <= last:
                    packet.dts = last + 1
                last = packet.dts
                packet.stream = stream
                yield packet


def _other_packets(original, copies, shift, end):
    streams = [original.streams[index] for index in copies]
    if not streams:
        return
    if shift:
        original.seek(int(shift * av.time_base))
    for packet in _readable(original.demux(streams)):
        if packet.dts is None:
            continue
        time = packet.dts * packet.time_base
        if end is not None and time >= end:
            if time >= end + _INTERLEAVED:
                return
            continue
        if shift:
            if time < shift:
                continue
            offset = round(shift / packet.time_base)
            packet.dts -= offset
            packet.pts = None if packet.pts is None else packet.pts - offset
        packet.stream = copies[packet.stream.index]
        yield packet


def _readable(packets):
    """Up to where a file was cut off."""
    try:
        yield from packets
    except (av.FFmpegError, OSError):
        return


def _chapters(original, shift, end):
    chapters = []
    for chapter in original.chapters():
        unit = fractions.Fraction(chapter["time_base"])
        first, last = (
            chapter["start"] * unit - fractions.Fraction(shift),
            chapter["end"] * unit - fractions.Fraction(shift),
        )
        if last <= 0 or (end is not None and first >= end - shift):
            continue
        last = last if end is None else min(last, fractions.Fraction(end - shift))
        chapters.append({**chapter, "start": round(max(first, 0) / unit), "end": round(last / unit)})
    return chapters
