"""Renames and flushes that survive a power cut, as far as the system supports it."""

from __future__ import annotations

import errno
import os
import pathlib
import time

_PATIENCE = 5.0  # seconds that another program, such as a virus scanner, may keep a file open
# Errors of file systems that cannot flush a single file or folder.
_CANNOT_SYNC = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.EACCES, errno.EPERM, errno.EISDIR)


def replace(new: pathlib.Path, old: pathlib.Path) -> None:
    """Renames a closed file or folder; retries while another program has it open, which fails on Windows.

    Raises:
        PermissionError: it is still open after some seconds, or may not be replaced.
        OSError: it cannot be renamed.
    """
    deadline, pause = time.monotonic() + _PATIENCE, 0.01
    while True:
        try:
            new.replace(old)
            return
        except PermissionError as error:
            if error.errno != errno.EACCES:
                raise
            if time.monotonic() > deadline:
                reason = f"another program has it open, or it may not be replaced ({error.strerror})"
                raise PermissionError(errno.EACCES, reason, str(old)) from error
        time.sleep(pause)
        pause = min(2 * pause, 0.25)


def sync(path: str | os.PathLike[str]) -> None:
    """Flushes a file, or a folder with its contents, to the disk.

    Raises:
        OSError: it cannot be flushed.
    """
    if os.path.isdir(path):
        for folder, _, names in os.walk(path, topdown=False):
            for name in names:
                _sync_file(os.path.join(folder, name))
            sync_folder(folder)
    else:
        _sync_file(path)


def _sync_file(path):
    with open(path, "r+b") as file:  # Windows flushes only files that are open for writing
        sync_open(file.fileno())


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Flushes the entries of a folder, if the system supports it."""
    if os.name == "nt":  # Windows cannot open folders
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        if error.errno in _CANNOT_SYNC:  # a folder without read permission
            return
        raise
    try:
        sync_open(descriptor)
    finally:
        os.close(descriptor)


def sync_open(descriptor: int) -> None:
    """Flushes an open file to the disk, if the file system supports it."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
