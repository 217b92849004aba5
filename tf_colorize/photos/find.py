"""Which files are photos: pictures that a person brings, not what earlier runs made of them."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Iterator

from tf_colorize.photos import files

RESULT_MARK = ".color"
COMPARISON_MARK = ".compare"


@dataclasses.dataclass(frozen=True)
class Found:
    """What is under a folder.

    Attributes:
        photos: List of `pathlib.Path`, sorted.
        results: List of `pathlib.Path`, sorted: pictures that an earlier run made.
    """

    photos: list
    results: list


def is_result(path: str | os.PathLike[str]) -> bool:
    """Returns whether a file's name says that an earlier run made it: `x.color.jpg`, `x.compare.jpg`."""
    return pathlib.Path(path).stem.endswith((RESULT_MARK, COMPARISON_MARK))


def has_photo_suffix(path: str | os.PathLike[str]) -> bool:
    """Returns whether a file's name has a suffix in `files.IMAGE_SUFFIXES`, in any case."""
    return os.fspath(path).lower().endswith(files.IMAGE_SUFFIXES)


def result_suffix(photo: pathlib.PurePath, wanted: str | None = None) -> str:
    """Returns the suffix of a photo's result.

    Args:
        photo: Its path.
        wanted: Such as ".png"; None keeps the photo's own, or ".jpg" where that stands for no format.
    """
    return wanted or (photo.suffix if photo.suffix.lower() in files.FORMATS else ".jpg")


def comparison_name(result: pathlib.PurePath) -> str:
    """Returns the file name of the side-by-side picture that belongs to a result."""
    return f"{result.stem.removesuffix(RESULT_MARK)}{COMPARISON_MARK}{result.suffix}"


def find_photos(path: str | os.PathLike[str]) -> Found:
    """Finds the photos under a folder, including its subfolders and through symbolic links.

    Args:
        path: A folder, or one file, which is taken as a photo whatever its name.

    Returns:
        `Found`: files with a suffix in `files.IMAGE_SUFFIXES` in any case, without hidden files
        and folders. A folder that several links lead to is visited once.

    Raises:
        ImageError: `path` does not exist or a folder cannot be listed.
    """
    path = pathlib.Path(path)
    if path.is_file():
        return Found([path], [])
    if not path.is_dir():
        raise files.ImageError(f"{path}: no such file or folder")
    found = sorted(folder / name for folder, names in walk(path) for name in names if has_photo_suffix(name))
    return Found([p for p in found if not is_result(p)], [p for p in found if is_result(p)])


def walk(path: str | os.PathLike[str]) -> Iterator[tuple[pathlib.Path, list[str]]]:
    """Visits a folder and its subfolders, also through symbolic links, and each of them once.

    Args:
        path: The folder.

    Yields:
        `(folder, names)`: the names of the files in it, sorted. Hidden files and folders are left out.

    Raises:
        ImageError: a folder cannot be listed.
    """
    seen = {os.path.realpath(path)}
    for folder, folders, names in os.walk(path, onerror=_refuse, followlinks=True):
        # Real folders come first, so a link to one never hides it.
        folders[:] = sorted(folders, key=lambda name: (os.path.islink(os.path.join(folder, name)), name))
        folders[:] = [name for name in folders if not name.startswith(".") and _is_new(folder, name, seen)]
        yield pathlib.Path(folder), sorted(name for name in names if not name.startswith("."))


def _is_new(folder, name, seen):
    real = os.path.realpath(os.path.join(folder, name))
    is_new = real not in seen
    seen.add(real)
    return is_new


def _refuse(error):
    raise files.ImageError(f"{error.filename}: {error.strerror}") from error
