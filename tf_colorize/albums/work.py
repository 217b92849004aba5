"""Colorizes one photo: reads it and its hints, writes the result, and returns the outcome, whatever happens."""

from __future__ import annotations

import dataclasses
import pathlib
import time
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from PIL import Image

from tf_colorize.albums import hints_beside, variants
from tf_colorize.color import colorfulness
from tf_colorize.color.look import UNCHANGED, Look
from tf_colorize.photos import contact_sheet, files

if typing.TYPE_CHECKING:
    import numpy as np

    from tf_colorize.hints import Hint

_COMPARE_BOX = (1600, 1600)


@dataclasses.dataclass(frozen=True)
class Job:
    """A photo or film to read and the file to write; `compare` is the side-by-side picture or None, `hints` the
    photo's hints file or None.
    """

    source: pathlib.Path
    target: pathlib.Path
    compare: pathlib.Path | None = None
    hints: pathlib.Path | None = None


@dataclasses.dataclass(frozen=True)
class Options:
    """Options for reading, colorizing and writing photos."""

    adjustments: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # of the look; they override a hints file
    quality: int | None = None  # None: the format's default
    overwrite: bool = False
    max_pixels: int = files.DEFAULT_MAX_PIXELS
    allow_truncated: bool = False
    skip_color: bool = False  # skip photos that already have color
    hints: tuple[Hint, ...] = ()  # in addition to those of hints files
    variants: Callable[[variants.Variant], str] | None = None  # labels a sheet, which then is the result


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The outcome for one photo.

    Attributes:
        size: Width and height of the result, or None.
        seconds: Processing time.
        notes: Notices for the user.
        has_color: Whether the photo already had color.
        is_skipped: Whether it was skipped for that reason.
        reason: One line that says why there is no result, or None on success.
    """

    size: tuple[int, int] | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    has_color: bool = False
    is_skipped: bool = False
    reason: str | None = None


def reason_of(error: BaseException, names: Iterable[object] = ()) -> str:
    """Returns a one-line message for an exception.

    Args:
        error: The exception.
        names: Files that the message may begin with; line breaks in their names do not end it.
    """
    text = str(error)
    start = next((f"{name}: " for name in names if text.startswith(f"{name}: ")), "")
    line = start + (text[len(start) :].strip().splitlines() or [""])[0]
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    if isinstance(error, ValueError) and line:
        return line
    return f"{line} ({type(error).__name__})" if line else type(error).__name__


def colorize_file(colorizer: Callable[..., np.ndarray], job: Job, options: Options) -> Outcome:
    """Reads, colorizes and writes one photo; any error becomes the `reason` of the returned outcome."""
    start = time.perf_counter()
    try:
        outcome = _colorize_file(colorizer, job, options)
    except Exception as error:
        return Outcome(seconds=time.perf_counter() - start, reason=_naming_a_file(error, job))
    return dataclasses.replace(outcome, seconds=time.perf_counter() - start)


def colorize_picture(
    colorizer: Callable[..., np.ndarray], picture: files.Picture, look: Look = UNCHANGED, hints: Sequence[Hint] = ()
) -> Image.Image:
    """Returns the colorized picture with its own alpha: mode "RGB" or "RGBA".

    `picture.image` is released meanwhile: 100 megapixels take 400 MB.
    """
    rgb = colorizer(picture, look=look, hints=hints)
    alpha = picture.image.getchannel("A") if picture.image.mode.endswith("A") else None
    picture.image = None
    image = Image.fromarray(rgb)
    if alpha is not None:
        image.putalpha(alpha)
    return image


def note_lost_alpha(picture: files.Picture, image_format: str) -> None:
    """Adds a note to a picture if its result, in this format of Pillow, cannot be transparent as it is."""
    if picture.image.mode.endswith("A") and image_format not in files.WITH_ALPHA:
        picture.notes.append("transparency flattened onto white")


def _colorize_file(colorizer, job, options):
    wishes = hints_beside.read(job.hints, options.hints, options.adjustments)
    hints_beside.refuse_without(colorizer, wishes, job.source, job.hints)
    picture = files.read(job.source, max_pixels=options.max_pixels, allow_truncated=options.allow_truncated)
    has_color = colorfulness.has_color(picture.image)
    if has_color and options.skip_color:
        return Outcome(picture.image.size, 0.0, tuple(picture.notes), has_color, is_skipped=True)
    before = contact_sheet.fitted(picture.image, _COMPARE_BOX) if job.compare else None
    image_format = files.format_of(job.target)
    files.check_size(picture.image.size, image_format)
    note_lost_alpha(picture, image_format)
    if options.variants is not None:
        sheet = variants.sheet(colorizer, picture.image, wishes.look, wishes.hints, options.variants)
        files.save(sheet, job.target, dataclasses.replace(picture, metadata={}), quality=options.quality)
        return Outcome(sheet.size, 0.0, (*wishes.notes, *picture.notes), has_color)
    image = colorize_picture(colorizer, picture, wishes.look, wishes.hints)
    if options.overwrite or not job.target.exists():
        picture.notes += files.save(image, job.target, picture, quality=options.quality)
    if job.compare and (options.overwrite or not job.compare.exists()):
        # It has no metadata of the photo, but gets the same permissions.
        like = dataclasses.replace(picture, metadata={})
        files.save(
            _side_by_side(before, contact_sheet.fitted(image, _COMPARE_BOX)), job.compare, like, quality=options.quality
        )
    return Outcome(image.size, 0.0, (*wishes.notes, *picture.notes), has_color)


def _naming_a_file(error, job):
    """Returns the reason, prefixed by the photo's path unless it names another file of the job."""
    names = [path for path in (job.source, job.target, job.compare, job.hints) if path]
    reason = reason_of(error, names)
    return reason if reason.startswith(tuple(f"{name}: " for name in names)) else f"{job.source}: {reason}"


def _side_by_side(before, after):
    gap = 8
    both = Image.new("RGB", (before.width + gap + after.width, before.height), "white")
    both.paste(before, (0, 0))
    both.paste(after, (before.width + gap, 0))
    return both
