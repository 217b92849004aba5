"""Reverses telecine: restores 24 film frames per second from 30 video frames.

It uses FFmpeg's filters: `fieldmatch` combines matching fields, `bwdif` interpolates those without a match, `decimate`
drops the duplicate frame. They output four frames for every five, whatever their contents, so the resulting table is
known in advance.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tf_colorize.film import frames, telecine

_TOLERANCE = 0.35  # tolerance of frame times, as a share of a frame
_FINER = 4  # four frames for five: their times need finer units
_CYCLE = 5  # frames of video, of which one is dropped
_FILTERS = (("bwdif", "mode=send_frame:deint=interlaced"), ("decimate", ""))
_AFTER_LOSS = "after a loss"


class NotTelecined(frames.FilmError):
    """Telecine cannot be reversed, because the film has none."""


@dataclasses.dataclass(frozen=True)
class Video:
    """A video of about 30 frames per second that contains 24 film frames per second.

    Attributes:
        table: Its frames.
        order: The field order, as for FFmpeg's `fieldmatch`.
        slots: int64 `(n + 1,)`: the number of frames before each frame, and before the end, including missing ones.
    """

    table: frames.Table
    order: str
    slots: np.ndarray


def video(table: frames.Table, order: str | None, first: Any, path: pathlib.Path) -> Video:
    """Returns a video from which film frames can be restored.

    Args:
        table: The table of the video.
        order: Result of `telecine.order_of`.
        first: Its first frame, which may specify the order itself.
        path: The film, for messages.

    Raises:
        NotTelecined: it contains none.
    """
    if not telecine.may_have(table.rate):
        shown = f"{float(table.rate):.5g}"
        raise NotTelecined(f"{path}: has {shown} frames per second; only a video with 29.97 can be telecined")
    if order is None:
        raise NotTelecined(f"{path}: shows no pattern of telecine in the examined places")
    steps = np.diff(table.times) * float(table.time_base * table.rate)
    steps[-1] = max(1, round(steps[-1]))  # files do not always specify the duration of the last frame
    whole = np.rint(steps)
    if (np.abs(steps - whole) > _TOLERANCE).any() or (whole < 1).any():
        raise NotTelecined(f"{path}: has frames at irregular times; there must be 29.97 per second")
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
        numbered: `(number, image)` of the video, from its first frame on. Missing frames are replaced by the previous
            one, to keep the pattern.
        video: The video.
    """
    filters = (("fieldmatch", f"order={video.order}:combmatch=full"), *_FILTERS)
    yield from telecine.through(filters, _without_gaps(numbered, video))


def _without_gaps(numbered, video):
    before, n_given, expected = None, 0, 0
    for number, image in numbered:
        if number > expected:
            image.opaque = _AFTER_LOSS  # passes through the filters with the image
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
    """Returns whether the decoder concealed damage in a frame, or, with reversed telecine, a frame before it was
    lost."""
    return bool(image.is_corrupt) or image.opaque == _AFTER_LOSS
