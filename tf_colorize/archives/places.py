"""The common interface of folders and buckets: names below them, files that are read and written completely.

A place can be sent to other machines: it holds no connection, only the data to create one there. Names are relative to
the place, with "/" between their parts; "" is the place itself.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import stat
from collections.abc import Callable, Iterator

from tf_colorize import whole
from tf_colorize.archives import addresses, buckets
from tf_colorize.photos import find

Bucket = buckets.Bucket
PlaceError = addresses.PlaceError


def open_place(text: str) -> Folder | Bucket:
    """Returns the folder or bucket for a text.

    Args:
        text: As for `addresses.parse`.

    Raises:
        PlaceError: the text is not a place.
    """
    address = addresses.parse(text)
    return Folder(address) if isinstance(address, str) else Bucket(address)


class Folder:
    """A folder that every machine of the cluster sees under the same path.

    Args:
        path: The folder; a result folder need not exist.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = pathlib.Path(os.path.abspath(path))

    def full_name(self, name: str) -> str:
        """Returns the full name of a file."""
        return os.path.join(self._path, name) if name else str(self._path)

    def check(self) -> None:
        """Raises PlaceError if the folder does not exist."""
        try:
            is_folder = stat.S_ISDIR(os.stat(self._path).st_mode)
        except OSError as error:
            reason = "no such folder" if isinstance(error, FileNotFoundError) else error.strerror
            raise PlaceError(f"{self._path}: {reason}") from error
        if not is_folder:
            raise PlaceError(f"{self._path}: not a folder")

    def prepare(self) -> None:
        """Creates the folder.

        Raises:
            PlaceError: it cannot be created.
        """
        try:
            self._path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PlaceError(f"{self._path}: cannot be created: {error.strerror}") from error

    def inside(self, other: object) -> str | None:
        """Returns the name of this place relative to another that contains it, also through links, or None."""
        return _below(self._path, other._path) if isinstance(other, Folder) else None

    def walk(self, refuse: Callable[[str, str], None] | None = None) -> Iterator[tuple[str, list[str]]]:
        """Yields `(folder, file names in it)`, without hidden ones, folder by folder.

        Args:
            refuse: Called with the name of each folder that cannot be listed and the reason; None raises it.

        Raises:
            ImageError: a folder cannot be listed and `refuse` is None.
        """
        tell = None if refuse is None else lambda folder, reason: refuse(self._name_of(folder), reason)
        for folder, names in find.walk(self._path, tell):
            yield self._name_of(folder), names

    def _name_of(self, folder):
        name = pathlib.Path(folder).relative_to(self._path).as_posix()
        return "" if name == "." else name

    def names(self, folder: str) -> set[str]:
        """Returns the names of the files in a folder, or an empty set if it does not exist."""
        return self._names_of(folder, os.DirEntry.is_file)

    def links(self, folder: str) -> set[str]:
        """Returns the names of the symbolic links in a folder, or an empty set if it does not exist."""
        return self._names_of(folder, os.DirEntry.is_symlink)

    def _names_of(self, folder, is_wanted):
        try:
            with os.scandir(self._path_of(folder)) as entries:
                return {entry.name for entry in entries if is_wanted(entry)}
        except (FileNotFoundError, NotADirectoryError):
            return set()

    def has(self, name: str) -> bool:
        """Returns whether a file exists."""
        return self._path_of(name).exists()

    def fetch(self, name: str, scratch: pathlib.Path) -> pathlib.Path:
        """Returns the path from which a file can be read."""
        return self._path_of(name)

    def path_for(self, name: str, scratch: pathlib.Path) -> pathlib.Path:
        """Returns where to write a file that `store` then makes visible; it must be written completely or not at
        all."""
        return self._path_of(name)

    def store(self, name: str, path: pathlib.Path) -> None:
        """Makes a file that was written to `path_for` visible under its name."""

    def put(self, name: str, path: pathlib.Path) -> None:
        """Copies a file to the place, completely or not at all."""
        whole.copy(path, self._path_of(name))

    def remove(self, name: str) -> None:
        """Removes a file if it exists."""
        self._path_of(name).unlink(missing_ok=True)

    def clean(self, folder: str) -> None:
        """Removes unfinished files of killed writers from a folder."""
        whole.remove_dead(self._path_of(folder))

    def _path_of(self, name):
        """Returns the path of a file or folder; rejects names with another meaning on this system."""
        path = pathlib.PurePath(name)
        if name and (path.parts != tuple(name.split("/")) or ".." in path.parts):
            raise PlaceError(f"{self.full_name(name)}: cannot be the name of a file here; rename the photo")
        return self._path / path


def _below(path, folder):
    """Returns the name of a path relative to a folder, or None; the same folder may have several paths."""
    path = pathlib.Path(os.path.realpath(path))
    with contextlib.suppress(OSError):
        wanted = os.stat(folder)
        for ancestor in (path, *path.parents):
            with contextlib.suppress(OSError):  # the result folder need not exist yet
                if os.path.samestat(os.stat(ancestor), wanted):
                    return path.relative_to(ancestor).as_posix()
    folder = os.path.realpath(folder)
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else None
