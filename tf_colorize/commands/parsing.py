"""Parses the arguments of commands: options need their full names, and wrong usage is reported in one line."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
import typing
from collections.abc import Callable
from typing import Any

# No heavy imports at module level: `tf-colorize --help` must answer at once.


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that accepts no abbreviations, keeps the layout of its epilog and reports errors in one line.

    Args:
        options: As for `argparse.ArgumentParser`.
    """

    def __init__(self, **options: Any) -> None:
        options = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False, **options}
        super().__init__(**options)

    def add_number(
        self, name: str, least: float, most: float, *, kind: Callable[[str], Any] = int, **options: Any
    ) -> None:
        """Adds an option for a number in a range.

        Args:
            name: Such as "--jobs".
            least, most: The range, both included.
            kind: int or float.
            options: As for `add_argument`; without a `metavar`, --help shows N.
        """
        self.add_argument(name, type=number(least, most, kind), **{"metavar": "N", **options})

    def error(self, message: str) -> typing.NoReturn:
        """Ends the process with exit code 2 after printing the error and a pointer to --help."""
        self.exit(2, f"{self.prog}: {message}{self._meant(message)} ({self.prog} --help lists all options)\n")

    def _meant(self, message):
        """Returns a suggestion for a misspelled option, as the end of a sentence."""
        unknown = re.match(r"unrecognized arguments: (--[^\s=]+)", message)
        known = [name for action in self._actions for name in action.option_strings]
        begun = [name for name in known if unknown and name.startswith(unknown[1])]
        near = begun or (difflib.get_close_matches(unknown[1], known, 1) if unknown else [])
        return f"; did you mean {near[0]}?" if near else ""


def number(low: float, high: float, kind: Callable[[str], Any]) -> Callable[[str], Any]:
    """Returns an argparse type for numbers in a range."""
    least, most = (f"{limit:g}" if isinstance(limit, float) else str(limit) for limit in (low, high))

    def parse(text):
        value = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be {least} to {most}, not {text}")
        return value

    parse.__name__ = "number"  # argparse names the type in its message
    return parse


def seconds(text: str) -> float:
    """Returns the seconds that a time says: seconds, M:SS or H:MM:SS."""
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d*)?", text):
        raise argparse.ArgumentTypeError(f"must be seconds, M:SS or H:MM:SS, not {text}")
    total = 0.0
    for part in text.split(":"):
        total = 60 * total + float(part)
    return total


def program(command: str) -> str:
    """Returns the name that a command has in its messages: "train.py" if that script runs, else "tf-colorize train"."""
    script = f"{command}.py"
    return script if os.path.basename(sys.argv[0]) == script else f"tf-colorize {command}"


def typed(command: str) -> str:
    """Returns how a command is typed: "python scripts/train.py" if that script runs, else "tf-colorize train"."""
    name = program(command)
    return f"python scripts/{name}" if name.endswith(".py") else name


def sibling(running: str, command: str) -> str:
    """Returns how another command is typed, in the same form as the running one."""
    return f"python scripts/{command}.py" if program(running).endswith(".py") else f"tf-colorize {command}"
