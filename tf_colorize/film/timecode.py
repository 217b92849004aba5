"""Adjusts the timecode of a film for a part of it."""

from __future__ import annotations

import fractions
import re
from collections.abc import Mapping

_TIMECODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d)")


def moved(metadata: Mapping[str, str], rate: fractions.Fraction, n_frames: int) -> dict[str, str]:
    """Returns metadata with its timecode, if any, advanced by some frames.

    Args:
        metadata: Metadata of a container or stream.
        rate: Frames per second.
        n_frames: Number of frames by which the result begins later than the film.
    """
    found = _TIMECODE.fullmatch(metadata.get("timecode", ""))
    if not found or not n_frames:
        return dict(metadata)
    hours, minutes, seconds, count = (int(found[index]) for index in (1, 2, 3, 5))
    base, drops = round(rate), found[4] != ":"
    # Drop frame: numbers, not frames, are skipped at each minute except every tenth.
    left_out = round(base / 15) if drops else 0
    total = ((hours * 60 + minutes) * 60 + seconds) * base + count
    total -= left_out * ((hours * 60 + minutes) - (hours * 60 + minutes) // 10)
    return {**metadata, "timecode": _text(total + n_frames, base, left_out, found[4])}


def of_film(metadata: Mapping[str, str]) -> dict[str, str]:
    """Returns metadata with its timecode, if it has one, as film frames count: 24 a second, where video counts 30."""
    found = _TIMECODE.fullmatch(metadata.get("timecode", ""))
    if not found:
        return dict(metadata)
    return {**metadata, "timecode": f"{found[1]}:{found[2]}:{found[3]}:{int(found[5]) * 4 // 5:02}"}


def _text(total, base, left_out, separator):
    if left_out:
        ten, minute = base * 600 - 9 * left_out, base * 60 - left_out
        tens, rest = divmod(total, ten)
        if rest >= base * 60:
            total += left_out * (1 + (rest - base * 60) // minute)
        total += 9 * left_out * tens
    seconds, count = divmod(total, base)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}:{seconds:02}{separator}{count:02}"
