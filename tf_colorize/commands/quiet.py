"""Keeps command lines quiet: no startup notices of TensorFlow and LiteRT, one line for a missing package."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator

from tf_colorize import installation


@contextlib.contextmanager
def startup() -> Iterator[None]:
    """Hides what the libraries of TensorFlow and LiteRT write to stderr while they start.

    They write before any log level is read, so the file descriptor itself is redirected. When an
    exception passes through, all that was written is shown after all, except for a ValueError or a
    missing package, whose message is all that a person needs.

    Example:
    >>> with startup():
    ...     import tensorflow
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        stderr = os.dup(2)
    except OSError:  # it is closed, so nothing can be written to it
        yield
        return
    with _memory() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            yield
        except BaseException as error:
            if not isinstance(error, (ValueError, installation.MissingPackage)):
                hidden.seek(0)
                os.write(stderr, hidden.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def _memory():
    """A file with a descriptor, in memory where the system can; the null device where no folder is writable."""
    with contextlib.suppress(OSError, AttributeError):
        return os.fdopen(os.memfd_create("stderr"), "w+b")
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return open(os.devnull, "r+b")


@contextlib.contextmanager
def native_log() -> Iterator[None]:
    """Hides what native code logs to the descriptor of stderr; what Python writes to `sys.stderr` is still shown."""
    try:
        before = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    stderr, nothing = sys.stderr, os.open(os.devnull, os.O_WRONLY)
    try:
        if isinstance(stderr, io.TextIOWrapper) and stderr is sys.__stderr__:
            stderr.flush()
            sys.stderr = os.fdopen(os.dup(before), "w", 1, encoding=stderr.encoding, errors=stderr.errors)
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nothing)
        sys.stderr, shown = stderr, sys.stderr
        if shown is not None and shown is not stderr:
            shown.close()


@contextlib.contextmanager
def missing_packages(program: str) -> Iterator[None]:
    """Ends the process with one line and exit code 1 if a package is missing; also works as a decorator.

    Args:
        program: What the line starts with.

    Example:
    >>> with missing_packages("train.py"):
    ...     from tf_colorize import training
    """
    try:
        with installation.explained():
            yield
    except installation.MissingPackage as error:
        print(f"{program}: {error}", file=sys.stderr)
        raise SystemExit(1) from None
