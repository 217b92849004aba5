"""Takes telecine back: the 24 film frames a second that 30 frames of video were made of.

FFmpeg's filters do it: `fieldmatch` puts fields that belong together beside each other, `bwdif` mends those without a
partner, `decimate` drops the frame that comes twice. They count frames and give four for every five, whatever is in
them; so the table of what comes out is known before.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tf_colorize.film import frames, telecine

_TOLERANCE = 0.35  # of a frame that a frame may be early or late
_FINER = 4  # four frames for five: their times need finer units
_CYCLE = 5  # frames of video, of which one is dropped
_FILTERS = (("bwdif", "mode=send_frame:deint=interlaced"), ("decimate", ""))
_AFTER_LOSS = "after a loss"


class NotTelecined(frames.FilmError):
    """Telecine cannot be taken back, because a film has none."""


@dataclasses.dataclass(frozen=True)
class Video:
    """A video of about 30 frames a second that holds 24 film frames.

    Attributes:
        table: Its frames.
        order: Of the fields in a frame, as FFmpeg's `fieldmatch` takes it.
        slots: int64 `(n + 1,)`: how many frames lie before each frame, and before the end: also those of gaps.
    """

    table: frames.Table
    order: str
    slots: np.ndarray


def video(table: frames.Table, order: str | None, first: Any, path: pathlib.Path) -> Video:
    """Returns a video to take film frames out of.

    Args:
        table: Of the video.
        order: From `telecine.order_of`.
        first: Its first frame, which may say the order by itself.
        path: For messages.

    Raises:
        NotTelecined: it holds none.
    """
    if not telecine.may_have(table.rate):
        shown = f"{float(table.rate):.5g}"
        raise NotTelecined(f"{path}: has {shown} frames a second; only a video of 29.97 can be telecined")
    if order is None:
        raise NotTelecined(f"{path}: shows no rhythm of telecine in the places that were looked at")
    steps = np.diff(table.times) * float(table.time_base * table.rate)
    steps[-1] = max(1, round(steps[-1]))  # files do not always know how long the last frame is shown
    whole = np.rint(steps)
    if (np.abs(steps - whole) > _TOLERANCE).any() or (whole < 1).any():
        raise NotTelecined(f"{path}: has frames at irregular times; they must follow each other at 29.97 a second")
    slots = np.append(0, np.cumsum(whole)).astype(np.int64)
    return Video(table, "auto" if first.interlaced_frame else order, slots)


def film_table(video: Video) -> frames.Table:
    """Returns the table of the film frames in a video."""
    table, n_slots = video.table, int(video.slots[-1])
    begins = np.arange(n_slots - n_slots // _CYCLE) * (_CYCLE / (_CYCLE - 1))
    times = np.rint(np.interp(np.append(begins, n_slots), video.slots, table.times * _FINER)).astype(np.int64)
    return frames.Table(
        times,
        table.time_base / _FINER,
        table.rate * (_CYCLE - 1) / _CYCLE,
        table.origin * _FINER,
        jumps=table.jumps,
        lost=tuple(time * _FINER for time in table.lost),
    )


def film_frames(numbered: Iterable[tuple[int, Any]], video: Video) -> Iterator[Any]:
    """Yields the film frames of a video, as many as `film_table` lists.

    Args:
        numbered: `(number, image)` of the video, from its first frame on. Where some are missing, the frame before is
            taken, so that the rhythm goes on.
        video: The video.
    """
    filters = (("fieldmatch", f"order={video.order}"), *_FILTERS)
    yield from telecine.through(filters, _without_gaps(numbered, video))


def _without_gaps(numbered, video):
    before, n_given, expected = None, 0, 0
    for number, image in numbered:
        if number > expected:
            image.opaque = _AFTER_LOSS  # goes through the filters with it
        expected = number + 1
        for slot in range(n_given, int(video.slots[number]) + 1):
            is_there = slot == video.slots[number] or before is None
            before = image if is_there else before
            yield _at(slot, before, video)
            n_given += 1
    for slot in range(n_given, int(video.slots[-1]) if before is not None else 0):
        yield _at(slot, before, video)


def _at(slot, image, video):
    image.pts, image.time_base = slot, 1 / video.table.rate
    return image


def is_damaged(image: Any) -> bool:
    """Whether the decoder made up some of a frame, or, where telecine is taken back, a frame before it was lost."""
    return bool(image.is_corrupt) or image.opaque == _AFTER_LOSS
