"""Lists the frames of a file."""

from __future__ import annotations

import fractions
import itertools

import numpy as np

from tf_colorize.film import decoding, frames, sources

# FFmpeg cannot seek reliably in these: in MPEG program streams, a quarter of the positions was wrong.
_NOT_SOUGHT = ("mpeg",)
_GAP = 1.4  # factor on the usual time between frames
_COMPARED = 48  # packets at the beginning whose decoded frames must match their timestamps


def table_of(source: sources.Source) -> frames.Table:
    """Lists the frames of a film from its packets or, if they do not have enough information, by decoding it.

    Raises:
        FilmError: the film cannot be read.
    """
    with source.opened() as container:
        stream = sources.video_stream(container, source)
        rate = source.rate if source.is_images else sources.rate_of(stream)
        time_base = stream.time_base or fractions.Fraction(1, 90_000)
        listed = _listed(container, stream, source)
    if listed is not None:
        with source.opened() as container:
            stream = sources.video_stream(container, source)
            begun = [frame.pts for frame in decoding.decoded(container, stream, source.path, n_packets=_COMPARED)]
        shown, keys = listed
        is_timed = bool(begun) and None not in begun
        shown = [entry for entry in shown if is_timed and entry[0] >= begun[0]]
        if is_timed and [time for time, _ in shown[: len(begun)]] == begun:
            return frames.table(shown, time_base, rate, keys=[key for key in keys if key >= begun[0]])
    return _table_by_decoding(source, time_base, rate, [time for time, _ in listed[0]] if listed else None)


def _listed(container, stream, source):
    """Returns `((time, duration) of each frame, keys)` from the packets, or None if they do not have this
    information."""
    if container.format.name in _NOT_SOUGHT:
        return None
    clock, shown, keys = sources.Clock(container), [], []
    for packet in sources.packets(container, [stream], source.path):
        if packet.is_discard:
            continue
        # In Matroska, the first frames have no decoding time.
        has_jumped = packet.dts is not None and clock.has_jumped(packet.dts * packet.time_base)
        if packet.pts is None or has_jumped:
            return None
        shown.append((packet.pts, packet.duration or 0))
        if packet.is_keyframe:
            keys.append(packet.pts)
    shown.sort()
    if not shown or any(one[0] == other[0] for one, other in itertools.pairwise(shown)):
        return None
    return shown, keys


def _table_by_decoding(source, time_base, rate, announced):
    failed: list[int | None] = []
    with source.opened() as container:
        stream = sources.video_stream(container, source)
        clock = sources.Clock(container)
        times, n_failed = [], []
        for frame in decoding.decoded(container, stream, source.path, failed=failed):
            unit = frame.time_base / time_base
            times.append([None if one is None else round(one * unit) for one in (frame.pts, frame.dts)])
            n_failed.append(len(failed))
    step = max(1, round(1 / ((rate or 25) * time_base)))
    shown, jumps = _in_order(min(zip(*times, strict=True), key=_n_falls), clock, time_base, step)
    lost: list[int] = []
    for time, count in zip([*shown, shown[-1]], [*n_failed, len(failed)], strict=True):
        lost += [time] * (count - len(lost))  # their times are about here
    if announced is not None:
        lost = max(lost, _missing(announced, shown, step), key=len)
    return frames.table([(time, 0) for time in shown], time_base, rate, jumps=jumps, lost=lost)


def _in_order(times, clock, time_base, step):
    """Times that rise, and what was added to the clock after each of its jumps."""
    shown: list[int] = []
    jumps, shift = [], 0
    for time in times:
        last = shown[-1] if shown else None
        if time is None:
            time = 0 if last is None else last + step
        else:
            if clock.has_jumped(time * time_base):
                shift = last + step - time
                jumps.append(shift * time_base)
            time += shift
        # Times that repeat or decrease slightly; frames still come in order.
        shown.append(time if last is None else max(time, last + 1))
    return shown, jumps


def _n_falls(times):
    """Returns how often times do not rise. Times of showing of packed B-frames do not, but times of decoding do."""
    return sum(one is None or other is None or other <= one for one, other in itertools.pairwise(times))


def _missing(announced, shown, step):
    """Returns the times of packets in gaps between frames; other packets without a frame only contain data for
    others."""
    places = np.searchsorted(shown, announced)
    found = zip(announced, places, strict=True)
    inside = ((time, index) for time, index in found if 0 < index < len(shown) and time < shown[index])
    return [time for time, index in inside if shown[index] - shown[index - 1] > _GAP * step]
