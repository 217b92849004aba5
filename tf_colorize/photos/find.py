"""Finds photos and films: the user's files, not results of earlier runs."""

from __future__ import annotations

import collections
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterator

from tf_colorize.photos import files, numbered

RESULT_MARK = ".color"
COMPARISON_MARK = ".compare"
VARIANTS_MARK = ".variants"
"""Marks before the suffix of results, side-by-side pictures and sheets of variants."""

_SCAN_SUFFIX = ".dpx"  # images of film scanners, which are no photos on their own
FILM_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".qt", ".mkv", ".webm", ".avi", ".divx", ".mpg", ".mpeg", ".mpe", ".m2v", ".vob", ".ts"),
    *(".m2ts", ".mts", ".wmv", ".asf", ".flv", ".f4v", ".3gp", ".3g2", ".ogv", ".ogm", ".dv", ".mxf", ".rm", ".rmvb"),
    *(".y4m", ".h264", ".hevc"),
)
"""Suffixes of films; none of them is also a suffix of photos."""


@dataclasses.dataclass(frozen=True)
class Found:
    """The photos and earlier results in a folder.

    Attributes:
        photos: List of `pathlib.Path`, sorted.
        results: List of `pathlib.Path`, sorted: results of earlier runs.
    """

    photos: list
    results: list


def split_suffix(name: str) -> tuple[str, str]:
    """Splits a file name into stem and suffix.

    Only the suffixes of photos and films count, not everything after a dot.

    Example:
    >>> split_suffix("Reel No. 5"), split_suffix("Reel No. 5.JPG")
    (('Reel No. 5', ''), ('Reel No. 5', '.JPG'))
    """
    stem, dot, ending = name.rpartition(".")
    is_known = stem and f".{ending}".lower() in (*files.IMAGE_SUFFIXES, *FILM_SUFFIXES)
    return (stem, dot + ending) if is_known else (name, "")


def is_result(path: str | os.PathLike[str]) -> bool:
    """Returns whether a file is named like a result, such as `x.color.jpg`, in any letter case."""
    stem, suffix = split_suffix(os.path.basename(os.fspath(path)))
    return bool(suffix) and stem.lower().endswith((RESULT_MARK, COMPARISON_MARK, VARIANTS_MARK))


def is_numbered(path: str | os.PathLike[str]) -> bool:
    """Returns whether a name is a pattern for numbered images, such as `frames/%05d.png`, and not an existing file."""
    name = os.path.basename(os.fspath(path))
    is_image = has_photo_suffix(name) or name.lower().endswith(_SCAN_SUFFIX)
    return numbered.is_pattern(name) and is_image and not os.path.lexists(path)


def find_films(folder: str | os.PathLike[str], refuse: Callable[[str], None]) -> list[pathlib.Path]:
    """Finds the films under a folder, including its subfolders, without earlier results and hidden files.

    Args:
        folder: The folder.
        refuse: Called with a line about each folder that cannot be listed.

    Returns:
        Sorted files with a suffix in `FILM_SUFFIXES` in any letter case.
    """
    return sorted(
        place / name
        for place, names in walk(pathlib.Path(folder), lambda place, reason: refuse(f"{place}: {reason}"))
        for name in names
        if split_suffix(name)[1].lower() in FILM_SUFFIXES and not is_result(name)
    )


def original_stem(path: str | os.PathLike[str]) -> str:
    """Returns a result's name without mark and suffix, which is the stem of its photo's name."""
    stem, _ = split_suffix(os.path.basename(os.fspath(path)))
    return stem.rpartition(".")[0] if is_result(path) else stem


def has_photo_suffix(path: str | os.PathLike[str]) -> bool:
    """Returns whether a file's name has a suffix in `files.IMAGE_SUFFIXES`, in any letter case."""
    return os.fspath(path).lower().endswith(files.IMAGE_SUFFIXES)


def result_suffix(photo: pathlib.PurePath, wanted: str | None = None) -> str:
    """Returns the suffix of a photo's result.

    Args:
        photo: Its path.
        wanted: Such as ".png"; None keeps the photo's own, or uses ".jpg" if that is not a known format.
    """
    suffix = split_suffix(photo.name)[1]
    return wanted or (suffix if suffix.lower() in files.FORMATS else ".jpg")


def comparison_name(result: pathlib.PurePath) -> str:
    """Returns the file name of the side-by-side picture for a result."""
    stem, suffix = split_suffix(result.name)
    return f"{stem.removesuffix(RESULT_MARK)}{COMPARISON_MARK}{suffix}"


def find_photos(path: str | os.PathLike[str], refuse: Callable[[str], None] | None = None) -> Found:
    """Finds the photos under a folder, including its subfolders and through symbolic links.

    Args:
        path: A folder, or one file, which is taken as a photo whatever its name.
        refuse: Called with a line about each folder that cannot be listed; None raises it.

    Returns:
        `Found`: files with a suffix in `files.IMAGE_SUFFIXES` in any letter case, without hidden files and folders. A
            folder is visited once, even if several links point to it.

    Raises:
        ImageError: `path` does not exist, or a folder cannot be listed and `refuse` is None.
    """
    path = pathlib.Path(path)
    if os.path.isfile(path):
        return Found([path], [])
    if not os.path.isdir(path):
        raise files.ImageError(f"{path}: no such file or folder")
    tell = None if refuse is None else lambda folder, reason: refuse(f"{folder}: {reason}")
    found = sorted(folder / name for folder, names in walk(path, tell) for name in names if has_photo_suffix(name))
    return Found([p for p in found if not is_result(p)], [p for p in found if is_result(p)])


def walk(
    path: str | os.PathLike[str], refuse: Callable[[str, str], None] | None = None
) -> Iterator[tuple[pathlib.Path, list[str]]]:
    """Visits a folder and its subfolders, also through symbolic links, each of them once.

    Links are followed after all real folders have been visited, so that folders keep their real paths.

    Args:
        path: The folder.
        refuse: Called with each folder that cannot be listed and the reason; None raises it. It is also called with
            each photo or film that is not a file, such as a pipe; None leaves it out.

    Yields:
        `(folder, names)`: the names of the files in it, sorted. Hidden files and folders are left out, and so are
        pipes, sockets and devices, because reading one could wait forever.

    Raises:
        ImageError: a folder cannot be listed and `refuse` is None.
    """

    def fail(error):
        if refuse is None:
            raise files.ImageError(f"{error.filename}: {error.strerror}") from error
        refuse(error.filename, error.strerror)

    seen: set[str] = set()
    waiting = collections.deque([os.fspath(path)])
    while waiting:
        top = waiting.popleft()
        if not _is_new(top, seen):
            continue
        for folder, folders, names in os.walk(top, onerror=fail):
            inside = [os.path.join(folder, name) for name in sorted(folders) if not name.startswith(".")]
            waiting += [one for one in inside if os.path.islink(one)]
            folders[:] = [os.path.basename(one) for one in inside if not os.path.islink(one) and _is_new(one, seen)]
            special = _special_in(folder)
            for name in sorted(special):
                if refuse is not None and split_suffix(name)[1]:
                    refuse(os.path.join(folder, name), "is not a file but a pipe, a socket or a device")
            yield pathlib.Path(folder), sorted(n for n in names if not n.startswith(".") and n not in special)


def _special_in(folder):
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if not entry.name.startswith(".") and _is_special(entry)}
    except OSError:  # it vanished after it was listed
        return set()


def _is_special(entry):
    try:
        return not (entry.is_file() or entry.is_dir()) and os.path.exists(entry.path)
    except OSError:  # such as a link to itself: reading it reports the error
        return False


def _is_new(folder, seen):
    real = os.path.realpath(folder)
    is_new = real not in seen
    seen.add(real)
    return is_new
