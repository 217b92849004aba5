"""The command `tf-colorize`: finds the command that is meant and runs it."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence

# No heavy imports up here: `tf-colorize --help` must answer at once.

_COMMANDS = ("cluster", "demo", "film")
"""Each is a file in `commands`; everything else is colorized by `photos`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit code: 0, 1 if anything failed, 2 for wrong usage, 130 when stopped."""
    arguments = sys.argv[1:] if arguments is None else arguments
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # for models that need TensorFlow
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may not be valid text
    is_named = bool(arguments) and arguments[0] in _COMMANDS
    command = importlib.import_module(f"tf_colorize.commands.{arguments[0] if is_named else 'photos'}")
    try:
        return command.main(arguments[1:] if is_named else arguments)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # otherwise Python complains at exit
        return 1
