"""Sound and subtitles of the result: copied, or converted if the container requires it."""

from __future__ import annotations

import fractions
import math
from collections.abc import Iterator
from typing import Any

from tf_colorize import installation
from tf_colorize.film import frames, sources

with installation.explained():
    import av

# Replacements for sound that a container cannot hold: encoder, options.
ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "mp4": ("aac", {"b": "192k"}),
    "mov": ("aac", {"b": "192k"}),
    "matroska": ("flac", {}),
    "webm": ("libopus", {"b": "128k"}),
}


_COARSEST = fractions.Fraction(1, 1000)  # seconds
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


class Shift:
    """Maps the times of one stream from the file's timestamps to those of the result.

    Args:
        table: The film's table.
        container: The film's.
        start: Film time at which the result begins, in units of the table's `time_base`.
    """

    def __init__(self, table: frames.Table, container: Any, start: int) -> None:
        self._start = (table.origin + start) * table.time_base
        self._jumps, self._clock = table.jumps, sources.Clock(container)
        self._next: fractions.Fraction | None = None

    def seconds(self, packet: Any) -> fractions.Fraction:
        """Adjusts the times of a packet; returns its decoding time. Call it with each packet of the stream in order."""
        _refine(packet)
        unit = packet.time_base
        if packet.dts is None:
            packet.dts = packet.pts if packet.pts is not None else round((self._next or 0) / unit)
        if packet.pts is None:
            packet.pts = packet.dts
        own = packet.dts * unit
        self._clock.has_jumped(own)
        self._next = own + (packet.duration or 0) * unit
        n_jumps = min(self._clock.n_jumps, len(self._jumps))
        offset = round(((self._jumps[n_jumps - 1] if n_jumps else 0) - self._start) / unit)
        packet.dts, packet.pts = packet.dts + offset, packet.pts + offset
        return packet.dts * unit


def fine(unit: fractions.Fraction) -> fractions.Fraction:
    """Returns a unit of time of at most a millisecond that divides another one.

    In .avi files, the unit of sound can be the duration of a packet, a quarter of a second. Shifts would be rounded to
    it.
    """
    return unit / math.ceil(unit / _COARSEST)


def _refine(packet):
    factor = int(packet.time_base / fine(packet.time_base))
    if factor == 1:
        return
    pts, dts, duration = packet.pts, packet.dts, packet.duration or 0
    packet.time_base = fine(packet.time_base)
    packet.pts, packet.dts = (None if time is None else time * factor for time in (pts, dts))
    packet.duration = duration * factor


class Copied:
    """A copied stream, with increasing times.

    Args:
        target: Stream of the result.
    """

    def __init__(self, target: Any) -> None:
        self._target, self._last = target, None

    def packets(self, packet: Any | None) -> Iterator[Any]:
        """Yields the packets to write for a packet of the film, or, for None, at its end."""
        if packet is None:
            return
        if self._last is not None and packet.dts * packet.time_base <= self._last:
            # In units of the result, which can be coarser: different times must stay different.
            unit = max(packet.time_base, self._target.time_base)
            packet.dts = math.ceil((self._last + unit) / packet.time_base)
            packet.pts = max(packet.pts, packet.dts)
        packet.pts = max(packet.pts, packet.dts)
        self._last = packet.dts * packet.time_base
        packet.stream = self._target
        yield packet


class Converted:
    """Sound that is re-encoded.

    Args:
        source: Stream of the film.
        target: Stream of the result, from `encoder_for`.
    """

    def __init__(self, source: Any, target: Any) -> None:
        self._source, self._target = source, target
        self._last = None

    def packets(self, packet: Any | None) -> Iterator[Any]:
        """Yields the packets to write for a packet of the film, or, for None, at its end."""
        for frame in self._decoded(packet):
            yield from self._rising(self._target.encode(frame))
        if packet is None:
            yield from self._rising(self._target.encode(None))

    def _decoded(self, packet):
        try:
            yield from self._source.decode(packet)
        except av.EOFError:
            return
        except av.FFmpegError:  # a damaged place
            return

    def _rising(self, made):
        for packet in made:
            if self._last is not None and packet.dts is not None and packet.dts <= self._last:
                packet.dts = self._last + 1
                packet.pts = max(packet.pts, packet.dts)
            self._last = packet.dts
            yield packet


def encoder_for(output: Any, source: Any, kind: str) -> Any:
    """Adds a stream for re-encoded sound of `source`, and returns it.

    Args:
        output: The container.
        source: The sound stream.
        kind: A key of `ENCODERS`.

    Raises:
        ValueError: the format of the sound or its sample rate is unknown.
    """
    name, options = ENCODERS[kind]
    context = source.codec_context
    if context is None or not context.sample_rate:
        raise ValueError("the sound is damaged, or of an unknown kind")
    rate = 48_000 if name == "libopus" else context.sample_rate
    stream = output.add_stream(name, rate=rate, options=dict(options))
    if name == "flac":
        is_fine = context.format is not None and context.format.bytes > 2
        stream.codec_context.format = (
            "s32" if is_fine and context.format.is_packed and "flt" not in context.format.name else "s16"
        )
    stream.codec_context.layout = _layout(context.layout, most=2 if name == "libopus" else 8)
    stream.codec_context.time_base = fractions.Fraction(1, rate)
    return stream


def _layout(layout, most):
    """Returns the channel layout; old files only specify the number of channels."""
    if layout.nb_channels > most:
        return "stereo"
    return _LAYOUTS.get(layout.nb_channels, "stereo") if "channel" in layout.name else layout
