"""The files to write: none is a source, all are different, and each is in a writable folder."""

from __future__ import annotations

import functools
import os
import pathlib
import stat
import sys
import unicodedata
from collections.abc import Iterable, Sequence

from tf_colorize.albums import inputs

_LONGEST_NAME = 255  # bytes, if the file system does not report it


class Targets:
    """The files to write.

    Args:
        sources: All files that are read; none of them may be overwritten.
        folders: Folders whose photos are read; a result there would be read as a photo by the next run.
        output: The result folder, or None.

    Attributes:
        problems: A message for each source whose results cannot be written, and for each folder that is not writable.
    """

    def __init__(
        self,
        sources: Iterable[pathlib.Path],
        folders: Iterable[pathlib.Path] = (),
        output: pathlib.Path | None = None,
    ) -> None:
        self._sources = {_identity(source): source for source in sources}
        outside = [folder for folder in folders if output and not _is_strictly_in(output, folder)]
        self._among = [pathlib.Path(os.path.realpath(folder)) for folder in outside]
        self._names: dict[str, Names] = {}
        self._places: dict[pathlib.Path, _Place] = {}
        self._told: set[str] = set()
        self.problems: list[str] = []

    def add(self, source: pathlib.Path, targets: Sequence[pathlib.Path]) -> bool:
        """Reserves the results of a source, all in one folder; returns False and adds a problem if that is not
        possible."""
        place = self._place(targets[0].parent)
        problem = place.problem or next((line for target in targets if (line := self._problem(source, target))), None)
        if problem is None:
            key = _folded(str(place.real)) if place.ignores_case else str(place.real)
            names = self._names.setdefault(key, Names(place.ignores_case))
            other = names.add(str(source), [target.name for target in targets])
            if other is not None:
                problem = (
                    f"{source}: {targets[0]} is already the result of {other}; "
                    "give their common folder or a quoted pattern, which keeps the folders, or another format"
                )
        if problem is not None and problem not in self._told:  # once per folder
            self._told.add(problem)
            self.problems.append(problem)
        return problem is None

    def _problem(self, source, target):
        place = self._place(target.parent)
        if len(os.fsencode(target.name)) > place.longest_name:
            return f"{source}: the name of its result, {target.name}, would be too long; choose a shorter one"
        existing = self._sources.get(_identity(target))
        if existing is not None and os.path.abspath(existing) == os.path.abspath(source):
            return f"{source}: would be overwritten; choose another folder for the results"
        if existing is not None:
            return f"{source}: its result would overwrite {existing}; choose another folder for the results"
        if os.path.isdir(target):
            return f"{source}: {target}, its result, is a folder; rename it"
        if any(place.real.is_relative_to(folder) for folder in self._among):
            return f"{source}: its result would be among the photos; choose another folder for the results"
        if not place.is_writable and not os.path.lexists(target):
            return f"{place.existing}: cannot be written; choose another folder for the results"
        return None

    def _place(self, folder):
        if folder not in self._places:
            self._places[folder] = _Place(folder)
        return self._places[folder]


class Names:
    """The names of results in one folder, all of them for different files.

    Args:
        ignores_case: Whether the file system treats names that differ only in case as the same file.
    """

    def __init__(self, ignores_case: bool = False) -> None:
        self._ignores_case = ignores_case
        self._taken: dict[str, str] = {}

    def add(self, source: str, names: Sequence[str]) -> str | None:
        """Reserves names for a source; returns the source that already has one of them, or None."""
        keys = [_folded(name) if self._ignores_case else name for name in names]
        other = next((self._taken[key] for key in keys if key in self._taken), None)
        if other is None:
            self._taken.update(dict.fromkeys(keys, source))
        return other


class _Place:
    """A folder for results, which need not exist: its real path, and why it is not writable, or None."""

    def __init__(self, folder):
        self.real = pathlib.Path(os.path.realpath(folder))
        self.existing, self.problem = _existing(folder)
        self.is_writable = self.problem is None and os.access(self.existing, os.W_OK | os.X_OK)
        try:
            self.longest_name = os.pathconf(self.existing, "PC_NAME_MAX")
        except (AttributeError, ValueError, OSError):  # Windows, or a file system that does not report it
            self.longest_name = _LONGEST_NAME

    @functools.cached_property
    def ignores_case(self):
        return ignores_case(self.existing)


def _existing(folder):
    """Returns `(the nearest existing parent folder, why it cannot hold results or None)`."""
    for path in (folder, *folder.parents):
        try:
            mode = os.stat(path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            if os.path.islink(path):
                return path, f"{path}: is a link to a place that does not exist; choose another folder for the results"
            continue
        except OSError as error:
            return path, f"{path}: {error.strerror}; choose another folder for the results"
        if not stat.S_ISDIR(mode):
            return path, f"{path}: is a file, not a folder; choose another folder for the results"
        return path, None
    return folder, f"{folder}: no such folder"


def through_links(target: pathlib.Path) -> pathlib.Path:
    """Returns the file to write for a result: the target of a link, so that the link is kept."""
    return pathlib.Path(os.path.realpath(target)) if os.path.islink(target) else target


def is_same(target: pathlib.Path, path: pathlib.Path | int) -> bool:
    """Returns whether two names, or a name and an open descriptor, mean one file that exists."""
    try:
        return os.path.samefile(target, path)
    except OSError:
        return False


def ignores_case(folder: str | os.PathLike[str]) -> bool:
    """Returns whether names that differ only in case are the same file in an existing folder."""
    try:
        names = os.listdir(folder)
    except OSError:
        names = []
    for name in names:
        other = name.swapcase()
        if other != name and other not in names:
            return os.path.lexists(os.path.join(folder, other))
        if other != name:
            return False
    return sys.platform in ("darwin", "win32")  # the default of these systems


def _identity(path):
    """Returns a key that is equal for all names of a file: links, hard links, other letter cases."""
    try:
        found = os.stat(path)
    except OSError:
        return os.path.realpath(path)
    # Some file systems have no file numbers.
    return (found.st_dev, found.st_ino) if found.st_ino else os.path.realpath(path)


def _folded(name):
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _is_strictly_in(path, folder):
    return inputs.lies_in(path, folder) and not inputs.lies_in(folder, path)
