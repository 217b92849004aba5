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

_options: set[str] = set()  # of the command that runs
_OPTION_OF = {
    **{"source": "data", "paths": "data", "fraction": "val-fraction", "weights": "encoder-weights"},
    **{"url": "model", "colorizer": "model", "colorizers": "model"},
}
"""Arguments of the library that have another name as options."""

# Names of files may look alike, but stand at the beginning, or have a suffix.
_ARGUMENT = re.compile(r"(?<![^\s(])`([a-z][a-z0-9_]*)`(?=[\s,:;)]|\.?$|\.\s)")
_VALUE = re.compile(r"(?<![^ (])([a-z][a-z0-9_]*)=(?=\S)")
_EXCEPTION = re.compile(r"(?:(?<=\()|(?<=: )|^)[A-Z][A-Za-z]*(?:Error|Exception)(?=\)?$)")
_FOR_PROGRAMMERS = re.compile(
    r"\[Errno -?\d+\] |(?:(?<=\()|(?<=: ))[A-Z][A-Za-z]*(?:Error|Exception): |\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : "
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LIMIT_ADVICE = "; raise `max_pixels` if you trust the file"


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

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses arguments; from then on, `in_words` knows the options of this command."""
        _options.clear()
        _options.update(name for action in self._actions for name in action.option_strings)
        return super().parse_args(args, namespace)

    def error(self, message: str) -> typing.NoReturn:
        """Ends the process with exit code 2 after printing the error and a pointer to --help."""
        text = one_line(in_words(f"{message}{self._meant(message)}"))
        self.exit(2, f"{self.prog}: {text} ({self.prog} --help lists all options)\n")

    def _meant(self, message):
        """Returns a suggestion for a misspelled option, as the end of a sentence."""
        unknown = re.match(r"unrecognized arguments: (--[^\s=]+)", message)
        known = [name for action in self._actions for name in action.option_strings]
        begun = [name for name in known if unknown and name.startswith(unknown[1])]
        near = begun or (difflib.get_close_matches(unknown[1], known, 1) if unknown else [])
        return f"; did you mean {near[0]}?" if near else ""


def in_words(text: object) -> str:
    """Returns a message of the library as the running command says it: with its options instead of the library's
    names of arguments, which are in backticks, and without names of exceptions.

    Example:
    >>> in_words("`side_length` must be over 0. Received: side_length=-1"), in_words("no such thing (KeyError)")
    ('side length must be over 0. Received: side length -1', 'no such thing (unexpected error)')
    """
    line = str(text)
    if "--max-pixels" not in _options:
        line = line.replace(_LIMIT_ADVICE, "")
    names = {name: _said(name) for name in _ARGUMENT.findall(line)}
    line = _ARGUMENT.sub(lambda found: names[found[1]], line)
    start, received, values = line.partition("Received: ")
    values = _VALUE.sub(lambda found: f"{_said(found[1])} " if _is_known(found[1], names) else found[0], values)
    return _EXCEPTION.sub("unexpected error", _FOR_PROGRAMMERS.sub("", start + received + values))


def complain(program: str, text: object) -> None:
    """Prints a problem on standard error, as the program says it; see `in_words` and `one_line`."""
    print(one_line(f"{program}: {in_words(text)}"), file=sys.stderr, flush=True)


def one_line(text: str) -> str:
    """Returns a text with its control characters escaped: a file name must not break lines or color a terminal.

    Example:
    >>> one_line("Großmutter\\n.jpg")
    'Großmutter\\\\n.jpg'
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def reason_of(error: Exception) -> str:
    """Returns a one-line message for an error of the library or the system."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _said(name):
    option = f"--{_OPTION_OF.get(name, name).replace('_', '-')}"
    return option if option in _options else name.replace("_", " ")


def _is_known(name, names):
    return name in names or _said(name).startswith("--")


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
