"""Decodes packets to frames, past damaged places."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from collections.abc import Iterator
from typing import Any

from tf_colorize import installation
from tf_colorize.film import sources

with installation.explained():
    import av
    import av.filter

_SEQUENCE_HEADER = b"\0\0\1\xb3"  # of MPEG-1 and MPEG-2; the size follows in three bytes


@dataclasses.dataclass
class Damage:
    """How many frames could not be decoded, or are marked as damaged."""

    n_frames: int = 0


def decoded(
    container: Any, stream: Any, path: pathlib.Path, *, n_packets: int | None = None, damage: Damage | None = None
) -> Iterator[Any]:
    """Yields all frames that can be decoded, in the order in which they are shown.

    Args:
        container: Of PyAV, at the place to begin.
        stream: Of pictures.
        path: Of the film, for messages.
        n_packets: Stop after so many, without the frames that the decoder still holds; None: at the end.
        damage: Counts what is damaged.

    Raises:
        FilmError: the disk or the network failed.
    """
    stream.thread_type = "AUTO"
    damage, size, n_seen = Damage() if damage is None else damage, None, 0
    for packet in itertools.islice(sources.packets(container, [stream], path), n_packets):
        now = _announced_size(stream, packet)
        if now and size and now != size:
            # The decoder of MPEG-2 forgets the frame that it holds back when the size changes.
            yield from _out_of(stream, None, damage)
            stream.codec_context.flush_buffers()
        size, n_seen = now or size, n_seen + 1
        yield from _out_of(stream, packet, damage)
    if n_packets is None or n_seen < n_packets:
        yield from _out_of(stream, None, damage)


def _announced_size(stream, packet):
    if stream.codec_context.name not in ("mpeg1video", "mpeg2video"):
        return None
    begin = bytes(memoryview(packet)[:256])
    at = begin.find(_SEQUENCE_HEADER)
    return begin[at + 4 : at + 7] if at >= 0 else None


def _out_of(stream, packet, damage):
    try:
        images = stream.decode(packet)
    except av.EOFError:
        return
    except av.FFmpegError:  # one broken packet
        damage.n_frames += 1
        return
    for image in images:
        damage.n_frames += bool(image.is_corrupt)
        if image.time_base is None:  # of those that the decoder held back until the end
            image.time_base = stream.time_base
        yield image


def deinterlacer(image: Any) -> Any:
    """Returns a filter graph that merges the fields of interlaced frames like `image`, one frame for each."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=image.width, height=image.height, format=image.format, name="in", time_base=image.time_base
    )
    filtered = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    sink = graph.add("buffersink")
    source.link_to(filtered)
    filtered.link_to(sink)
    graph.configure()
    return graph


def pulled(graph: Any) -> Iterator[Any]:
    """Yields the frames that a filter graph has ready."""
    while True:
        try:
            yield graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
