"""A worker: reads photos, processes them and writes the results, all at the same time."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import pathlib
import posixpath
from collections.abc import Callable

import tf_colorize
from tf_colorize import documents, look_files, scratch
from tf_colorize.albums import work
from tf_colorize.archives import places, plan

# Photos of a worker being read, processed or written. A bucket answers after a tenth of a second.
_AT_ONCE = 8
# Number of them being processed: while one waits for a disk, the other uses the processor.
_IN_WORK = 2


class Worker:
    """The class of each actor of the cluster.

    Args:
        source: The place of the photos.
        target: The place for the results.
        start: Called once; returns a thread-safe function of a `work.Job`, or raises ValueError.
        version: Version of tf_colorize where the job was started.
    """

    def __init__(
        self,
        source: places.Folder | places.Bucket,
        target: places.Folder | places.Bucket,
        start: Callable[[], Callable[[work.Job], work.Outcome]],
        version: str,
    ) -> None:
        self._source, self._target = source, target
        self._pool = concurrent.futures.ThreadPoolExecutor(_AT_ONCE)
        self._working = concurrent.futures.ThreadPoolExecutor(_IN_WORK)  # few threads, because each may hold a network
        self.problem: str | None = None
        try:
            if version != tf_colorize.__version__:
                raise ValueError(
                    f"tf_colorize must have the same version on all machines: {version} where the job was started, "
                    f"{tf_colorize.__version__} here"
                )
            source.check()
            target.check()
            self._work = start()
        except Exception as error:
            self.problem = work.reason_of(error)

    def ready(self) -> str | None:
        """Returns why this worker cannot work, or None."""
        return self.problem

    def run(self, items: list[plan.Item]) -> list[work.Outcome]:
        """Processes some photos and returns their outcomes. A failure never affects the other photos."""
        return list(self._pool.map(self._do, items))

    def _do(self, item):
        try:
            with scratch.Scratch() as folder:
                return self._done(item, folder)
        except Exception as error:  # any exception: a full scratch folder, an unreachable bucket
            return work.Outcome(reason=work.reason_of(error))

    def _done(self, item, folder):
        needed = [name for name in item.needed if not (item.deaths and self._target.has(name))]
        if not needed:  # the worker that died had already finished it
            return work.Outcome()
        names = {name: self._target.path_for(name, folder) for name in (item.target, item.compare) if name}
        job = work.Job(pathlib.Path(), names[item.target], names.get(item.compare))
        try:
            hints = self._hints(item.hints, folder) if item.hints else None
            job = dataclasses.replace(job, source=self._source.fetch(item.source, folder), hints=hints)
            outcome = self._working.submit(self._work, job).result()
            for name in needed:
                if outcome.reason is None and names[name].exists():
                    self._target.store(name, names[name])
        except Exception as error:
            outcome = work.Outcome(reason=work.reason_of(error))
        if outcome.reason is not None:
            outcome = dataclasses.replace(outcome, reason=self._reason(outcome.reason, item, job, names))
        return outcome

    def _hints(self, name, folder):
        """Fetches a hints file. If it is a copy, its references, which may be paths beside it, are put into it."""
        path = self._source.fetch(name, folder)
        if path.is_relative_to(folder):
            look_files.enclose(path, lambda photo: self._reference(name, photo, folder))
        return path

    def _reference(self, hints, photo, folder):
        name = posixpath.normpath(posixpath.join(posixpath.dirname(hints), photo))
        if name.startswith(("/", "..")):
            raise ValueError(
                f"{self._source.full_name(hints)}: reference {documents.shown(photo)}: is not in "
                f"{self._source.full_name('')}"
            )
        try:
            return self._source.fetch(name, folder).read_bytes()
        except OSError as error:
            raise ValueError(
                f"{self._source.full_name(hints)}: reference {documents.shown(photo)}: "
                f"{error.strerror or work.reason_of(error)}"
            ) from error

    def _reason(self, reason, item, job, names):
        """Returns a one-line message with the full names of files instead of local paths."""
        reason = reason.removeprefix(f"{job.source}: ")
        known = {path: self._target.full_name(name) for name, path in names.items()}
        if job.hints:
            known[job.hints] = self._source.full_name(item.hints)
        for path, name in {job.source: self._source.full_name(item.source), **known}.items():
            reason = reason.replace(str(path), name) if path.name else reason
        return reason
