"""The command `tf-colorize`: selects and runs a subcommand."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from tf_colorize.commands import streams, tree

# No heavy imports at module level: `tf-colorize --help` must answer at once.


@streams.usable
def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit code: 0, 1 if anything failed, 2 for wrong usage, 130 when stopped."""
    arguments = sys.argv[1:] if arguments is None else arguments
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # for models that need TensorFlow
    is_named = bool(arguments) and arguments[0] in tree.COMMANDS
    command = importlib.import_module(f"tf_colorize.commands.{arguments[0] if is_named else 'photos'}")
    try:
        return command.main(arguments[1:] if is_named else arguments)
    except FileNotFoundError:
        if _is_somewhere():
            raise
        print("tf-colorize: the current folder no longer exists; change to another one", file=sys.stderr)
        return 1


def _is_somewhere():
    try:
        return bool(os.getcwd())
    except FileNotFoundError:
        return False
