"""Finds the photos and films given by files, folders and patterns."""

from __future__ import annotations

import dataclasses
import glob
import os
import pathlib
import re
from collections.abc import Sequence

from tf_colorize.albums import hints_beside
from tf_colorize.photos import files, find


@dataclasses.dataclass
class Found:
    """The photos, folders and problems found among the inputs.

    Attributes:
        photos: `(photo, its path under a result folder)`, each photo once.
        folders: The folders among the inputs.
        problems: One line for each input that cannot be used.
    """

    photos: list[tuple[pathlib.Path, pathlib.Path]] = dataclasses.field(default_factory=list)
    folders: list[pathlib.Path] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)


def find_inputs(inputs: Sequence[str], output: pathlib.Path | None) -> Found:
    """Finds the photos given by files, folders and glob patterns, without reading them.

    Earlier results and hints files are left out; they are a problem only if their photo is not among the inputs.

    Args:
        inputs: Files, folders and glob patterns.
        output: Result folder or file, or None; photos in a result folder inside an input are left out.
    """
    found, matches, set_aside = Found(), [], []
    for text in map(str, inputs):
        problem = address_problem(text) or _unreachable(text)
        if problem:
            found.problems.append(problem)
        elif os.path.lexists(text):
            matches.append((pathlib.Path(text), None))
        else:
            matches += _matching(text, found.problems)
    for match, beginning in matches:
        if os.path.isdir(match):
            # With several folders, each gets its own result folder, so that equal names do not collide.
            base = _absolute(match) if len(inputs) == len(matches) == 1 else _absolute(match).parent
            found.folders.append(match)
            _add_folder(match, base, output, found)
        elif find.is_result(match) or hints_beside.is_hints_file(match):
            set_aside.append(match)
        elif find.split_suffix(match.name)[1].lower() in find.FILM_SUFFIXES:
            found.problems.append(f"{match}: is a film, not a photo; `tf-colorize film` colors films")
        else:
            found.photos.append((match, match.relative_to(beginning) if beginning else pathlib.Path(match.name)))
    found.photos = list({_absolute(photo): (photo, path) for photo, path in reversed(found.photos)}.values())[::-1]
    found.problems += _problems_of(set_aside, found.photos)
    return found


def find_films(inputs: Sequence[str], output: pathlib.Path | None) -> Found:
    """Finds the films given by files, folders, glob patterns and patterns of numbered images, without reading them.

    Args:
        inputs: Files, folders, glob patterns, and names such as `frames/%05d.png`.
        output: Result folder or file, or None; films in a result folder inside an input are left out.

    Returns:
        `Found`, with films instead of photos. Files that do not exist are reported when they are read.
    """
    found = Found()
    for text in dict.fromkeys(map(str, inputs)):
        problem = address_problem(text) or _unreachable(text)
        if problem:
            found.problems.append(problem)
        elif os.path.isdir(text):
            folder, n_problems = _absolute(pathlib.Path(text)), len(found.problems)
            films = find.find_films(text, found.problems.append)
            if output is not None and lies_in(output, text) and not lies_in(text, output):
                films = [film for film in films if not lies_in(film.parent, output)]
            if not films and len(found.problems) == n_problems:
                found.problems.append(
                    f"{text}: no films in it; for numbered images, use a pattern such as {text}/%05d.png"
                )
            base = folder if len(inputs) == 1 else folder.parent
            found.folders.append(pathlib.Path(text))
            found.photos += [(film, _absolute(film).relative_to(base)) for film in films]
        elif os.path.lexists(text) or find.is_numbered(text) or not glob.has_magic(text):
            found.photos.append((pathlib.Path(text), pathlib.Path(pathlib.Path(text).name)))
        else:
            problems: list[str] = []
            for film, beginning in _matching(text, problems):
                if not os.path.isdir(film):
                    found.photos.append((film, film.relative_to(beginning)))
            found.problems += problems
    found.photos = list({_absolute(film): (film, path) for film, path in reversed(found.photos)}.values())[::-1]
    return found


def address_problem(text: str) -> str | None:
    """Returns why a text that looks like an address cannot be an input or output, or None for other texts."""
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+)://", text)
    if scheme is None or os.path.lexists(text):
        return None
    if scheme[1].lower() in ("s3", "gs", "gcs"):
        return f"{text}: is a bucket, not a file; `tf-colorize cluster` reads and writes buckets"
    return f"{text}: is an address, not a file; download the file first"


def lies_in(path: str | os.PathLike[str], folder: str | os.PathLike[str]) -> bool:
    """Returns whether a path is a folder or inside it, also through links and in another letter case; neither need
    exist."""
    if pathlib.Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        return True
    try:
        wanted = os.stat(folder)
    except OSError:
        return False
    real = pathlib.Path(os.path.realpath(path))
    for one in (real, *real.parents):
        try:
            if os.path.samestat(os.stat(one), wanted):
                return True
        except OSError:
            continue
    return False


def _unreachable(text):
    """Returns the error that prevents checking whether a file exists, such as missing permission, or None."""
    try:
        os.lstat(text)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        return None if glob.has_magic(text) else f"{text}: {error.strerror}"
    return None


def _matching(pattern, problems):
    """Returns `[(match, the folders before the first wildcard)]` for a glob pattern, leaving out files that are not
    photos."""
    matches = [pathlib.Path(match) for match in sorted(glob.glob(pattern, recursive=True))]
    photos = [path for path in matches if not (find.is_result(path) or hints_beside.is_hints_file(path))]
    if not matches:
        problems.append(f"{pattern}: no such file or folder")
    elif not photos:
        problems.append(f"{pattern}: only earlier results and hints files match it; give their photos instead")
    parts = pathlib.Path(pattern).parts
    n_fixed = next((index for index, part in enumerate(parts) if glob.has_magic(part)), 0)
    return [(path, pathlib.Path(*parts[:n_fixed])) for path in photos]


def _add_folder(folder, base, output, found):
    pictures, n_problems = [], len(found.problems)
    try:
        pictures = find.find_photos(folder, found.problems.append).photos
    except files.ImageError as error:
        found.problems.append(str(error))
    # Results inside the folder are not photos, unless the whole folder is inside the result folder.
    if output is not None and not lies_in(folder, output):
        made = {parent for parent in {path.parent for path in pictures} if lies_in(parent, output)}
        pictures = [path for path in pictures if path.parent not in made]
    if not pictures and len(found.problems) == n_problems:
        names = (name for _, names in find.walk(folder, lambda *_: None) for name in names)
        if any(find.split_suffix(name)[1].lower() in find.FILM_SUFFIXES for name in names):
            found.problems.append(f"{folder}: no pictures in it, but films; `tf-colorize film` colors films")
        else:
            found.problems.append(f"{folder}: no pictures in it ({', '.join(files.IMAGE_SUFFIXES)})")
    found.photos += [(path, _absolute(path).relative_to(base)) for path in pictures]


def _problems_of(set_aside, photos):
    """Returns a message for each result or hints file whose photo is not among the inputs."""
    named = {_absolute(photo).with_name(find.split_suffix(photo.name)[0]) for photo, _ in photos}
    for path in set_aside:
        is_hints = hints_beside.is_hints_file(path)
        stem = path.name[: -len(hints_beside.name_for(""))] if is_hints else find.original_stem(path)
        if _absolute(path).with_name(stem) in named:
            continue
        beside = _photo_beside(path, stem)
        photo = f"its photo, {beside}" if beside else "its photo"
        if is_hints:
            yield f"{path}: its name says that it holds hints; give {photo}"
        elif beside:
            yield f"{path}: its name says that it is already colorized; give {photo}, or rename it"
        else:
            yield f"{path}: its name says that it is already colorized; rename it to colorize it again"


def _photo_beside(path, stem):
    suffixes = ["", *(case for suffix in files.IMAGE_SUFFIXES for case in (suffix, suffix.upper()))]
    beside = (path.with_name(stem + suffix) for suffix in suffixes if stem + suffix)
    return next((photo for photo in beside if os.path.isfile(photo)), None)


def _absolute(path):
    return pathlib.Path(os.path.abspath(path))
