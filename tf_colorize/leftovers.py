"""Temporary names for unfinished files and folders, and removal of those that were abandoned.

A name identifies the machine and process that created it, and a file is locked while it is written. If the file system
has no locks, or other machines do not see them, the name and the age decide.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import io
import os
import pathlib
import re
import shutil
import socket
import time
import uuid

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # tested before use

PREFIX = ".tf-colorize-"
FILE_SUFFIX = ".part"
FOLDER_SUFFIX = ".parts"
REPLACED = "replaced"
"""Name, inside a temporary folder, for the old version of a folder that is being replaced."""

_NAME = re.compile(r"\.tf-colorize-(?:(?P<machine>[0-9a-f]{12})-(?P<process>\d+)-)?[0-9a-f]+\.parts?")
# A file is unlocked for an instant before it is renamed, and locks of other machines may be invisible here.
_UNLOCKED_SECONDS = 600.0
_WITHOUT_LOCKS_SECONDS = 86400.0


def new_name() -> str:
    """Returns a name without suffix that no other process uses, hidden and of about 60 characters."""
    return f"{PREFIX}{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:16]}"


def try_lock(descriptor: int) -> bool | None:
    """Locks an open file until it is closed.

    Returns:
        True, or False if another process has locked it, or None if the file system has no locks.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Network file systems report EACCES.
        return False if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES) else None
    return True


def new_file(folder: pathlib.Path, mode: int) -> io.FileIO:
    """Returns a new file that no other process writes; it is locked until it is closed, if the file system has locks.

    Raises:
        OSError: it cannot be created.
    """
    for _ in range(100):
        # Beside the target, because renaming is atomic only within a file system.
        path = folder / (new_name() + FILE_SUFFIX)
        file = io.FileIO(path, "x", opener=lambda name, flags: os.open(name, flags, mode))
        try_lock(file.fileno())
        # Otherwise another process removed it before it was locked. The link count would not tell: some systems report
        # 0.
        if path.exists():
            return file
        file.close()
    raise OSError(errno.EIO, "new files vanish at once", str(folder))


def remove(folder: str | os.PathLike[str]) -> None:
    """Removes unfinished files and folders, but only those whose writers were killed.

    If a writer was killed while replacing a folder, the old one is restored.

    Args:
        folder: Folder for results; it need not exist.
    """
    with contextlib.suppress(OSError):
        names = [name for name in os.listdir(folder) if _NAME.fullmatch(name)]
        for name in sorted(names):  # a file sorts before the folder that it stands for
            with contextlib.suppress(OSError):  # in use, already removed, or owned by another user
                _remove_one(pathlib.Path(folder, name), names)


@functools.lru_cache(maxsize=1024)
def remove_once(folder: str) -> None:
    """Removes unfinished files of killed writers, once per process and folder; see `remove`."""
    remove(folder)


def _remove_one(path, names):
    if path.suffix == FILE_SUFFIX:
        if _is_dead(path):
            path.unlink()
            _remove_folder(path.with_suffix(FOLDER_SUFFIX))
    elif path.with_suffix(FILE_SUFFIX).name not in names and _is_dead(path):
        _remove_folder(path)


def _remove_folder(path):
    if not path.is_dir():
        return
    replaced = path / REPLACED
    for older in replaced.iterdir() if replaced.is_dir() else ():
        if not os.path.lexists(path.parent / older.name):
            older.rename(path.parent / older.name)
    shutil.rmtree(path, ignore_errors=True)


def _is_dead(path):
    made_by = _NAME.fullmatch(path.name)
    machine, process = made_by["machine"], made_by["process"]
    locked = _is_locked(path)
    if locked:
        return False
    if machine == _machine() and not _is_running(int(process)):
        return True
    if machine is None and locked is False:  # from an earlier version, whose files stay locked to the end
        return True
    age = time.time() - path.stat().st_mtime
    return age > (_WITHOUT_LOCKS_SECONDS if locked is None else _UNLOCKED_SECONDS)


def _is_locked(path):
    """Returns whether a process is writing the file, or None if that is unknown."""
    if fcntl is None:
        return False  # Windows does not remove an open file
    if path.is_dir():
        return None
    try:
        with open(path, "r+b") as file:  # network file systems lock only files that are open for writing
            got = try_lock(file.fileno())
    except PermissionError:  # it replaces a read-only file
        return None
    return None if got is None else not got


def _is_running(process):
    if fcntl is None:
        return True  # on Windows, `os.kill` would end the process
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass  # it belongs to another user
    return True


@functools.lru_cache
def _machine():
    """Returns 12 characters that identify the machine or container within which process numbers are unique."""
    facts = [socket.gethostname()]
    with contextlib.suppress(OSError):  # Linux
        facts.append(pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8"))
        facts.append(str(os.stat("/proc/self/ns/pid").st_ino))
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]
