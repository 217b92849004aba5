"""The hints of a command: its options, and the files beside photos."""

from __future__ import annotations

import argparse
import os
import pathlib
import typing
from typing import Any

# No heavy imports up here: `tf-colorize --help` must answer at once.

if typing.TYPE_CHECKING:
    from tf_colorize.hints import Hint


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds --hint and --hints."""
    parser.add_argument(
        "--hint",
        type=_hint,
        action="append",
        default=[],
        metavar="X,Y=COLOR",
        help="a color at a place of the photo, in pixels or percent from the left and top: 120,340=#7a4b2c or "
        "25%%,40%%=navy; repeatable",
    )
    parser.add_argument(
        "--hints",
        metavar="FILE",
        help="hints file of the photo (default: NAME.hints.json beside it, if there is one)",
    )


def _hint(text):
    from tf_colorize import hints

    try:
        return hints.hint(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def beside(photo: pathlib.Path) -> pathlib.Path | None:
    """Returns the hints file of a photo, `NAME.hints.json` beside it, or None."""
    from tf_colorize import hints

    path = photo.with_name(photo.stem + hints.SUFFIX)
    return path if path.is_file() else None


def is_hints_file(path: pathlib.Path) -> bool:
    """Returns whether a file's name says that it holds hints."""
    from tf_colorize import hints

    return path.name.lower().endswith(hints.SUFFIX)


def stem(path: pathlib.Path) -> str:
    """Returns the name of a file without its suffix, a hints file's without all of `.hints.json`."""
    from tf_colorize import hints

    return path.name[: -len(hints.SUFFIX)] if is_hints_file(path) else path.stem


def read(path: pathlib.Path | None, more: tuple[Hint, ...] = ()) -> tuple[list[Hint], list[str]]:
    """Returns the hints of a photo, and notes for people.

    Args:
        path: Its hints file, or None.
        more: Hints that were given in another way.

    Raises:
        ValueError: the file cannot be used.
    """
    from tf_colorize import hints

    if path is None:
        return list(more), []
    found = hints.read(path)
    return [*found, *more], [f"{len(found)} hint{'' if len(found) == 1 else 's'} from {path.name}"]


def refuse_without(colorizer: Any, photo: str | os.PathLike[str], file: pathlib.Path | None = None) -> None:
    """Says why a photo with hints cannot be colorized with a model that takes none.

    Args:
        colorizer: A `Colorizer`.
        photo: For the message.
        file: The photo's hints file, or None.

    Raises:
        ValueError: the model takes no hints.
    """
    if not colorizer.takes_hints:
        fix = f", or rename {file.name}" if file else ""
        raise ValueError(f"{photo}: the model takes no hints; choose another with --model{fix}")
