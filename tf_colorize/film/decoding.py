"""Decodes packets to frames, skipping damaged places."""

from __future__ import annotations

import collections
import fractions
import itertools
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

from tf_colorize import installation
from tf_colorize.film import sources

with installation.explained():
    import av
    import av.filter

_SEQUENCE_HEADER = b"\0\0\1\xb3"  # start code of MPEG-1 and MPEG-2, followed by the size in three bytes


def decoded(
    container: Any,
    stream: Any,
    path: pathlib.Path,
    *,
    n_packets: int | None = None,
    failed: list[int | None] | None = None,
) -> Iterator[Any]:
    """Yields all frames that can be decoded, in the order in which they are shown.

    Args:
        container: PyAV container, at the position to begin.
        stream: The video stream.
        path: Path of the film, for messages.
        n_packets: Number of packets to decode, without flushing the decoder; None: all.
        failed: List that receives the time of each undecodable packet.

    Raises:
        FilmError: the disk or the network failed.
    """
    if not stream.codec_context.is_open:
        stream.thread_type = "AUTO"
    failed, size, n_seen = [] if failed is None else failed, None, 0
    for packet in itertools.islice(sources.packets(container, [stream], path), n_packets):
        now = _announced_size(stream, packet)
        if now and size and now != size:
            # The MPEG-2 decoder drops its delayed frame when the size changes.
            yield from _out_of(stream, None, failed)
            stream.codec_context.flush_buffers()
        size, n_seen = now or size, n_seen + 1
        if packet.is_corrupt and container.format.name not in sources.BROADCAST_FORMATS:
            failed.append(packet.pts)  # cut off at the file's end; what threads hold would be lost with it
            continue
        yield from _out_of(stream, packet, failed)
    if n_packets is None or n_seen < n_packets:
        yield from _out_of(stream, None, failed)


def _announced_size(stream, packet):
    if stream.codec_context.name not in ("mpeg1video", "mpeg2video"):
        return None
    begin = bytes(memoryview(packet)[:256])
    at = begin.find(_SEQUENCE_HEADER)
    return begin[at + 4 : at + 7] if at >= 0 else None


def _out_of(stream, packet, failed):
    try:
        images = stream.decode(packet)
    except av.EOFError:
        return
    except av.FFmpegError:  # one broken packet
        failed.append(packet.pts if packet else None)
        return
    for image in images:
        if image.time_base is None:  # an error in frames that the decoder delayed until the end
            image.time_base = stream.time_base
        yield image


def deinterlacer(image: Any) -> Any:
    """Returns a filter graph that deinterlaces frames like `image`, one frame for each."""
    return graph(image, [("bwdif", "mode=send_frame:deint=interlaced")])


def graph(image: Any, filters: Iterable[tuple[str, str]], rate: fractions.Fraction | None = None) -> Any:
    """Returns a filter graph for frames like `image`: a chain of filters with options.

    Args:
        image: The first frame.
        filters: Names and options.
        rate: Frames per second, for filters that need it.
    """
    made = av.filter.Graph()
    shape = f"video_size={image.width}x{image.height}:pix_fmt={image.format.name}"
    clock = f":time_base={image.time_base}" + (f":frame_rate={rate}" if rate else "")
    last = made.add("buffer", shape + clock)
    for name, options in filters:
        following = made.add(name, options)
        last.link_to(following)
        last = following
    last.link_to(made.add("buffersink"))
    made.configure()
    return made


def pulled(graph: Any) -> Iterator[Any]:
    """Yields the available frames of a filter graph."""
    while True:
        try:
            yield graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return


def deinterlaced(numbered: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    """Deinterlaces `(number, image)` from the first interlaced image on, one image for each."""
    waiting: collections.deque = collections.deque()
    merging = form = None
    for number, image in numbered:
        now = (image.width, image.height, image.format.name)
        if merging is not None and now != form:
            yield from _drained(merging, waiting)
            merging = None
        if merging is None and not image.interlaced_frame:
            yield number, image
            continue
        if merging is None:
            merging, form = deinterlacer(image), now
        waiting.append(number)
        merging.push(image)
        for made in pulled(merging):
            yield waiting.popleft(), made
    if merging is not None:
        yield from _drained(merging, waiting)


def _drained(merging, waiting):
    merging.push(None)
    for made in pulled(merging):
        if waiting:
            yield waiting.popleft(), made
