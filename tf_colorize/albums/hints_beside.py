"""Finds and reads the hints file beside a photo or film, `NAME.hints.json`."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import typing
from collections.abc import Mapping
from typing import Any

from tf_colorize import hints
from tf_colorize.color.look import ADJUSTMENTS, Look
from tf_colorize.inference.colorizer import Colorizer
from tf_colorize.photos import find

if typing.TYPE_CHECKING:
    from tf_colorize.hints import Hint


@dataclasses.dataclass(frozen=True)
class Wishes:
    """The hints and the look for one photo or film.

    Attributes:
        hints: Colors at places.
        look: Adjustments of the colors.
        notes: Notices that name what was taken from the hints file.
    """

    hints: list[Hint]
    look: Look
    notes: list[str]


def name_for(photo: str) -> str:
    """Returns the name of the hints file for a photo or film with this file name.

    Example:
    >>> name_for("Reel No. 5"), name_for("a.jpg")
    ('Reel No. 5.hints.json', 'a.hints.json')
    """
    return find.split_suffix(photo)[0] + hints.SUFFIX


def beside(photo: pathlib.Path) -> pathlib.Path | None:
    """Returns the hints file beside a photo or film, or None.

    A link that leads nowhere is returned, too: reading it reports that the hints are missing.
    """
    path = photo.with_name(name_for(photo.name))
    is_broken_link = os.path.islink(path) and not os.path.exists(path)
    return path if is_broken_link or os.path.isfile(path) else None


def is_hints_file(path: str | os.PathLike[str]) -> bool:
    """Returns whether a file is named like a hints file."""
    return os.fspath(path).lower().endswith(hints.SUFFIX)


def read(
    path: pathlib.Path | None, more: tuple[Hint, ...] = (), adjustments: Mapping[str, Any] | None = None
) -> Wishes:
    """Returns the hints and the look for a photo.

    Args:
        path: Its hints file, or None.
        more: Further hints, which are added to those of the file. At the same place, they take precedence.
        adjustments: Fields of the look that override those of the file.

    Raises:
        ValueError: the file cannot be used.
    """
    adjustments = adjustments or {}
    if path is None:
        return Wishes(list(more), Look(**adjustments), [])
    found, in_file = hints.read_with_look(path)
    used = {name: value for name, value in in_file.items() if name not in adjustments}
    said = [f"{name} {value:g}" for name, value in used.items() if name in ADJUSTMENTS]
    said += ["a reference"] if "reference" in used else []
    if found or not said:
        said.insert(0, f"{len(found)} hint{'' if len(found) == 1 else 's'}")
    # Of hints at equal distances, the first is painted.
    return Wishes([*more, *found], Look(**{**used, **adjustments}), [f"{', '.join(said)} from {path.name}"])


def refuse_without(
    colorizer: Colorizer, wishes: Wishes, photo: str | os.PathLike[str], file: pathlib.Path | None = None
) -> None:
    """Checks that a model takes hints, for a photo that has some or a reference, whose colors become hints.

    Args:
        colorizer: A `Colorizer`.
        wishes: The hints and the look for the photo.
        photo: The photo, for the message.
        file: The photo's hints file, or None.

    Raises:
        ValueError: the model takes no hints, and there are some.
    """
    if (wishes.hints or wishes.look.reference) and not colorizer.takes_hints:
        what = "hints" if wishes.hints else "hints, so no reference either"
        fix = f", or rename {file.name}" if file else ""
        raise ValueError(f"{photo}: the model takes no {what}; choose another model{fix}")
