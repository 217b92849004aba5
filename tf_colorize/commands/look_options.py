"""The options of how a result looks, and which of them were given."""

from __future__ import annotations

import argparse

from tf_colorize.commands import parsing

# No heavy imports up here: `tf-colorize --help` must answer at once.

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
            metavar=f"{least:g}..{most:g}",
            help=text,
        )


def asked(options: argparse.Namespace) -> dict[str, float]:
    """Returns the fields of `Look` that the options of `add_to` were given for."""
    return {name: getattr(options, name) for name in _HELP if getattr(options, name) is not None}
