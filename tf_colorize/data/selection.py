"""Selects the usable photos of a source, and splits off validation photos."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tf_colorize import processors
from tf_colorize.color import colorfulness
from tf_colorize.data import sources
from tf_colorize.photos import files, find

MIN_COLORFULNESS = 10.0
"""Photos less colorful than this (Hasler and Suesstrunk's "slightly colorful" is 15) count as gray."""

_SCAN_SIDE = 64
_MAX_NAMED = 20


@dataclasses.dataclass(frozen=True)
class Photos:
    """The usable photos of a source, and those left out.

    Attributes:
        paths: List of str, sorted: color photos that can be read.
        unreadable: List of str, one line per file that cannot be read, with the reason.
        n_gray: Number of photos left out because they have (nearly) no color.
        n_results: Number of pictures left out because tf-colorize made them.
    """

    paths: list[str]
    unreadable: list
    n_gray: int
    n_results: int = 0


def find_photos(
    source: str | os.PathLike[str],
    *,
    min_colorfulness: float = MIN_COLORFULNESS,
    progress: Callable[[int, int], None] | None = None,
) -> Photos:
    """Finds the color photos of a source; every file is opened once.

    Args:
        source: A folder, `"sample"` (photographs that ship inside scikit-image) or
            `"tfds:NAME"`; see `sources.folder_of`.
        min_colorfulness: Photos with a lower colorfulness are left out as gray; 0 keeps all.
        progress: Optional function `progress(n_done, n_files)`, called for every file.

    Returns:
        `Photos`. Unreadable files are also named in one warning.

    Raises:
        ValueError: `source` does not exist or holds no usable photo.
    """
    found = find.find_photos(sources.folder_of(source))
    paths = found.photos
    usable, unreadable, n_gray = [], [], 0
    with concurrent.futures.ThreadPoolExecutor(processors.usable()) as pool:
        for done, (path, value) in enumerate(zip(paths, pool.map(_colorfulness_of, paths)), 1):
            if isinstance(value, files.ImageError):
                unreadable.append(str(value))
            elif value < min_colorfulness:
                n_gray += 1
            else:
                usable.append(str(path))
            if progress is not None:
                progress(done, len(paths))
    if unreadable:
        warnings.warn(_unreadable_message(unreadable), stacklevel=2)
    if not usable:
        raise ValueError(
            "`source` must hold at least one color photo. Received: "
            f"source={str(source)!r}, with {len(paths)} picture files "
            f"({', '.join(files.IMAGE_SUFFIXES)}; including subfolders), of which "
            f"{len(unreadable)} cannot be read and {n_gray} are gray (colorfulness under "
            f"{min_colorfulness:g}). Give a folder of color photographs."
        )
    return Photos(usable, unreadable, n_gray, len(found.results))


def split(paths: Sequence[str | os.PathLike[str]], fraction: float, seed: int = 0) -> tuple[list[Any], list[Any]]:
    """Splits photos at random into training and validation photos.

    Args:
        paths: Sequence of at least 2 paths.
        fraction: Share of validation photos, in (0, 1); both parts get at least one photo.
        seed: Integer; the same seed and paths give the same split.

    Returns:
        Tuple of lists of paths, (train, validation), each in the order given.

    Raises:
        ValueError: `fraction` is not in (0, 1), or there are fewer than 2 paths.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"`fraction` must be between 0 and 1. Received: fraction={fraction}.")
    if len(paths) < 2:
        raise ValueError(
            f"`paths` must hold at least 2 photos to be split. Received: {len(paths)}. "
            "Add photos, or give a separate validation folder."
        )
    n_validation = min(max(1, round(len(paths) * fraction)), len(paths) - 1)
    held_out = set(np.random.default_rng(seed).permutation(len(paths))[:n_validation].tolist())
    train = [path for position, path in enumerate(paths) if position not in held_out]
    return train, [paths[position] for position in sorted(held_out)]


def _colorfulness_of(path):
    try:
        return colorfulness.colorfulness(np.asarray(files.open_rgb(path, short_side=_SCAN_SIDE)))
    except files.ImageError as error:
        return error


def _unreadable_message(unreadable):
    more = len(unreadable) - _MAX_NAMED
    lines = unreadable[:_MAX_NAMED] + ([f"... and {more} more"] if more > 0 else [])
    return "\n  ".join([f"{len(unreadable)} picture files cannot be read and are skipped:", *lines])
