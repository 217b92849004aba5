"""Keeps commands quiet: hides startup notices of TensorFlow and LiteRT, and reports a missing package in one line."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator

from tf_colorize import installation
from tf_colorize.commands import streams


@contextlib.contextmanager
def startup() -> Iterator[None]:
    """Hides what TensorFlow and LiteRT write to stderr at startup.

    They write before any log level is read, so the file descriptor itself is redirected. If an exception passes
    through, the hidden text is shown after all, unless the exception is a ValueError or a missing package, whose
    message is sufficient.

    Example:
    >>> with startup():
    ...     import tensorflow
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        stderr = os.dup(2)
    except OSError:  # stderr is closed, so nothing can be written to it
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
    """Returns a file with a descriptor: in memory if the system supports it, or the null device if no folder is
    writable."""
    with contextlib.suppress(OSError, AttributeError):
        return os.fdopen(os.memfd_create("stderr"), "w+b")
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return open(os.devnull, "r+b")


@contextlib.contextmanager
def native_log() -> Iterator[None]:
    """Hides what native code writes to the descriptor of stderr; text that Python writes to `sys.stderr` is still
    shown."""
    try:
        before = os.dup(2)
    except OSError:  # stderr is closed
        yield
        return
    stderr, nothing = sys.stderr, os.open(os.devnull, os.O_WRONLY)
    shown = stderr
    try:
        if _leads_to(stderr, 2):
            stderr.flush()
            sys.stderr = shown = streams.lenient(before, stderr.encoding)
        os.dup2(nothing, 2)
        yield
    finally:
        if shown is not stderr:
            shown.flush()
        sys.stderr = stderr
        os.dup2(before, 2)
        os.close(before)
        os.close(nothing)


def _leads_to(stream, descriptor):
    try:
        return stream.fileno() == descriptor
    except (AttributeError, OSError, ValueError):  # closed, or in memory
        return False


@contextlib.contextmanager
def readers_of_photos() -> Iterator[None]:
    """Hides messages of Pillow and its libraries about damaged photos, which get one line of our own."""
    with native_log(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


@contextlib.contextmanager
def missing_packages(program: str) -> Iterator[None]:
    """Ends the process with one line and exit code 1 if a package is missing; also works as a decorator.

    Args:
        program: The beginning of the line.

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
