"""Which file becomes which: each result has a name of its own, which is nobody's source, in a place for it."""

from __future__ import annotations

import functools
import mimetypes
import os
import pathlib
import stat
import sys
import unicodedata
from collections.abc import Collection, Iterable, Sequence

from tf_colorize.albums import hints_beside, inputs, work
from tf_colorize.photos import files, find

_LONGEST_NAME = 255  # bytes, where the file system does not say
_OF_PROCESSES = ("/dev/stdin", "/dev/fd/", "/proc/")  # pipes that a shell makes


def plan_photos(
    names: Sequence[str],
    output: str | os.PathLike[str] | None = None,
    *,
    suffix: str | None = None,
    compare: bool = False,
) -> tuple[list[work.Job], list[str]]:
    """Decides which photos are read and where the results go, without reading photos.

    The result goes beside the photo as `name.color.suffix`, or, with `output`, into that folder
    under the photo's own name. Folders are searched and mirrored; a glob pattern keeps the
    folders from its first wildcard on. What an earlier run made, judging by the names, is left out.

    Args:
        names: Files, folders and glob patterns.
        output: Folder, or for a single photo a file; None writes beside the originals.
        suffix: Such as ".png", to write another format; None keeps each photo's format.
        compare: Whether to make side-by-side pictures too.

    Returns:
        `(jobs, problems)`: what can be done, and one line for each input that cannot be used.
    """
    place = None if output is None else pathlib.Path(output)
    problem = output_problem(output, files.IMAGE_SUFFIXES)
    if problem:
        return [], [problem]
    found = inputs.find_inputs(names, place)
    is_file = names_file(output, files.IMAGE_SUFFIXES)
    if is_file and (len(found.photos) > 1 or found.folders):
        return [], [f"{output}: must be a folder for {len(found.photos)} pictures", *found.problems]
    targets = Targets((photo for photo, _ in found.photos), found.folders, place)
    jobs, problems = [], found.problems
    for photo, relative in found.photos:
        stem, ending = find.split_suffix(photo.name)[0], find.result_suffix(photo, suffix)
        if place is None and os.fspath(photo).startswith(_OF_PROCESSES):
            problems.append(f"{photo}: no result can lie beside it; choose a file or folder for the result")
            continue
        if place is None:
            target = photo.with_name(f"{stem}{find.RESULT_MARK}{ending}")
        else:
            target = place if is_file else (place / relative).with_name(stem + ending)
        target = through_links(target)
        beside = target.with_name(find.comparison_name(target)) if compare else None
        if targets.add(photo, [target, *([beside] if beside else [])]):
            jobs.append(work.Job(photo, target, beside, hints_beside.beside(photo)))
    return jobs, problems + targets.problems


def plan_films(
    films: Sequence[str],
    output: str | os.PathLike[str] | None,
    written: Collection[str],
    otherwise: str,
    *,
    preview: bool = False,
) -> tuple[list[work.Job], list[str]]:
    """Decides where the results of films go.

    Args:
        films: Files, folders, which are searched and mirrored, glob patterns, and patterns of numbered images. What
            an earlier run made, judging by the names, is left out.
        output: Folder, or for a single film a file; None writes `name.color.suffix` beside the film.
        written: Suffixes that a result may have.
        otherwise: Suffix of a result whose film has another one.
        preview: Whether the results are pictures, `name.compare.jpg`.

    Returns:
        `(jobs, problems)`, as `plan_photos` does.
    """
    pictures = tuple(suffix for suffix, name in files.FORMATS.items() if name == "JPEG")
    suffixes = pictures if preview else (*find.FILM_SUFFIXES, *written)
    problem = output_problem(output, suffixes)
    if problem:
        return [], [problem]
    place = None if output is None else pathlib.Path(output)
    found = inputs.find_films(films, place)
    is_file = names_file(output, suffixes)
    if is_file and len(found.photos) > 1:
        return [], [f"{output}: must be a folder for {len(found.photos)} films", *found.problems]
    targets, jobs = Targets((film for film, _ in found.photos), (), None), []
    for source, relative in found.photos:
        beside, stem, suffix = source, *find.split_suffix(source.name)
        if find.is_numbered(source):  # the film is the folder
            beside, suffix = pathlib.Path(os.path.abspath(source.parent)), otherwise
            stem, relative = beside.name, pathlib.Path(beside.name)
        if preview:
            name = f"{stem}{find.COMPARISON_MARK}.jpg"
        else:
            mark = find.RESULT_MARK if place is None else ""
            name = f"{stem}{mark}{suffix if suffix.lower() in written else otherwise}"
        folder = beside if place is None else place / relative
        target = through_links(place if is_file and place else folder.with_name(name))
        if not find.is_result(source) and targets.add(source, [target]):
            jobs.append(work.Job(source, target, hints=hints_beside.beside(source)))
    return jobs, found.problems + targets.problems


class Targets:
    """The files that will be written.

    Args:
        sources: All files that are read; none of them may be written.
        folders: Folders whose photos are read; a result among them would be a photo of the next run.
        output: The result folder, or None.

    Attributes:
        problems: One line for each source that cannot have its results, and for each folder that cannot be written.
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
        """Takes the results of a source, all in one folder; returns whether that is possible, and notes it if not."""
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
        if problem is not None and problem not in self._told:  # once for a folder
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
            return f"{source}: its result would lie among the photos; choose another folder for the results"
        if not place.is_writable and not os.path.lexists(target):
            return f"{place.existing}: cannot be written; choose another folder for the results"
        return None

    def _place(self, folder):
        if folder not in self._places:
            self._places[folder] = _Place(folder)
        return self._places[folder]


class Names:
    """The names of results in one folder: no two of them are one file.

    Args:
        ignores_case: Whether names that differ only in case are one file there.
    """

    def __init__(self, ignores_case: bool = False) -> None:
        self._ignores_case = ignores_case
        self._taken: dict[str, str] = {}

    def add(self, source: str, names: Sequence[str]) -> str | None:
        """Takes names for a source; returns the source that has one of them already, or None."""
        keys = [_folded(name) if self._ignores_case else name for name in names]
        other = next((self._taken[key] for key in keys if key in self._taken), None)
        if other is None:
            self._taken.update(dict.fromkeys(keys, source))
        return other


class _Place:
    """A folder for results, which need not exist: its real path, and why nothing can be written there or None."""

    def __init__(self, folder):
        self.real = pathlib.Path(os.path.realpath(folder))
        self.existing, self.problem = _existing(folder)
        self.is_writable = self.problem is None and os.access(self.existing, os.W_OK | os.X_OK)
        try:
            self.longest_name = os.pathconf(self.existing, "PC_NAME_MAX")
        except (AttributeError, ValueError, OSError):  # Windows, or a file system that does not say
            self.longest_name = _LONGEST_NAME

    @functools.cached_property
    def ignores_case(self):
        return ignores_case(self.existing)


def _existing(folder):
    """`(the nearest folder above that exists, why it cannot hold results or None)`."""
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


def names_file(output: str | os.PathLike[str] | None, suffixes: Collection[str]) -> bool:
    """Returns whether an output is a file: it has one of these suffixes, no "/" at its end, and is no folder."""
    if output is None or _ends_as_folder(output) or os.path.isdir(output):
        return False
    return os.path.splitext(output)[1].lower() in suffixes


def output_problem(output: str | os.PathLike[str] | None, suffixes: Collection[str]) -> str | None:
    """Returns why an output can be neither a folder nor a file with one of these suffixes, or None."""
    if output is None:
        return None
    text = os.fspath(output)
    if not text:
        return "the output has no name; give a folder or a file"
    problem = inputs.address_problem(text)
    if problem or os.path.isdir(output) or _ends_as_folder(output) or names_file(output, suffixes):
        return problem
    suffix = os.path.splitext(text)[1].lower()
    known = mimetypes.MimeTypes()  # only what Python itself knows: the same on every machine
    others = (*known.types_map, known.encodings_map, files.IMAGE_SUFFIXES, find.FILM_SUFFIXES)
    if any(suffix in table for table in others):
        return f"{text}: the suffix must be one of {', '.join(suffixes)}; for a folder, end the name with /"
    return None


def through_links(target: pathlib.Path) -> pathlib.Path:
    """Returns what is written when this is the result: where a link leads, so that the link stays."""
    return pathlib.Path(os.path.realpath(target)) if os.path.islink(target) else target


def ignores_case(folder: str | os.PathLike[str]) -> bool:
    """Returns whether names that differ only in case are one file in a folder that exists."""
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
    return sys.platform in ("darwin", "win32")  # how they usually are


def _identity(path):
    """What is equal for two names of one file: links, hard links, other cases of letters."""
    try:
        found = os.stat(path)
    except OSError:
        return os.path.realpath(path)
    return (found.st_dev, found.st_ino) if found.st_ino else os.path.realpath(path)  # some file systems count none


def _folded(name):
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _is_strictly_in(path, folder):
    return inputs.lies_in(path, folder) and not inputs.lies_in(folder, path)


def _ends_as_folder(output):
    return os.fspath(output).endswith(tuple(filter(None, (os.sep, os.altsep))))
