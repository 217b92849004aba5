"""Joins pieces to a film, with all other streams and data of the original."""

from __future__ import annotations

import contextlib
import fractions
import heapq
import itertools
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from tf_colorize import durable, installation
from tf_colorize.film import containers, encoding, frames, reading, sound, sources, timecode
from tf_colorize.photos import origins

with installation.explained():
    import av

_INTERLEAVED = 10.0  # seconds; packets of the same time are no further apart in a file


def join(
    pieces: Sequence[encoding.Piece],
    film: reading.Film,
    target: pathlib.Path,
    how: containers.Plan,
    part: frames.Part,
    made: pathlib.Path,
    *,
    keeps_end: bool,
) -> list[str]:
    """Writes the pieces in sequence, with all other streams of the film.

    Args:
        pieces: The pieces in order, at least one.
        film: The original.
        target: The result, for messages.
        how: Result of `containers.plan`.
        part: The part of the film in the pieces.
        made: The file to write.
        keeps_end: Whether to keep sound that lasts longer than the part.

    Returns:
        Notices about what could not be kept.

    Raises:
        FilmError: the film cannot be read or written.
    """
    with (
        film.source.opened() as original,
        av.open(f"file:{pieces[0].path}") as first,
        encoding.written(target),
        containers.opened(made, how.kind, how.is_lenient) as output,
    ):
        source = sources.video_stream(original, film.source)
        video = containers.add_video(output, first.streams.video[0], film, _metadata(source, film, part))
        others = _added(original, output, how)
        output.metadata.update(_metadata(original, film, part))
        chapters = _chapters(original, film, part)
        if chapters and not how.is_lenient:
            output.set_chapters(chapters)
        output.start_encoding()
        return _muxed(output, video, others, pieces, film, original, part, keeps_end)


def _metadata(owner, film, part):
    metadata = owner.metadata if film.video is None else timecode.of_film(owner.metadata)
    return timecode.moved(metadata, film.frame_rate, part.first)


def _added(original, output, how):
    """Adds the other streams; returns a dict from their index to the object that makes their packets."""
    others: dict[int, Any] = {}
    for stream in original.streams:
        if stream.type == "attachment" and how.kind == "matroska":
            output.add_attachment(stream.name or "attachment", stream.mimetype or "", bytes(stream.data))
        elif stream.index in how.copied:
            copy = output.add_stream_from_template(stream, opaque=True)
            copy.time_base = sound.fine(stream.time_base)
            others[stream.index] = sound.Copied(copy)
        elif stream.index in how.converted:
            copy = sound.encoder_for(output, stream, how.kind)
            others[stream.index] = sound.Converted(stream, copy)
        if stream.index in others:
            copy.metadata.update(stream.metadata)
            copy.disposition = stream.disposition
    return others


def _muxed(output, video, others, pieces, film, original, part, keeps_end):
    n_lost = 0
    packets = heapq.merge(
        _video_packets(pieces, video, film.time_base, part),
        _other_packets(original, others, film, part, keeps_end),
        key=lambda packet: packet.dts * packet.time_base,
    )
    for packet in packets:
        if packet.stream is video:
            output.mux(packet)
            continue
        try:
            output.mux(packet)
        except (av.ArgumentError, av.InvalidDataError):  # better to lose a packet than hours of work
            n_lost += 1
    return [f"{n_lost} packets of sound or subtitles could not be written"] if n_lost else []


def _video_packets(pieces, stream, time_base, part) -> Iterator[Any]:
    last = None
    for index, piece in enumerate(pieces):
        end = pieces[index + 1].time if index + 1 < len(pieces) else part.end
        with av.open(f"file:{piece.path}") as container:
            packets = [packet for packet in container.demux(video=0) if packet.dts is not None]
            _set_durations(packets, (end - piece.time) * time_base)
            for packet in packets:
                offset = round((piece.time - part.start) * time_base / packet.time_base)
                packet.pts += offset
                packet.dts += offset
                # Decoding times restart with each piece.
                if last is not None and packet.dts <= last:
                    packet.dts = last + 1
                last = packet.dts
                packet.stream = stream
                yield packet


def _set_durations(packets, length):
    """Sets each duration to the time until the next frame is shown; MP4 only stores that until the next is decoded."""
    following = sorted(packets, key=lambda packet: packet.pts)
    for packet, after in itertools.pairwise(following):
        packet.duration = after.pts - packet.pts
    if following:
        following[-1].duration = max(1, round(length / following[-1].time_base) - following[-1].pts)


def _other_packets(original, others, film, part, keeps_end):
    if not others:
        return
    # For the whole film, sound that begins before the first frame is kept.
    least = 0 if part.start else None
    end = None if keeps_end else (part.end - part.start) * film.time_base
    shifts = {index: sound.Shift(film.table, original, part.start) for index in others}
    if part.start and film.table.keys:
        with contextlib.suppress(av.FFmpegError, OSError):
            original.seek(int((film.table.origin + part.start) * film.time_base * av.time_base))
    behind: set[int] = set()
    for packet in sources.packets(original, [original.streams[index] for index in others], film.path):
        index = packet.stream.index
        time = shifts[index].seconds(packet)
        if least is not None and time < least:
            continue
        if end is not None and time >= end:
            behind.add(index)
            if time >= end + _INTERLEAVED or len(behind) == len(others):
                break
            continue
        yield from others[index].packets(packet)
    for other in others.values():
        yield from other.packets(None)


def _chapters(original, film, part):
    shift = (film.table.origin + part.start) * film.time_base
    length = (part.end - part.start) * film.time_base
    chapters = []
    for chapter in original.chapters():
        unit = fractions.Fraction(chapter["time_base"])
        first, last = chapter["start"] * unit - shift, min(chapter["end"] * unit - shift, length)
        if last > 0 and first < length:
            chapters.append({**chapter, "start": round(max(first, 0) / unit), "end": round(last / unit)})
    return chapters


def put(made: pathlib.Path, target: pathlib.Path, source: pathlib.Path) -> None:
    """Moves a finished film to its final path, with the original's access permissions. It gets its time, too.

    Raises:
        FilmError: the film cannot be moved.
    """
    original = origins.of(source)
    with encoding.written(target):
        durable.sync(made)  # first, because a read-only file cannot be opened for that
        if original is not None:
            origins.give_owner(made, original)
            made.chmod(origins.mode_for(original, target))
            origins.give_time(made, original)
        durable.replace(made, target)
        durable.sync_folder(target.parent)
