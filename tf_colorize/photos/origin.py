"""What the file system says of a photo, and its result should say, too: who may read it, and from when it is."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import stat
import sys


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


def protect(path: str | os.PathLike[str], origin: Origin) -> None:
    """Makes a file that is being written readable and writable for the same people as the photo, and nobody else.

    Call it before anything is written. Nobody is let write whom the process's own mask keeps out. Where the group
    cannot be the photo's, it is let do what everybody may. File systems without permissions stay as they are.

    Args:
        path: The file, new.
        origin: Of the photo.
    """
    if sys.platform == "win32":  # where a folder's permissions hold for the files in it
        return
    with contextlib.suppress(OSError):
        created = os.stat(path)
        mode = origin.mode & 0o664 | origin.mode & created.st_mode & 0o002
        os.chmod(path, mode & 0o700)
        if (created.st_uid, created.st_gid) != (origin.owner, origin.group):
            with contextlib.suppress(OSError):
                os.chown(path, -1, origin.group)
            with contextlib.suppress(OSError):  # only for administrators: the owner must be able to read it
                os.chown(path, origin.owner, -1)
        if os.stat(path).st_gid != origin.group:
            mode = mode & ~0o070 | (mode & 0o007) << 3
        os.chmod(path, mode)


def give_time(path: str | os.PathLike[str], origin: Origin) -> None:
    """Gives a file that was written the photo's time: folders sorted by time show both side by side."""
    with contextlib.suppress(OSError):
        os.utime(path, ns=(origin.modified, origin.modified))
