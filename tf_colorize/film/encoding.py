"""Encodes colorized frames into pieces: separate files that are joined later."""

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

# name -> (FFmpeg's encoder, a CRF that is visually near lossless, options)
CODECS: dict[str, tuple[str, int, dict[str, str]]] = {
    "h264": ("libx264", 18, {"preset": "veryfast"}),
    "hevc": ("libx265", 20, {"preset": "veryfast", "x265-params": "log-level=error"}),
    "av1": ("libsvtav1", 25, {"preset": "9"}),
}
_PIECE_FORMAT = "mp4"
_LONGEST_DELAY = 250  # frames; no encoder delays more
os.environ.setdefault("SVT_LOG", "1")  # otherwise libsvtav1 prints its settings


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
    """Returns whether color gets half the resolution (4:2:0), which x264 and x265 support only for even sides.

    SVT-AV1 supports only 4:2:0, for all sides.
    """
    return film.width % 2 == film.height % 2 == 0 or codec == "av1"


class PieceWriter:
    """Encodes frames into a separate file, which appears when it is complete.

    Its times begin at 0, because MP4 stores a later beginning only to the millisecond.

    Args:
        path: The file.
        film: The original.
        pix_fmt: FFmpeg's pixel format of the frames.
        codec: One of `CODECS`.
        crf: Constant rate factor: lower is better but makes larger files; None: that in `CODECS`.
        target: The result, for messages; None: `path`.

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
        self._early: list[Any] | None = []  # packets before time 0, up to the first later one
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
        """Adds an `av.VideoFrame` at the time of `frame`."""
        if self.time is None:
            self.time = frame.time
        image.pts, image.time_base = frame.time - self.time, self._film.time_base
        with written(self._target):
            self._container.mux(list(self._timed(self._stream.encode(image))))

    def _timed(self, packets, is_last=False):
        """Sets the decoding times of the first packets to just before the first frame.

        Encoders that reorder frames derive them from the durations of the first frames, which can be many seconds.
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
            stack.push(self._file_context)  # detects errors in the following lines
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
            # For fewer frames than its delay, x265 returns uninitialized decoding times.
            for index, packet in enumerate(packets):
                packet.dts = min(packet.pts, (index - len(packets)) * step)
        return packets


@contextlib.contextmanager
def written(path: pathlib.Path) -> Iterator[None]:
    """Turns errors of the disk or an encoder while writing a file into a `FilmError`."""
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        raise frames.FilmError(
            f"{path}: cannot be written ({error.strerror or error}). The same command continues after the last "
            "finished piece, if there is one"
        ) from error


@contextlib.contextmanager
def _no_real_time():
    """Reverts the real-time priority that SVT-AV1, if run by root, gives to its threads and to the calling thread.

    Otherwise no other thread would get a processor, and threads and processes started later would inherit it.
    """
    yield
    if not sys.platform.startswith("linux"):
        return
    for thread in map(int, os.listdir("/proc/self/task")):
        with contextlib.suppress(OSError):  # the thread has ended
            if os.sched_getscheduler(thread) == os.SCHED_FIFO:
                os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))
