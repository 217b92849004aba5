"""Plans the results of an archive: lists photos folder by folder, and stores the list on disk, not in memory."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import posixpath
import threading
import time
from collections.abc import Callable, Iterator

from tf_colorize import scratch
from tf_colorize.albums import hints_beside, inputs, targets, work
from tf_colorize.archives import places
from tf_colorize.photos import find


@dataclasses.dataclass(frozen=True)
class Item:
    """A photo and its results, as names in the two places.

    `needed` are those of `target` and `compare` to be written. `hints` is the photo's hints file. `deaths` counts the
    workers that died while processing this photo.
    """

    source: str
    target: str
    compare: str | None
    needed: tuple[str, ...]
    hints: str | None = None
    deaths: int = 0


@dataclasses.dataclass(frozen=True)
class Rules:
    """Rules for the names of results, and whether existing ones are kept."""

    suffix: str | None = None  # such as ".png"; None keeps each photo's format
    compare: bool = False
    overwrite: bool = False


def items(
    source: places.Folder | places.Bucket,
    target: places.Folder | places.Bucket,
    rules: Rules,
    refuse: Callable[[str, str], None],
    *,
    cleans: bool = True,
) -> Iterator[Item]:
    """Lists the photos of a place, with the names of one folder at a time in memory.

    Args:
        source: The place of the photos. Hidden files, files in `target` and earlier results are left out.
        target: The place for the results, which keep the photos' names.
        rules: See `Rules`.
        refuse: Called with a photo or folder and the reason why it cannot have a result.
        cleans: Whether to remove unfinished files of killed jobs from `target`.

    Yields:
        `Item`; `needed` is empty if the results exist.

    Raises:
        ValueError: the place cannot be listed.
    """
    left_out = target.inside(source)
    for folder, names in source.walk(refuse):
        if left_out is not None and _is_in(folder, left_out) or _is_of_results(source, target, folder):
            continue
        photos = [name for name in names if find.has_photo_suffix(name) and not find.is_result(name)]
        if not photos:
            continue
        if _leads_back(source, target, folder):
            for name in photos:
                refuse(posixpath.join(folder, name), "a link leads its result back to the photos")
            continue
        try:
            if cleans:
                target.clean(folder)
            existing = target.names(folder)
            leading_back = _links_to_photos(source, target, folder)
        except OSError as error:  # a single folder without permission; the loss of a bucket ends the listing
            for name in photos:
                refuse(posixpath.join(folder, name), f"its result cannot be written: {work.reason_of(error)}")
            continue
        taken = targets.Names(isinstance(target, places.Folder) and targets.ignores_case(target.full_name(folder)))
        for name in photos:
            path = pathlib.PurePosixPath(name)
            result = path.with_name(find.split_suffix(name)[0] + find.result_suffix(path, rules.suffix))
            wanted = [result.name, *([find.comparison_name(result)] if rules.compare else [])]
            photo = posixpath.join(folder, name)
            other = taken.add(name, wanted)
            if other is not None:
                other = source.full_name(posixpath.join(folder, other))
                refuse(photo, f"{result.name} is already the result of {other}; choose another format")
                continue
            if not leading_back.isdisjoint(wanted):
                refuse(photo, "its result is a link to one of the photos; remove the link")
                continue
            paths = [posixpath.join(folder, file) for file in wanted]
            needed = [path for path, file in zip(paths, wanted) if rules.overwrite or file not in existing]
            beside = hints_beside.name_for(name)
            hints = posixpath.join(folder, beside) if beside in names else None
            yield Item(photo, paths[0], paths[1] if rules.compare else None, tuple(needed), hints)


def would_mix(source: places.Folder | places.Bucket, target: places.Folder | places.Bucket) -> bool:
    """Returns whether results could overwrite photos or be written among them, because the photos are in the result
    place."""
    return source.inside(target) is not None


def _is_of_results(source, target, folder):
    """Returns whether a folder among the photos is, through a link, one of results."""
    if not (isinstance(source, places.Folder) and isinstance(target, places.Folder)):
        return False
    return inputs.lies_in(source.full_name(folder), target.full_name(""))


def _leads_back(source, target, folder):
    """Returns whether a result folder leads, through a link, to the photos."""
    if not (isinstance(source, places.Folder) and isinstance(target, places.Folder)):
        return False
    results = target.full_name(folder)
    return inputs.lies_in(results, source.full_name("")) and not inputs.lies_in(results, target.full_name(""))


def _links_to_photos(source, target, folder):
    """Returns the names of the links in a result folder that lead to files among the photos."""
    if not (isinstance(source, places.Folder) and isinstance(target, places.Folder)):
        return set()
    paths = {name: target.full_name(posixpath.join(folder, name)) for name in target.links(folder)}
    photos, results = source.full_name(""), target.full_name("")
    return {name for name, path in paths.items() if inputs.lies_in(path, photos) and not inputs.lies_in(path, results)}


def _is_in(folder, other):
    return other in (".", folder) or folder.startswith(f"{other}/")


class Plan:
    """The waiting photos, in a file on disk, while a thread lists more of them.

    Args:
        found: Iterator of `Item`, such as `items` returns.

    Attributes:
        n_found: Photos listed so far.
        n_finished: Photos among them whose results exist.
        is_complete: Whether all are listed.
    """

    def __init__(self, found: Iterator[Item]) -> None:
        self.n_found = self.n_finished = 0
        self.is_complete = False
        self._n_listed = self._n_written = self._n_taken = 0
        self._lock = threading.Lock()
        self._error: Exception | None = None
        self._scratch = scratch.Scratch()
        path = self._scratch.path / "photos"
        with self._scratch.naming():
            self._writer = open(path, "w", encoding="utf-8")  # noqa: SIM115  # closed together
            self._reader = open(path, encoding="utf-8")  # noqa: SIM115
        self._stopping = False
        self._thread = threading.Thread(target=self._list, args=(found,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Plan:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        with contextlib.ExitStack() as ending:  # each of them, even if the disk is full or Ctrl-C comes again
            ending.enter_context(contextlib.suppress(OSError))  # what cannot be written is not needed any more
            ending.callback(self._scratch.close)  # last, because Windows cannot remove an open file
            ending.callback(self._reader.close)
            ending.callback(self._writer.close)
            self._thread.join()

    def take(self, count: int) -> list[Item]:
        """Returns up to n next photos; fewer or none if they are not listed yet.

        Raises:
            ValueError: the place cannot be listed.
        """
        is_complete = self.is_complete
        taken: list[Item] = []
        if self._n_taken == self._n_written:
            self._publish()
        if self._error and is_complete and self._n_taken == self._n_written:
            if isinstance(self._error, ValueError):
                raise self._error
            raise ValueError(work.reason_of(self._error)) from self._error
        while len(taken) < count and self._n_taken < self._n_written:
            source, target, compare, needed, hints = json.loads(self._reader.readline())
            taken.append(Item(source, target, compare, tuple(needed), hints))
            self._n_taken += 1
        return taken

    def has_work(self) -> bool:
        """Waits until an unfinished photo or all photos are listed; returns whether there is an unfinished one."""
        while self.n_left <= 0 and not self.is_complete:
            time.sleep(0.02)
        return self.n_left > 0

    @property
    def n_left(self) -> int:
        """Returns the number of listed photos that have not been taken."""
        return self.n_found - self.n_finished - self._n_taken

    def _publish(self):
        """Makes the photos listed so far readable."""
        with self._lock, self._scratch.naming():
            self._writer.flush()
            self._n_written = self._n_listed

    def _list(self, found):
        try:
            for item in found:
                self.n_finished += not item.needed
                if item.needed:
                    line = json.dumps([item.source, item.target, item.compare, item.needed, item.hints])
                    with self._lock, self._scratch.naming():
                        self._writer.write(line + "\n")
                        self._n_listed += 1
                self.n_found += 1
                if self._stopping:
                    return
        except Exception as error:  # raised again in `take`
            self._error = error
        finally:
            self.is_complete = True
