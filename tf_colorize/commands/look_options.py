"""The options of how a result looks: the one place that turns them into a `Look`."""

from __future__ import annotations

import argparse
import typing

from tf_colorize.commands import parsing

# No heavy imports up here: `tf-colorize --help` must answer at once.

if typing.TYPE_CHECKING:
    from tf_colorize.color import look

_HELP = {
    "vividness": "strength of the colors: 0 gray, 1 as the model predicts (default), 2 strong",
    "warmth": "light on the picture: over 0 warmer, under 0 cooler, 0 as the model predicts (default)",
}
"""Each is a field of `Look`."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Adds an option for each adjustment of the look."""
    from tf_colorize.color import look

    for name, text in _HELP.items():
        least, most = look.Look.range_of(name)
        parser.add_argument(
            f"--{name}",
            type=parsing.number(least, most, float),
            default=getattr(look.Look, name),
            metavar=f"{least:g}..{most:g}",
            help=text,
        )


def look_of(options: argparse.Namespace) -> look.Look:
    """Returns the look that the options of `add_to` ask for."""
    from tf_colorize.color import look

    return look.Look(**{name: getattr(options, name) for name in _HELP})
