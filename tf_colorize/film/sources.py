"""Opens the files of films: containers, numbered images, and their packets on one clock."""

from __future__ import annotations

import dataclasses
import fractions
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

from tf_colorize import installation
from tf_colorize.film import frames
from tf_colorize.photos import find, numbered

with installation.explained():
    import av

# Pictures and texts that FFmpeg also opens as "films".
_STILL_FORMATS = ("image2", "jpeg_pipe", "png_pipe", "webp_pipe", "tiff_pipe", "bmp_pipe", "gif_pipe")
_TEXT_CODECS = ("ansi", "bintext", "xbin", "idf")
_LARGEST_NUMBER = 2**31 - 1  # of FFmpeg
_FALL = 0.3  # seconds; a larger decrease means that the clock was restarted
_LEAP = 60.0  # seconds; no broadcast has a longer gap
BROADCAST_FORMATS = ("mpegts", "mpeg")
IMAGE_RATE = fractions.Fraction(24)
_NO_TIMES: int = av.format.Flags.no_timestamps.value  # type: ignore[assignment]  # its stub is wrong
_SYNC = 0x47  # the first byte of each packet of a transport stream, behind four bytes of time in .m2ts files
_PACKETS = ((0, 188), (4, 192))  # position of that byte, and size of a packet
_LEAST_PACKETS = 3  # two tables, and one of picture
_PACK_START = b"\x00\x00\x01\xba"  # of program streams


@dataclasses.dataclass(frozen=True)
class Source:
    """A film's file, or its images.

    Attributes:
        path: The file, or a pattern of names such as `frames/%05d.png`.
        rate: Images per second, if the path is a pattern.
    """

    path: pathlib.Path
    rate: fractions.Fraction = IMAGE_RATE

    @property
    def is_images(self) -> bool:
        """Returns whether the film is a sequence of numbered images."""
        return find.is_numbered(self.path)

    def files(self) -> list[pathlib.Path]:
        """Returns the files of the film.

        Raises:
            FilmError: there are none, or an image is missing between others.
        """
        return self._images().files() if self.is_images else [self.path]

    def opened(self) -> Any:
        """Opens the film, as a context manager.

        Raises:
            FilmError: the file does not exist or is not a film.
        """
        options, kind = {}, None
        if self.is_images:
            images = self._images()
            first, kind = images.files()[0], "image2"
            options = {"framerate": str(self.rate), "start_number": str(images.numbers[0])}
            options["pattern_type"] = "sequence"
            name = f"file:{images.pattern()}"
        else:
            first, name = self.path, f"file:{self.path}"
        try:
            if not first.is_file():
                raise frames.FilmError(f"{self.path}: {'a folder, not a film' if first.is_dir() else self._absent()}")
            with open(first, "rb"):  # reports why it cannot be read
                pass
            container = av.open(name, format=kind, options=options, metadata_errors="replace")
            # FFmpeg takes recordings of a few packets for the raw pictures in them, which have no times.
            has_times = not container.format.flags & _NO_TIMES
            if not has_times and (kind := _recording_kind(first)):
                container.close()
                container = av.open(name, format=kind, metadata_errors="replace")
            return container
        except (av.FFmpegError, OSError) as error:
            if isinstance(error, PermissionError | IsADirectoryError):
                raise frames.FilmError(f"{self.path}: {error.strerror}") from error
            raise frames.FilmError(
                f"{self.path}: not a film, or too damaged to read ({error.strerror or error})"
            ) from error

    def _absent(self):
        is_near_pattern = "%" in self.path.name and find.has_photo_suffix(self.path)
        return f"no such file{'; numbered images need a pattern such as %05d.png' if is_near_pattern else ''}"

    def _images(self):
        try:
            images = numbered.find(self.path)
            empty = next((file for file in images.files() if not file.stat().st_size), None) if images else None
        except OSError as error:
            raise frames.FilmError(f"{error.filename or self.path.parent}: {error.strerror}") from error
        if images is None:
            only = "; a pattern may have only one number that changes"
            raise frames.FilmError(
                f"{self.path}: no such images{only if numbered.numbers_in(self.path.name) > 1 else ''}"
            )
        if (missing := images.missing()) is not None:
            steps = f" (they count in steps of {step})" if (step := images.step()) else ""
            raise frames.FilmError(
                f"{self.path}: image {images.name(missing)} is missing between others; add it, or rename the images so "
                f"that their numbers have no gap{steps}"
            )
        if empty is not None:  # FFmpeg takes it for the end of the film
            raise frames.FilmError(
                f"{self.path}: image {empty.name} is empty; replace it, for example with a copy of another"
            )
        if images.numbers[-1] > _LARGEST_NUMBER:
            raise frames.FilmError(f"{self.path}: the numbers must be at most {_LARGEST_NUMBER}; rename the images")
        return images


def _recording_kind(path):
    """Returns FFmpeg's name for the format of a recording's file, or None if it is not one."""
    with open(path, "rb") as file:
        begin = file.read(64 * 188)
    if begin.startswith(_PACK_START):
        return "mpeg"
    is_recording = any(len(begin) >= _LEAST_PACKETS * size and set(begin[at::size]) == {_SYNC} for at, size in _PACKETS)
    return "mpegts" if is_recording else None


def rate_of(stream: Any) -> fractions.Fraction | None:
    """Returns the frames per second that a file announces, or None.

    If there are too few frames for an average, FFmpeg's guess can be the rate of fields.
    """
    announced = stream.codec_context.framerate
    return (None if stream.average_rate else announced) or stream.guessed_rate or stream.average_rate


def video_stream(container: Any, source: Source) -> Any:
    """Returns the video stream, other than cover pictures.

    Raises:
        FilmError: there is none.
    """
    streams = [stream for stream in container.streams.video if not is_cover(stream)]
    if container.format.name in _STILL_FORMATS and not source.is_images:
        raise frames.FilmError(f"{source.path}: a photo, not a film; use tf-colorize without `film`")
    if not streams or streams[0].codec_context is None or streams[0].codec_context.name in _TEXT_CODECS:
        kinds = ", ".join(sorted({stream.type for stream in container.streams if stream.type != "video"}))
        raise frames.FilmError(f"{source.path}: has no video stream, only {kinds or 'unknown data'}")
    return streams[0]


def is_cover(stream: Any) -> bool:
    """Returns whether a video stream is the cover picture of a file."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def packets(container: Any, streams: Iterable[Any], path: pathlib.Path) -> Iterator[Any]:
    """Yields the packets of streams, up to the end of a truncated file.

    Raises:
        FilmError: the disk or the network failed.
    """
    demuxed = container.demux(list(streams))
    while True:
        try:
            packet = next(demuxed)
        except (StopIteration, av.EOFError, av.InvalidDataError):
            return
        except (av.FFmpegError, OSError) as error:
            raise frames.FilmError(f"{path}: cannot be read any further ({error.strerror or error})") from error
        if packet.size:
            yield packet


class Clock:
    """Detects where a recording's clock was restarted.

    Args:
        container: The file.
    """

    def __init__(self, container: Any) -> None:
        self._leap = _LEAP if container.format.name in BROADCAST_FORMATS else float("inf")
        self._last: fractions.Fraction | None = None
        self.n_jumps = 0

    def has_jumped(self, time: fractions.Fraction) -> bool:
        """Returns whether it was restarted before a time of one stream, in seconds; call it with all times in order."""
        jumped = self._last is not None and not -_FALL < time - self._last < self._leap
        self._last = time
        self.n_jumps += jumped
        return jumped
