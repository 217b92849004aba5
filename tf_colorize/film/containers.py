"""Formats for films: tests by writing which streams each can hold."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tf_colorize import installation
from tf_colorize.film import frames, reading, sound, sources

with installation.explained():
    import av

# Formats of results; other films become .mkv, which holds every kind of stream.
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
_TRIED = 8  # packets of a stream with which a container is tested
_SEARCHED = 2000  # packets of the film that are searched for them
_STATISTICS = re.compile(r"(BPS|DURATION|NUMBER_OF_(FRAMES|BYTES)|_STATISTICS.*)(-\w+)?", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Plan:
    """How the other streams of a film are written to the result.

    Attributes:
        kind: FFmpeg's name of the container.
        copied, converted: Indexes of streams.
        is_lenient: Whether a stream is copied that the container holds although FFmpeg's tables do not list it.
        notes: Notices about what changes.
    """

    kind: str
    copied: tuple[int, ...]
    converted: tuple[int, ...]
    is_lenient: bool
    notes: tuple[str, ...]


def default_codec(target: pathlib.Path) -> str:
    """Returns the default codec of a kind of file, one of `encoding.CODECS`."""
    return "av1" if target.suffix.lower() == ".webm" else "h264"


def plan(film: reading.Film, target: pathlib.Path, piece: pathlib.Path) -> Plan:
    """Tests how a kind of file can hold a film.

    Args:
        film: The film.
        target: The file to write; its suffix, one of `CONTAINERS`, determines the kind.
        piece: A piece of at least one frame; test files are written beside it.

    Raises:
        FilmError: the format cannot hold the film.
    """
    kind = CONTAINERS[target.suffix.lower()]
    copied, converted, notes, lenient = [], [], [], []
    with film.source.opened() as original, av.open(f"file:{piece}") as first:
        trial = _Trial(piece.with_name("trial"), kind, film, first.streams.video[0])
        if not trial.holds(()):
            codec = first.streams.video[0].codec_context.codec.canonical_name
            raise frames.FilmError(f"{target}: {target.suffix} cannot hold {codec}; {_way_out(target)}")
        samples = _samples(original, film)
        for stream in original.streams:
            if stream.index not in samples:
                continue
            packets, name = samples[stream.index], _name(stream)
            is_rare = _is_rare(name, kind, film) and trial.converts(stream)
            if not is_rare and trial.holds((stream,), packets):
                copied.append(stream.index)
            elif not is_rare and trial.holds((stream,), packets, is_lenient=True):
                copied.append(stream.index)
                lenient.append(name)
            elif stream.type == "audio" and trial.converts(stream):
                converted.append(stream.index)
                why = (
                    f"older players do not support it in {target.suffix}"
                    if is_rare
                    else f"{target.suffix} cannot hold it"
                )
                notes.append(f"sound ({name}) was converted to {_ENCODED[kind]}, because {why}")
            elif kind == "matroska":
                notes.append(f"{stream.type} ({name}) was left out, because {target.suffix} cannot hold it")
            else:
                raise frames.FilmError(
                    f"{target}: {target.suffix} cannot hold {stream.type} ({name}); {_way_out(target)}"
                )
        notes += _left_out(original, sources.video_stream(original, film.source))
        if lenient and original.chapters():
            notes.append(f"chapters were left out, because FFmpeg cannot write them beside {' and '.join(lenient)}")
    return Plan(kind, tuple(copied), tuple(converted), bool(lenient), tuple(notes))


def _is_rare(name, kind, film):
    """Returns whether sound is uncompressed in an .mp4 file, which FFmpeg 5, for one, plays as noise; films that are
    .mp4 files themselves keep it."""
    return kind == "mp4" and name.startswith("pcm_s") and CONTAINERS.get(film.path.suffix.lower()) != kind


def _left_out(original, colored):
    notes = []
    for stream in original.streams:
        if stream.type == "video" and sources.is_cover(stream):
            notes.append("the cover picture was left out")
        elif stream.type == "video" and stream.index != colored.index:
            notes.append("another video stream was left out")
        elif not (stream.type in ("audio", "subtitle", "attachment", "video") or _is_written_anew(stream, original)):
            notes.append(f"a {stream.type} stream was left out")
    return notes


def _is_written_anew(stream, original):
    """Returns whether a stream is timecode, or the chapters of an .mp4 or .mov file: one text for each."""
    n_chapters = len(original.chapters()) if "mp4" in original.format.name else 0
    return "timecode" in stream.metadata or 0 < n_chapters == stream.frames


_ENCODED = {"mp4": "AAC", "mov": "AAC", "matroska": "FLAC", "webm": "Opus"}


def _way_out(target):
    name = target.with_suffix(".mkv").name
    return f"write to {name} instead" if target.suffix.lower() != ".mkv" else "choose another codec"


def _name(stream):
    return stream.codec_context.codec.canonical_name if stream.codec_context else "an unknown format"


def _samples(original, film):
    """Returns times and bytes of some packets of each sound or subtitle stream; none if it begins late."""
    wanted = {stream.index: [] for stream in original.streams if stream.type in ("audio", "subtitle")}
    if not wanted:
        return {}
    streams = [original.streams[index] for index in wanted]
    for number, packet in enumerate(sources.packets(original, streams, film.path)):
        if number > _SEARCHED or all(len(found) >= _TRIED for found in wanted.values()):
            break
        if len(wanted[packet.stream.index]) < _TRIED:
            wanted[packet.stream.index].append(packet)
    return wanted


class _Trial:
    """Tests whether a container holds a stream by writing its beginning."""

    def __init__(self, path, kind, film, video):
        self._path, self._kind, self._film, self._video = path, kind, film, video

    def holds(self, streams, packets=(), is_lenient=False):
        try:
            with opened(self._path, self._kind, is_lenient) as output:
                add_video(output, self._video, self._film)
                copies = [output.add_stream_from_template(stream, opaque=True) for stream in streams]
                output.start_encoding()
                for number, packet in enumerate(packets):
                    sample = av.Packet(bytes(packet))
                    sample.pts = sample.dts = number * max(packet.duration or 1, round(0.01 / packet.time_base), 1)
                    sample.time_base, sample.stream = packet.time_base, copies[0]
                    output.mux(sample)
            return True
        except (ValueError, av.FFmpegError, NotImplementedError) as error:
            if isinstance(error, OSError) and not isinstance(error, ValueError):
                raise
            return False
        finally:
            self._path.unlink(missing_ok=True)

    def converts(self, stream):
        try:
            with opened(self._path, self._kind) as output:
                add_video(output, self._video, self._film)
                made = sound.encoder_for(output, stream, self._kind)
                made.codec_context.open()
                output.start_encoding()
            return True
        except (ValueError, av.FFmpegError):
            return False
        finally:
            self._path.unlink(missing_ok=True)


@contextlib.contextmanager
def opened(path: pathlib.Path, kind: str, is_lenient: bool = False) -> Iterator[Any]:
    """Opens a file to write a film, and closes it.

    Args:
        path: The file.
        kind: FFmpeg's name of the container.
        is_lenient: See `Plan`.
    """
    flags = {"movflags": "+faststart"} if kind in ("mp4", "mov") else {}
    if is_lenient:  # the muxer that delegates to others does not check these tables
        escaped = re.sub(r"([^\w/.-])", r"\\\1", str(path), flags=re.ASCII)
        output = av.open(f"[f={kind}]{escaped}", "w", format="tee")
    else:
        output = av.open(f"file:{path}", "w", format=kind, options=flags)
    try:
        yield output
    except BaseException:
        with contextlib.suppress(OSError, ValueError, av.FFmpegError):
            output.close()
        raise
    output.close()


def add_video(output: Any, piece: Any, film: reading.Film, metadata: Mapping[str, str] | None = None) -> Any:
    """Adds the video stream and returns it.

    Args:
        output: The container.
        piece: Stream of a piece.
        film: The original.
        metadata: Metadata of the film's stream.
    """
    video = output.add_stream_from_template(piece, opaque=True)
    video.time_base = film.time_base
    video.codec_context.framerate = film.frame_rate
    if film.matrix is not None:
        video.set_display_matrix(film.matrix)
    for key, value in (metadata or {}).items():
        if not _STATISTICS.fullmatch(key):
            video.metadata[key] = value
    return video
