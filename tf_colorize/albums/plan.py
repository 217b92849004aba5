"""Plans the results: each gets a unique path that is not a source."""

from __future__ import annotations

import mimetypes
import os
import pathlib
from collections.abc import Collection, Sequence

from tf_colorize.albums import hints_beside, inputs, targets, work
from tf_colorize.photos import files, find, numbered

_OF_PROCESSES = ("/dev/stdin", "/dev/fd/", "/proc/")  # pipes made by a shell


def plan_photos(
    names: Sequence[str],
    output: str | os.PathLike[str] | None = None,
    *,
    suffix: str | None = None,
    compare: bool = False,
    variants: bool = False,
    kept: Collection[pathlib.Path] = (),
) -> tuple[list[work.Job], list[str]]:
    """Decides which photos are read and where the results go, without reading photos.

    The result goes beside the photo as `name.color.suffix`, or, with `output`, into that folder under the photo's own
    name. Folders are searched and mirrored; a glob pattern keeps the folders from its first wildcard on. Results of
    earlier runs, recognized by their names, are left out.

    Args:
        names: Files, folders and glob patterns.
        output: Folder, or for a single photo a file; None writes beside the originals.
        suffix: Such as ".png", to write another format; None keeps each photo's format.
        compare: Whether to make side-by-side pictures too.
        variants: Whether the results are sheets of variants, `name.variants.jpg`, or in the format of `suffix`.
        kept: Other files that are read, which no result may replace. A photo whose result is one of them is done.

    Returns:
        `(jobs, problems)`: the jobs, and a message for each input that cannot be used.
    """
    place = None if output is None else pathlib.Path(output)
    problem = output_problem(output, files.IMAGE_SUFFIXES)
    if problem:
        return [], [problem]
    found = inputs.find_inputs(names, place)
    is_file = names_file(output, files.IMAGE_SUFFIXES)
    if is_file and (len(found.photos) > 1 or found.folders):
        return [], [f"{output}: must be a folder for {len(found.photos)} pictures", *found.problems]
    results = targets.Targets((*(photo for photo, _ in found.photos), *kept), found.folders, place)
    jobs, problems = [], found.problems
    for photo, relative in found.photos:
        stem, ending = find.split_suffix(photo.name)[0], find.result_suffix(photo, suffix)
        mark = find.RESULT_MARK
        if variants:
            stem, ending, mark = f"{stem}{find.VARIANTS_MARK}", suffix or ".jpg", ""
        if place is None and os.fspath(photo).startswith(_OF_PROCESSES):
            problems.append(f"{photo}: no result can be written beside it; choose a file or folder for the result")
            continue
        if place is None:
            target = photo.with_name(f"{stem}{mark}{ending}")
        else:
            target = place if is_file else (place / relative).with_name(stem + ending)
        target = targets.through_links(target)
        beside = target.with_name(find.comparison_name(target)) if compare else None
        if not is_file and any(targets.is_same(target, one) for one in kept):
            continue
        if results.add(photo, [target, *([beside] if beside else [])]):
            jobs.append(work.Job(photo, target, beside, hints_beside.beside(photo)))
    return jobs, problems + results.problems


def plan_films(
    films: Sequence[str],
    output: str | os.PathLike[str] | None,
    written: Collection[str],
    otherwise: str,
    *,
    preview: bool = False,
    kept: Collection[pathlib.Path] = (),
) -> tuple[list[work.Job], list[str]]:
    """Decides where the results of films go.

    Args:
        films: Files, folders (which are searched and mirrored), glob patterns, and patterns of numbered images. Results
            of earlier runs, recognized by their names, are left out.
        output: Folder, or for a single film a file; None writes `name.color.suffix` beside the film.
        written: Suffixes that results can have.
        otherwise: Suffix of the result if the film has another one.
        preview: Whether the results are pictures, `name.compare.jpg`.
        kept: Other files that are read, which no result may replace.

    Returns:
        `(jobs, problems)`, as `plan_photos` does.
    """
    pictures = tuple(suffix for suffix, name in files.FORMATS.items() if name == "JPEG")
    suffixes = pictures if preview else written
    problem = output_problem(output, suffixes)
    if problem:
        return [], [problem]
    place = None if output is None else pathlib.Path(output)
    found = inputs.find_films(films, place)
    is_file = names_file(output, suffixes)
    if is_file and len(found.photos) > 1:
        return [], [f"{output}: must be a folder for {len(found.photos)} films", *found.problems]
    images = [image for film, _ in found.photos for image in _images_of(film)] if preview else []
    results, jobs = targets.Targets((*images, *kept, *(film for film, _ in found.photos)), (), None), []
    for source, relative in found.photos:
        beside, stem, suffix = source, *find.split_suffix(source.name)
        if find.is_numbered(source):  # for numbered images, the film is the folder
            beside = (
                source.parent if source.parent.name not in ("", "..") else pathlib.Path(os.path.abspath(source.parent))
            )
            suffix = ".mp4"
            stem, relative = beside.name, pathlib.Path(beside.name)
        if preview:
            name = f"{stem}{find.COMPARISON_MARK}.jpg"
        else:
            mark = find.RESULT_MARK if place is None else ""
            name = f"{stem}{mark}{suffix if suffix.lower() in written else otherwise}"
        folder = beside if place is None else place / relative
        target = targets.through_links(place if is_file and place else folder.with_name(name))
        if not find.is_result(source) and results.add(source, [target]):
            jobs.append(work.Job(source, target, hints=hints_beside.beside(source)))
    return jobs, found.problems + results.problems


def _images_of(film):
    """Returns the numbered images of a film; none if it is a file or if they cannot be listed."""
    if not find.is_numbered(film):
        return []
    try:
        images = numbered.find(film)
    except OSError:
        return []
    return images.files() if images else []


def plan_pipe(output: str | os.PathLike[str], kept: Collection[pathlib.Path | int] = ()) -> pathlib.Path:
    """Returns the file to write for a photo from a pipe.

    Args:
        output: The requested file.
        kept: Files that are read, or their descriptors; the result may replace none of them.

    Raises:
        ValueError: it would replace one of them.
    """
    target = targets.through_links(pathlib.Path(output))
    if any(targets.is_same(target, one) for one in kept):
        raise ValueError(f"{output}: is one of the photos that are read; choose another file for the result")
    return target


def names_file(output: str | os.PathLike[str] | None, suffixes: Collection[str]) -> bool:
    """Returns whether an output is a file: it has one of these suffixes, no trailing "/", and is not a folder."""
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
    if text == "-" and not os.path.isdir(output):
        return (
            "-: is not a file; give a folder or a file (./- is a folder of this name). Without it, the result of a "
            "photo from a pipe goes to standard output"
        )
    if os.path.basename(text).lower() in suffixes and not os.path.isdir(output):
        return f"{text}: has only a suffix and no name; give a folder or a file"
    problem = inputs.address_problem(text)
    if problem or os.path.isdir(output) or _ends_as_folder(output) or names_file(output, suffixes):
        return problem
    suffix = os.path.splitext(text)[1].lower()
    known = mimetypes.MimeTypes()  # only the types built into Python, which are the same on every machine
    others = (*known.types_map, known.encodings_map, files.IMAGE_SUFFIXES, find.FILM_SUFFIXES)
    if any(suffix in table for table in others):
        return f"{text}: the suffix must be one of {', '.join(suffixes)}; for a folder, end the name with /"
    return None


def _ends_as_folder(output):
    return os.fspath(output).endswith(tuple(filter(None, (os.sep, os.altsep))))
