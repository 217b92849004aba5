"""Encodes colored frames into pieces: files of their own that wait to be joined."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

from tf_colorize import installation, whole
from tf_colorize.film import frames, reading

with installation.explained():
    import av

# name -> (FFmpeg's encoder, its CRF that is hard to tell from the original, options)
CODECS: dict[str, tuple[str, int, dict[str, str]]] = {
    "h264": ("libx264", 18, {"preset": "veryfast"}),
    "hevc": ("libx265", 20, {"preset": "veryfast", "x265-params": "log-level=error"}),
    "av1": ("libsvtav1", 25, {"preset": "9"}),
}
_PIECE_FORMAT = "mp4"
_LONGEST_DELAY = 250  # frames; no encoder holds back more
os.environ.setdefault("SVT_LOG", "1")  # otherwise libsvtav1 tells its settings


@dataclasses.dataclass(frozen=True)
class Piece:
    """A file of `PieceWriter`.

    Attributes:
        path: The file.
        time: Film time of its first frame, in units of the film's `time_base`.
    """

    path: pathlib.Path
    time: int


def has_small_chroma(film: reading.Film, codec: str) -> bool:
    """Whether color gets half the resolution (4:2:0), which x264 and x265 only do for even sides.

    SVT-AV1 takes all sides, and nothing else.
    """
    return film.width % 2 == film.height % 2 == 0 or codec == "av1"


class PieceWriter:
    """Encodes frames into a file of their own, which appears when it is complete.

    Times in it begin at 0: MP4 keeps those exactly, and a late beginning only to the millisecond.

    Args:
        path: The file.
        film: What the frames were made from.
        pix_fmt: Their form.
        codec: One of `CODECS`.
        crf: Constant rate factor: quality, smaller is better and larger; None: `CODECS`'s.
        target: The film that the piece is for, for messages; None: `path`.

    Use it as a context manager.

    Raises:
        FilmError: it cannot be written.
    """

    def __init__(
        self,
        path: pathlib.Path,
        film: reading.Film,
        pix_fmt: str,
        codec: str,
        crf: int | None,
        target: pathlib.Path | None = None,
    ) -> None:
        encoder, default_crf, options = CODECS[codec]
        self._target = target or path
        self._file_context = whole.open_whole(path)
        self._early: list[Any] | None = []  # packets before time 0, until one is not
        self.time: int | None = None
        with written(self._target):
            self._container = av.open(self._file_context.__enter__(), "w", format=_PIECE_FORMAT)
            stream: Any = self._container.add_stream(encoder, rate=film.frame_rate)
            stream.options = {**options, "crf": str(default_crf if crf is None else crf)}
            context = stream.codec_context
            context.width, context.height, context.pix_fmt = film.width, film.height, pix_fmt
            context.sample_aspect_ratio = film.pixel_aspect
            context.framerate = film.frame_rate
            context.time_base = stream.time_base = film.time_base
            context.color_range = 2 if film.is_full_range else 1
            context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
            with _no_real_time():
                context.open()
        self._stream, self._film = stream, film

    def write(self, frame: reading.Frame, image: Any) -> None:
        """Adds an `av.VideoFrame`, at the time of `frame`."""
        if self.time is None:
            self.time = frame.time
        image.pts, image.time_base = frame.time - self.time, self._film.time_base
        with written(self._target):
            self._container.mux(list(self._timed(self._stream.encode(image))))

    def _timed(self, packets, is_last=False):
        """Gives the first packets times of decoding shortly before the first frame's.

        Encoders that reorder frames set those by how long the first frames last, which can be many seconds.
        """
        for packet in packets:
            if self._early is not None and packet.dts < 0:
                self._early.append(packet)
                continue
            yield from self._begun()
            yield packet
        if is_last:
            yield from self._begun()

    def _begun(self):
        early, self._early = self._early or [], None
        for index, packet in enumerate(early):
            packet.dts = (index - len(early)) * self._film.table.step
            yield packet

    def __enter__(self) -> PieceWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        with written(self._target), contextlib.ExitStack() as stack:
            stack.push(self._file_context)  # sees whether what follows fails
            if error[0] is None:
                self._container.mux(list(self._timed(self._last_packets(), is_last=True)))
                self._container.close()
                return
            with contextlib.suppress(OSError, av.FFmpegError):
                self._container.close()
            raise error[1]

    def _last_packets(self):
        packets = self._stream.encode(None)
        step = self._film.table.step
        times = [packet.dts for packet in packets]
        least = -(max((packet.pts for packet in packets), default=0) + _LONGEST_DELAY * step)
        is_possible = all(least <= packet.dts <= packet.pts for packet in packets)
        if not (is_possible and times == sorted(set(times))):
            # Of fewer frames than it delays x265 gives no times of decoding, but what happens to be in memory.
            for index, packet in enumerate(packets):
                packet.dts = min(packet.pts, (index - len(packets)) * step)
        return packets


@contextlib.contextmanager
def written(path: pathlib.Path) -> Iterator[None]:
    """Turns what the disk or an encoder says while a file is written into a `FilmError`."""
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        raise frames.FilmError(
            f"{path}: cannot be written ({error.strerror or error}). What is finished is kept: the same command goes "
            "on from there"
        ) from error


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
