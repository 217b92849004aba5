"""Makes the standard streams of a command usable, even if they were closed when it was started."""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import os
import stat
import sys
from collections.abc import Callable
from typing import Any

_NAMES = ("stdin", "stdout", "stderr")
_OF_OUTPUT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_closed: set[str] = set()


def repair() -> None:
    """Opens the null device in place of closed standard streams; text written there is lost.

    Otherwise the next opened file could become standard error, and messages would be written into a photo. Text that a
    terminal cannot show, such as an undecodable file name, is escaped. Messages that standard error cannot accept, as
    on a full disk, are lost; the work continues.
    """
    for number, name in enumerate(_NAMES):
        try:
            os.fstat(number)
        except OSError:
            _closed.add(name)
            _open_null(number)
        if getattr(sys, name) is None:
            # In a process without a console, the descriptor may exist but lead nowhere.
            _closed.add(name)
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115
    if sys.stderr is sys.__stderr__:  # otherwise the messages are captured, or this was done before
        sys.stderr = lenient(2, getattr(sys.stderr, "encoding", None))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def lenient(descriptor: int, encoding: str | None) -> io.TextIOWrapper:
    """Returns a text stream to an open descriptor, which it never closes; text that cannot be written is lost."""
    file = io.BufferedWriter(_Lenient(descriptor, "w", closefd=False))
    return io.TextIOWrapper(file, encoding, "backslashreplace", line_buffering=True)


def is_closed(name: str) -> bool:
    """Returns whether "stdin", "stdout" or "stderr" was closed when the command was started."""
    return name in _closed


def standard_input() -> list[int]:
    """Returns the descriptor of standard input in a list, which is empty if it has none, as in a notebook."""
    try:
        return [sys.stdin.fileno()]
    except (AttributeError, OSError, ValueError):
        return []


def is_same_file() -> bool:
    """Returns whether standard input and standard output are one file on the disk."""
    try:
        read, written = (os.fstat(stream.fileno()) for stream in (sys.stdin, sys.stdout))
    except (AttributeError, OSError, ValueError):
        return False
    return stat.S_ISREG(read.st_mode) and os.path.samestat(read, written)


def usable(command: Callable[..., int]) -> Callable[..., int]:
    """Wraps the main function of a command: gives it usable streams, and reports in one line if it cannot write to
    them or is stopped by Ctrl-C.

    Example:
    >>> @usable
    ... def main(arguments=None):
    ...     return 0
    """

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> int:
        repair()
        code = 0
        try:
            try:
                code = command(*arguments, **options)
            except SystemExit:  # as after --help
                sys.stdout.flush()
                raise
            sys.stdout.flush()
        except BrokenPipeError:  # as with `| head`: the rest is not wanted
            _open_null(1)  # otherwise Python complains at exit
            return code or 1
        except KeyboardInterrupt:  # commands that can be continued have their own message
            print("stopped", file=sys.stderr)
            return 130
        except OSError:
            problem = _problem_of_stdout()
            if problem is None:
                raise
            _open_null(1)
            if not code:  # otherwise the command has reported an error
                print(f"standard output cannot be written: {problem}", file=sys.stderr)
            return code or 1
        return code

    return wrapped


def raise_if_of_output(error: BaseException) -> None:
    """Raises an error again if standard output is its cause, for `usable`: it is no error of a file or a port."""
    if isinstance(error, BrokenPipeError):
        raise error
    is_nameless = isinstance(error, OSError) and error.filename is None
    if is_nameless and error.errno in _OF_OUTPUT and _problem_of_stdout() is not None:  # type: ignore[attr-defined]
        raise error


def _problem_of_stdout():
    """Returns why standard output cannot be written to, or None."""
    try:
        print(flush=True)  # an empty line, because the text that failed may no longer be buffered
    except OSError as error:
        return error.strerror or str(error)
    return None


class _Lenient(io.FileIO):
    """A file that accepts all text; text that cannot be written is lost."""

    def write(self, content: Any, /) -> int:
        try:
            return super().write(content)
        except OSError:
            return memoryview(content).nbytes


def _open_null(number):
    descriptor = os.open(os.devnull, os.O_WRONLY if number else os.O_RDONLY)
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)
    with contextlib.suppress(OSError):
        os.set_inheritable(number, True)  # for child processes
