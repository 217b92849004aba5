"""Temporary names of unfinished files and folders, and which of them their writers will never finish.

A name tells which machine and process made it, and an open file is locked as long as it is written. Where the file
system has no locks, or where other machines do not see them, the name and the age decide.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
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
"""Name, in a temporary folder, of the folder with what is being replaced."""

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
        True, or False if another process holds it, or None where the file system has no locks.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Locks over a network report EACCES.
        return False if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES) else None
    return True


def remove(folder: str | os.PathLike[str]) -> None:
    """Removes the unfinished files and folders of writers that were killed, and only those.

    If a writer was killed while it exchanged one folder for another, the older one is put back.

    Args:
        folder: Where results go; it need not exist.
    """
    with contextlib.suppress(OSError):
        names = [name for name in os.listdir(folder) if _NAME.fullmatch(name)]
        for name in sorted(names):  # a file comes before the folder that it stands for
            with contextlib.suppress(OSError):  # in use, gone, or somebody else's
                _remove_one(pathlib.Path(folder, name), names)


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
    """Whether somebody writes the file, or None where nobody can tell."""
    if fcntl is None:
        return False  # Windows does not remove an open file
    if path.is_dir():
        return None
    try:
        with open(path, "r+b") as file:  # network file systems lock only what is open for writing
            got = try_lock(file.fileno())
    except PermissionError:  # it takes the place of a file that nobody may write
        return None
    return None if got is None else not got


def _is_running(process):
    if fcntl is None:
        return True  # there, the question would end the process
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass  # it is somebody else's
    return True


@functools.lru_cache
def _machine():
    """12 characters for the machine or container within which a process number means one process."""
    facts = [socket.gethostname()]
    with contextlib.suppress(OSError):  # Linux
        facts.append(pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8"))
        facts.append(str(os.stat("/proc/self/ns/pid").st_ino))
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]
