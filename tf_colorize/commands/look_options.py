"""Options for the look of a result, and the reading of those that were given."""

from __future__ import annotations

import argparse
import os
import pathlib
import typing
from collections.abc import Callable
from typing import Any

from tf_colorize.commands import parsing

# No heavy imports at module level: `tf-colorize --help` must answer at once.

if typing.TYPE_CHECKING:
    from tf_colorize.albums import variants

_HELP = {
    "vividness": "strength of the colors: 0 gray, 1 as the model predicts (default), 2 strong",
    "warmth": "color of the light: over 0 warmer, under 0 cooler, 0 as the model predicts (default)",
}
"""Each is a field of `Look`."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Adds an option for each field of the look, and those for files."""
    from tf_colorize.color import look

    for name, text in _HELP.items():
        least, most = look.Look.range_of(name)
        parser.add_argument(
            f"--{name}",
            type=parsing.number(least, most, float),
            metavar=f"{least:g}..{most:g}",
            help=text,
        )
    parser.add_argument(
        "--reference",
        type=_complaining(_reference),
        action="append",
        metavar="PHOTO",
        help="color photo whose colors similar things take on; repeatable; in films, PHOTO@TIME applies from that "
        "time on",
    )
    parser.add_argument(
        "--look",
        type=_complaining(_read),
        metavar="FILE",
        help="file with a look, saved by --save-look or the page; other options override it",
    )
    parser.add_argument("--save-look", metavar="FILE", help="save the look of these options to a file for --look")


def asked(options: argparse.Namespace) -> dict[str, Any]:
    """Returns the fields of `Look` that the options of `add_to` were given for."""
    given = {name: getattr(options, name) for name in _HELP if getattr(options, name) is not None}
    if options.reference:
        given["reference"] = tuple(options.reference)
    return {**(options.look or {}), **given}


def of_variant(variant: variants.Variant) -> str:
    """Returns the options for a picture of a sheet of variants."""
    if variant.hint is not None:
        return f"--hint {variant.hint.x},{variant.hint.y}={variant.hint.color}"
    return " ".join(f"--{name} {getattr(variant.look, name):g}" for name in _HELP)


def photos(options: argparse.Namespace) -> list[pathlib.Path]:
    """Returns the files of the look's references, which results must not replace."""
    return [pathlib.Path(one.name) for one in asked(options).get("reference", ()) if one.name]


def save(options: argparse.Namespace) -> None:
    """Saves the look of the options if --save-look is given, or with --dry-run, only says so.

    Raises:
        ValueError: the file cannot be written.
    """
    if options.save_look is not None and getattr(options, "dry_run", False):
        print(f"the look of these options -> {options.save_look}")
    elif options.save_look is not None:
        from tf_colorize import look_files

        look_files.write(asked(options), options.save_look)


def _read(path):
    from tf_colorize import look_files

    return look_files.read(path)


def _reference(text):
    from tf_colorize import look_files

    path, at, time = text.rpartition("@")
    is_timed = at and os.path.lexists(path) and not os.path.lexists(text)
    return look_files.open_reference(path, parsing.seconds(time)) if is_timed else look_files.open_reference(text)


def _complaining(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Returns an argparse type that reports the error message of a function."""

    def parse(text):
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse
