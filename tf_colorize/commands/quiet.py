"""Keeps command lines quiet: no startup notices of TensorFlow and LiteRT, one line for a missing package."""

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
    """Hides what Pillow and the libraries below it say about damaged photos: each gets one line of ours."""
    with native_log(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


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
