"""Files that appear whole or not at all, whatever happens to the process that writes them."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import uuid
from collections.abc import Iterator
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # tested before use

_PREFIX = ".tf-colorize-"
_SUFFIX = ".part"


@contextlib.contextmanager
def open_whole(path: pathlib.Path) -> Iterator[BinaryIO]:
    """Yields a file to write; it replaces `path` when the block ends without an error.

    Args:
        path: `pathlib.Path`; its folder is created if needed.

    Yields:
        Binary file that hides its descriptor: Pillow would write to that and not notice a full
        disk.

    Raises:
        OSError: it cannot be written; nothing is left behind, and an older file is unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = _new_file(path.parent)
    file = _FileOfPython(raw)
    temporary = pathlib.Path(raw.name)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(raw.fileno())  # otherwise a power cut leaves an empty file that looks done
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _new_file(folder):
    """An `io.FileIO` that no other process writes, locked until the process ends."""
    while True:
        # Beside the target, because renaming is atomic only within a file system. A random name suits two
        # containers on one volume, whose process numbers can collide, and targets with the longest names.
        file = io.FileIO(folder / f"{_PREFIX}{uuid.uuid4().hex}{_SUFFIX}", "x")
        if fcntl:  # tells `remove_dead` that somebody is at work here
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:  # otherwise `remove_dead` was quicker than the lock
            return file
        file.close()


def remove_dead(folder: str | os.PathLike[str]) -> None:
    """Removes the unfinished files of writers that were killed, and only those.

    Args:
        folder: Where results go; it need not exist.
    """
    if not fcntl:
        return
    for path in pathlib.Path(folder).glob(f"{_PREFIX}*{_SUFFIX}"):
        with contextlib.suppress(OSError), open(path, "rb") as file:  # in use, gone, or somebody else's
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def lock(path: pathlib.Path) -> BinaryIO:
    """Locks a file until what is returned is closed or the process ends.

    Raises:
        BlockingIOError: another process has locked it.
    """
    file = open(path, "ab")  # noqa: SIM115  # closing it is what unlocks
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        file.close()
        raise
    return file


class _FileOfPython(io.BufferedWriter):
    def fileno(self):
        raise io.UnsupportedOperation("fileno")
