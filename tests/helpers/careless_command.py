"""Commands that break what every command of tf_colorize promises, so that tests see whether trials find it."""

import pathlib
import sys
import time

from tf_colorize import whole

TEXT = "a result " * 5000


def carefully(arguments):
    """Writes a file as tf_colorize does."""
    try:
        whole.write_text(pathlib.Path(arguments[0], "out", "result.txt"), TEXT)
    except OSError as error:
        print(f"careful: {error}", file=sys.stderr)
        return 1
    return 0


def slowly(arguments):
    """Ends after a while."""
    time.sleep(1.0)
    return 0


def in_place(arguments):
    """Writes a file in its place, bit by bit."""
    try:
        with open(pathlib.Path(arguments[0], "out", "result.txt"), "w", buffering=1000) as file:
            for start in range(0, len(TEXT), 9000):
                file.write(TEXT[start : start + 9000])
    except OSError as error:
        print(f"careless: {error}", file=sys.stderr)
        return 1
    return 0


def with_leftovers(arguments):
    """Writes carefully, but leaves a temporary file behind."""
    pathlib.Path(arguments[0], "tmp", "rubbish").touch()
    return carefully(arguments)


def in_silence(arguments):
    """Writes carefully, but does not report what went wrong."""
    try:
        whole.write_text(pathlib.Path(arguments[0], "out", "result.txt"), TEXT)
    except OSError:
        return 1
    return 0


def with_a_traceback(arguments):
    """Writes carefully, but does not catch exceptions."""
    whole.write_text(pathlib.Path(arguments[0], "out", "result.txt"), TEXT)
    return 0
