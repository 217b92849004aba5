"""Writes files and folders that appear completely or not at all, whatever happens to the process.

Everything is written to a temporary name in the same folder, flushed to the disk, closed and then renamed, and the
folder is flushed, too: files that exist after a power cut are complete. Links are followed: the target is replaced, the
link stays.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import pathlib
import shutil
import stat
import typing
from collections.abc import Collection, Iterator
from typing import BinaryIO

from tf_colorize import durable, leftovers

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""Numbers of the errors of a place that takes no more files."""


@contextlib.contextmanager
def open_whole(path: str | os.PathLike[str], *, mode: int | None = None) -> Iterator[BinaryIO]:
    """Yields a file to write; it replaces `path` when the block ends without an error.

    Args:
        path: Its folder is created if needed. A pipe or a device is written at the end of the block.
        mode: Permissions of the file, such as 0o600. None keeps those of the replaced file; a new file gets the default
            ones.

    Yields:
        Binary file that hides its descriptor: Pillow would write to that and not notice a full
        disk.

    Raises:
        OSError: the file cannot be written; nothing is left behind, and an existing file is unchanged.
    """
    target, status, is_replaceable = _destination(path)
    if not is_replaceable:
        with _written_through(path) as memory:
            yield memory
        return
    _refuse_folder(target)
    _prepare(target.parent)
    if mode is None and status is not None:
        mode = stat.S_IMODE(status.st_mode) & 0o777
    with naming(target):
        raw = leftovers.new_file(target.parent, 0o666 if mode is None else mode)
    temporary = pathlib.Path(raw.name)
    try:
        with naming(target), _FileOfPython(raw) as file:
            yield file
            file.flush()
            _set_owner_and_mode(raw.fileno(), status, mode)
            durable.sync_open(raw.fileno())  # otherwise a power cut could leave an empty file that looks complete
        with naming(target):
            durable.replace(temporary, target)
            durable.sync_folder(target.parent)
    finally:
        _remove_quietly(temporary)


@contextlib.contextmanager
def new_path(path: str | os.PathLike[str], *, replaces: bool = True) -> Iterator[pathlib.Path]:
    """Yields a path of the same name in a new hidden folder; the file or folder written there replaces `path` at the
    end.

    Use this for libraries that write a file or a whole folder by name.

    Args:
        path: File or folder; its parent folder is created if needed.
        replaces: Whether to replace a file or folder that exists by then; otherwise it is kept.

    Raises:
        OSError: it cannot be written; nothing is left behind, and an existing file or folder is unchanged.
    """
    target, status, _ = _destination(path)
    _prepare(target.parent)
    with naming(target):
        guard = leftovers.new_file(target.parent, 0o666)  # open while the folder is written
    folder = pathlib.Path(guard.name).with_suffix(leftovers.FOLDER_SUFFIX)
    try:
        with naming(target):
            new = folder / "new" / target.name
            new.parent.mkdir(parents=True)
            yield new
            durable.sync(new)  # first, because a read-only file cannot be opened for that
            if new.is_file():
                _refuse_folder(target)
                _keep_mode(new, status)
            if replaces or not os.path.lexists(target):
                _put_in_place(new, target, folder / leftovers.REPLACED)
            durable.sync_folder(target.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        guard.close()
        _remove_quietly(pathlib.Path(guard.name))


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes a file; see `open_whole`."""
    with open_whole(path) as file:
        file.write(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes a text file in UTF-8 without changing line ends; see `open_whole`."""
    write_bytes(path, text.encode("utf-8"))


def copy(source: str | os.PathLike[str], path: str | os.PathLike[str]) -> None:
    """Copies the content of a file; see `open_whole`."""
    with open(source, "rb") as older, open_whole(path) as newer:
        shutil.copyfileobj(older, newer)


def remove_dead(folder: str | os.PathLike[str]) -> None:
    """Removes unfinished files, but only those whose writers were killed.

    Args:
        folder: Folder for results; it need not exist.
    """
    leftovers.remove(folder)


def lock(path: str | os.PathLike[str]) -> BinaryIO:
    """Locks a file until the returned object is closed or the process ends; does nothing if the file system has no
    locks.

    Raises:
        BlockingIOError: another process has locked it.
    """
    file = open(path, "ab")  # noqa: SIM115  # closing it is what unlocks
    if leftovers.try_lock(file.fileno()) is False:
        file.close()
        raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK), str(path))
    return file


def _destination(path):
    """Returns `(resolved path, status of the existing file or None, whether it can be replaced)`."""
    path = pathlib.Path(path)
    try:
        status = path.stat()
    except FileNotFoundError:
        status = None  # new, or a link to a path that does not exist yet
    target = pathlib.Path(os.path.realpath(path)) if path.is_symlink() else path
    if status is None:
        return target, None, True
    # /dev/stdout can only be opened by its own name.
    return target, status, not _is_special(status) and _is_same(target, status)


def _is_special(status):
    return not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode)


def _is_same(path, status):
    try:
        return os.path.samestat(path.stat(), status)
    except OSError:
        return False


@contextlib.contextmanager
def _written_through(path):
    """Yields a buffer in memory, because writers of pictures seek, which pipes do not support."""
    memory = io.BytesIO()
    yield memory
    with naming(path), open(path, "wb") as file:
        file.write(memory.getbuffer())


def _set_owner_and_mode(descriptor, status, mode):
    with contextlib.suppress(OSError):  # no permission to change the owner, or a file system without owners
        if hasattr(os, "fchown") and status is not None:
            os.fchown(descriptor, status.st_uid, status.st_gid)
    with contextlib.suppress(OSError):
        if hasattr(os, "fchmod") and mode is not None:
            os.fchmod(descriptor, mode)


def _keep_mode(path, status):
    with contextlib.suppress(OSError):
        if status is not None:
            os.chmod(path, stat.S_IMODE(status.st_mode) & 0o777)


def _put_in_place(new, target, aside):
    """Renames a file or folder to `target`; an existing folder is restored after an interruption."""
    if not target.is_dir():
        return durable.replace(new, target)
    aside.mkdir()
    older = aside / target.name  # from the name, `leftovers.remove` knows where it belongs
    try:
        durable.replace(target, older)
        durable.replace(new, target)
    except BaseException:
        if older.exists() and not target.exists():
            durable.replace(older, target)
        raise


@contextlib.contextmanager
def naming(target: os.PathLike[str] | str, nameless: Collection[int] = NO_ROOM) -> Iterator[None]:
    """Makes errors in a `with` block name the final file, not the temporary one or none at all.

    Args:
        target: The final file.
        nameless: Numbers of errors that may name no file.
    """
    try:
        yield
    except OSError as error:
        is_nameless = error.filename is None and error.errno in nameless
        if is_nameless or (error.filename and leftovers.PREFIX in os.fsdecode(error.filename)):
            raise OSError(error.errno, error.strerror, str(target)) from error
        raise


def _remove_quietly(path):
    with contextlib.suppress(OSError):
        path.unlink()


def _refuse_folder(target):
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))


def _prepare(folder):
    folder.mkdir(parents=True, exist_ok=True)
    leftovers.remove_once(os.path.abspath(folder))


class _FileOfPython(io.BufferedWriter):
    def fileno(self) -> typing.NoReturn:
        raise io.UnsupportedOperation("fileno")
