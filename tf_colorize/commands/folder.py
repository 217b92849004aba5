"""Many picture files: decides which become which, and colorizes them on all cores in constant memory."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import glob
import os
import pathlib
import threading
import time
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from PIL import Image

from tf_colorize import whole
from tf_colorize.color import colorfulness
from tf_colorize.commands import hints as hints_of_command
from tf_colorize.photos import files, find

if typing.TYPE_CHECKING:
    import numpy as np

    from tf_colorize.hints import Hint


_COMPARE_SIDE = 1600
# How many pixels all workers together may hold at once; each takes about 10 bytes.
_PIXELS_IN_WORK = 120_000_000


@dataclasses.dataclass(frozen=True)
class Job:
    """A picture to read and the file to write; `compare` is the side-by-side picture or None, `hints` its hints file
    or None.
    """

    source: pathlib.Path
    target: pathlib.Path
    compare: pathlib.Path | None = None
    hints: pathlib.Path | None = None


@dataclasses.dataclass(frozen=True)
class Options:
    """How pictures are read, colorized and written."""

    vividness: float = 1.0
    quality: int | None = None  # None: the format's default
    overwrite: bool = False
    max_pixels: int = files.DEFAULT_MAX_PIXELS
    allow_truncated: bool = False
    skip_color: bool = False  # leave photos that have color as they are
    hints: tuple[Hint, ...] = ()  # besides those of hints files


@dataclasses.dataclass(frozen=True)
class Done:
    """The result of one picture; `notes` are sentences for people.

    `has_color` says whether the photo already had color, `is_skipped` whether it was left as it is for that reason.
    """

    size: tuple
    seconds: float
    notes: tuple
    has_color: bool = False
    is_skipped: bool = False


def plan(
    inputs: Sequence[str],
    output: str | os.PathLike[str] | None = None,
    *,
    suffix: str | None = None,
    compare: bool = False,
) -> tuple[list[Job], list[str]]:
    """Decides what is read and where the results go, without reading pictures.

    The result goes beside the picture as `name.color.suffix`, or, with `output`, into that folder
    under the picture's own name. Folders are searched and mirrored; a glob pattern keeps the
    folders from its first wildcard on. Pictures that an earlier run made, judging by their names,
    are left out.

    Args:
        inputs: Files, folders and glob patterns.
        output: Folder, or for a single picture a file; None writes beside the originals.
        suffix: Such as ".png", to write another format; None keeps each picture's format.
        compare: Whether to make side-by-side pictures too.

    Returns:
        `(jobs, problems)`: list of `Job`, and one line for each input that cannot be used.
    """
    output = None if output is None else pathlib.Path(output)
    found, problems = _found(inputs, output)
    if output and output.suffix.lower() in files.FORMATS and not output.is_dir() and len(found) > 1:
        return [], [f"{output}: must be a folder for {len(found)} pictures", *problems]
    jobs: dict[pathlib.Path, Job] = {}
    taken: dict[str, Any] = {}
    for source, relative in found:
        target = _target(source, relative, output, suffix, is_single=len(found) == 1)
        if target in taken and taken[target] != source:
            problems.append(
                f"{source}: {target} is already the result of {taken[target]}; "
                "give their common folder or a quoted pattern, which keeps the folders, or another format"
            )
        elif target.resolve() == source.resolve():
            problems.append(f"{source}: would be overwritten; choose another folder with -o")
        else:
            taken[target] = source
            beside = target.with_name(find.comparison_name(target))
            jobs[source] = Job(source, target, beside if compare else None, hints_of_command.beside(source))
    return list(jobs.values()), problems


def colorize_file(colorizer: Callable[[Any], np.ndarray], job: Job, options: Any) -> Done:
    """Reads, colorizes and writes one picture.

    Raises:
        ImageError: it cannot be read or written.
        ValueError: its hints cannot be used.
    """
    start = time.perf_counter()
    hints, notes = hints_of_command.read(job.hints, options.hints)
    if hints:
        hints_of_command.refuse_without(colorizer, job.source, job.hints)
    picture = files.read(job.source, max_pixels=options.max_pixels, allow_truncated=options.allow_truncated)
    has_color = colorfulness.has_color(picture.image)
    if has_color and options.skip_color:
        return Done(picture.image.size, time.perf_counter() - start, tuple(picture.notes), has_color, is_skipped=True)
    before = _thumbnail(picture.image) if job.compare else None
    if picture.image.mode.endswith("A") and files.format_of(job.target) not in files.WITH_ALPHA:
        picture.notes.append("transparency flattened onto white")
    try:
        image = colorize_picture(colorizer, picture, options.vividness, hints)
    except ValueError as error:
        raise ValueError(f"{job.source}: {error}") from error
    if options.overwrite or not job.target.exists():
        files.save(image, job.target, picture, quality=options.quality)
    if job.compare and (options.overwrite or not job.compare.exists()):
        files.save(_side_by_side(before, _thumbnail(image)), job.compare, quality=options.quality)
    return Done(image.size, time.perf_counter() - start, (*notes, *picture.notes), has_color)


def colorize_picture(
    colorizer: Callable[..., np.ndarray], picture: files.Picture, vividness: float = 1.0, hints: Sequence[Hint] = ()
) -> Image.Image:
    """Returns the picture in color, with its own alpha: mode "RGB" or "RGBA".

    `picture.image` is released on the way: 100 megapixels take 400 MB.
    """
    rgb = colorizer(picture, vividness=vividness, hints=hints)
    alpha = picture.image.getchannel("A") if picture.image.mode.endswith("A") else None
    picture.image = None
    image = Image.fromarray(rgb)
    if alpha is not None:
        image.putalpha(alpha)
    return image


def is_done(job: Job) -> bool:
    """Returns whether everything that the job would write exists."""
    return job.target.exists() and (job.compare is None or job.compare.exists())


def run(jobs: Sequence[Job], work: Callable[[Job], Any], workers: int) -> Iterator[Any]:
    """Calls `work(job)` for all jobs, `workers` at a time, and yields as they finish.

    Memory does not grow with the number of jobs, and large pictures wait for each other. First,
    the unfinished files that killed runs left in the result folders are removed.

    Yields:
        `(job, result, error)`: what `work` returned or None, and what it raised or None.
    """
    for folder in {job.target.parent for job in jobs}:
        whole.remove_dead(folder)
    guarded = within_memory(work)
    pending: dict[concurrent.futures.Future, Job] = {}
    waiting = collections.deque(jobs)
    pool = concurrent.futures.ThreadPoolExecutor(workers)
    try:
        while waiting or pending:
            while waiting and len(pending) < 2 * workers:
                job = waiting.popleft()
                pending[pool.submit(guarded, job)] = job
            finished, _ = concurrent.futures.wait(pending, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in finished:
                error = future.exception()
                yield pending.pop(future), None if error else future.result(), error
    finally:
        # Also when the caller stops early: the jobs in progress finish, no others start.
        pool.shutdown(cancel_futures=True)


def within_memory(work: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Returns `work` for callers in several threads: large pictures wait for each other."""
    budget = _PixelBudget(_PIXELS_IN_WORK)

    def guarded(job):
        with budget.of(job.source):
            return work(job)

    return guarded


class _PixelBudget:
    """Admits pictures as long as their pixels together stay under a limit; one is always admitted."""

    def __init__(self, limit):
        self._limit = limit
        self._used = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def of(self, source):
        pixels = min(files.pixel_count(source), self._limit)
        with self._changed:
            self._changed.wait_for(lambda: self._used + pixels <= self._limit)
            self._used += pixels
        try:
            yield
        finally:
            with self._changed:
                self._used -= pixels
                self._changed.notify_all()


def _found(inputs, output):
    """`[(picture, its path under `output`)]` and one line per input without pictures."""
    found, problems, matches = [], [], []
    for text in map(str, inputs):
        if os.path.lexists(text):
            matches.append((pathlib.Path(text), None))
            continue
        matching = [pathlib.Path(match) for match in sorted(glob.glob(text, recursive=True))]
        matches += [(match, _fixed_beginning(text)) for match in matching if not _is_no_photo(match)]
        if not matching:
            problems.append(f"{text}: no such file or folder")
    for match, beginning in matches:
        if not match.is_dir():
            if not _is_no_photo(match):
                found.append((match, match.relative_to(beginning) if beginning else pathlib.Path(match.name)))
            elif not _has_photo(match):
                is_hints = hints_of_command.is_hints_file(match)
                what = (
                    "holds hints; give its photo"
                    if is_hints
                    else "is already colorized; rename it to colorize it again"
                )
                problems.append(f"{match}: its name says that it {what}")
            continue
        folder = pathlib.Path(os.path.abspath(match))
        # Several folders each get their own, so equal names do not collide.
        base = folder if len(inputs) == len(matches) == 1 else folder.parent
        try:
            pictures = [path for path in find.find_photos(match).photos if not _is_under(path, output)]
        except files.ImageError as error:
            problems.append(str(error))
            continue
        found += [(path, pathlib.Path(os.path.abspath(path)).relative_to(base)) for path in pictures]
        if not pictures:
            problems.append(f"{match}: no pictures in it ({', '.join(files.IMAGE_SUFFIXES)})")
    return found, problems


def _fixed_beginning(pattern):
    """The folders of a glob pattern before the first one with a wildcard."""
    parts = pathlib.Path(pattern).parts
    n_fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return pathlib.Path(*parts[:n_fixed])


def _is_no_photo(path):
    return find.is_result(path) or hints_of_command.is_hints_file(path)


def _has_photo(path):
    """Whether the photo that a result or a hints file belongs to is beside it."""
    original = hints_of_command.stem(path).removesuffix(find.RESULT_MARK).removesuffix(find.COMPARISON_MARK)
    suffixes = [case for suffix in files.IMAGE_SUFFIXES for case in (suffix, suffix.upper())]
    return any((path.parent / f"{original}{suffix}").exists() for suffix in suffixes)


def _is_under(path, folder):
    return folder is not None and pathlib.Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder))


def _target(source, relative, output, suffix, is_single):
    suffix = find.result_suffix(source, suffix)
    if output is None:
        return source.with_name(f"{source.stem}{find.RESULT_MARK}{suffix}")
    if is_single and output.suffix.lower() in files.FORMATS and not output.is_dir():
        return output
    return (output / relative).with_suffix(suffix)


def _thumbnail(image):
    """ "RGB", at most 1600 pixels a side, transparency flattened onto white."""
    scale = min(1.0, _COMPARE_SIDE / max(image.size))
    size = tuple(max(1, round(side * scale)) for side in image.size)
    image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    if image.mode.endswith("A"):
        image = Image.alpha_composite(Image.new("RGBA", size, "white"), image.convert("RGBA"))
    return image.convert("RGB")


def _side_by_side(before, after):
    gap = 8
    both = Image.new("RGB", (before.width + gap + after.width, before.height), "white")
    both.paste(before, (0, 0))
    both.paste(after, (before.width + gap, 0))
    return both
