"""Permissions, owner and time of a photo's file, which are copied to the result."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import stat


@dataclasses.dataclass(frozen=True)
class Origin:
    """Permission bits, owner, group and modification time (in nanoseconds) of a regular file."""

    mode: int
    owner: int
    group: int
    modified: int


def of(path: str | os.PathLike[str]) -> Origin | None:
    """Returns the origin of a photo, or None if `path` is not an accessible regular file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Origin(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns)


def mode_for(origin: Origin, target: str | os.PathLike[str]) -> int:
    """Returns the permission bits of a result, which is readable only by those who may read the photo.

    Results are not executable, and only owner and group may write them. If the result cannot have the photo's group,
    the group gets only the permissions of others. A replaced file does not become more readable.

    Args:
        origin: Origin of the photo.
        target: Path of the result.
    """
    mode = origin.mode & 0o664
    if not _may_give_group(origin, os.path.dirname(os.path.realpath(target))):
        mode = mode & ~0o070 | (mode & 0o007) << 3
    with contextlib.suppress(OSError):
        mode &= stat.S_IMODE(os.stat(target).st_mode)
    return mode


def _may_give_group(origin, folder):
    if not hasattr(os, "getgroups") or os.geteuid() == 0:
        return True
    with contextlib.suppress(OSError):
        status = os.stat(folder)
        if status.st_mode & stat.S_ISGID and status.st_gid == origin.group:
            return True
    return origin.group in (os.getegid(), *os.getgroups())


def give_owner(path: str | os.PathLike[str], origin: Origin) -> None:
    """Gives a new file the photo's group and, if permitted (for administrators), its owner."""
    if hasattr(os, "chown"):
        for owner, group in ((-1, origin.group), (origin.owner, -1)):
            with contextlib.suppress(OSError):
                os.chown(path, owner, group)


def give_time(path: str | os.PathLike[str], origin: Origin) -> None:
    """Gives a file the photo's modification time, so that folders sorted by time show both side by side."""
    with contextlib.suppress(OSError):
        os.utime(path, ns=(origin.modified, origin.modified))
