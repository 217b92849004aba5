"""What the file system says of a photo, and its result should say, too: who may read it, and from when it is."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import stat


@dataclasses.dataclass(frozen=True)
class Origin:
    """Of a regular file: permission bits, owner, group, and time of the last change in nanoseconds."""

    mode: int
    owner: int
    group: int
    modified: int


def of(path: str | os.PathLike[str]) -> Origin | None:
    """Returns where a photo comes from, or None where `path` is not a regular file that can be asked."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Origin(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns)


def mode_for(origin: Origin, target: str | os.PathLike[str]) -> int:
    """Returns the permission bits of a result: whom the photo keeps out, it keeps out.

    Pictures are not programs, and nobody but the owner and the group may write them. Where the group cannot be the
    photo's, it may do what everybody may. A file that is replaced does not become more readable.

    Args:
        origin: Of the photo.
        target: Where the result goes.
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
    """Gives a new file to the photo's group, and where that is allowed, which takes an administrator, to its owner."""
    if hasattr(os, "chown"):
        for owner, group in ((-1, origin.group), (origin.owner, -1)):
            with contextlib.suppress(OSError):
                os.chown(path, owner, group)


def give_time(path: str | os.PathLike[str], origin: Origin) -> None:
    """Gives a file that was written the photo's time: folders sorted by time show both side by side."""
    with contextlib.suppress(OSError):
        os.utime(path, ns=(origin.modified, origin.modified))
