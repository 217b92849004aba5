"""One worker: reads photos, works on them and writes the results, all three at the same time."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import pathlib
from collections.abc import Callable

import tf_colorize
from tf_colorize import whole
from tf_colorize.albums import work
from tf_colorize.archives import places, plan

# Photos of a worker that are being read, worked on or written. A bucket answers after a tenth of a second.
_AT_ONCE = 8
# How many of them are worked on: while one waits for a disk, the other keeps the processor busy.
_IN_WORK = 2


class Worker:
    """What each actor of the cluster is.

    Args:
        source: Where the photos are.
        target: Where the results go.
        start: Returns the work, a function of a `work.Job` that may be called from several threads; called once. It
            raises ValueError if that is impossible.
        version: Of tf_colorize where the job was started.
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
        self._working = concurrent.futures.ThreadPoolExecutor(_IN_WORK)  # few: each may hold a network
        self.problem: str | None = None
        try:
            if version != tf_colorize.__version__:
                raise ValueError(
                    f"tf_colorize must be the same on all machines: {version} where the job starts, "
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
        """Does some photos; returns what became of each. One that fails never ends the others."""
        return list(self._pool.map(self._do, items))

    def _do(self, item):
        try:
            with whole.Scratch() as scratch:
                return self._done(item, scratch)
        except Exception as error:  # anything: a scratch folder without space, a bucket that does not answer
            return work.Outcome(reason=work.reason_of(error))

    def _done(self, item, folder):
        needed = [name for name in item.needed if not (item.deaths and self._target.has(name))]
        if not needed:  # the worker that died had finished it
            return work.Outcome()
        names = {name: self._target.path_for(name, folder) for name in (item.target, item.compare) if name}
        job = work.Job(pathlib.Path(), names[item.target], names.get(item.compare))
        try:
            hints = self._source.fetch(item.hints, folder) if item.hints else None
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

    def _reason(self, reason, item, job, names):
        """One line that calls files what people call them, not what they are called on this machine."""
        reason = reason.removeprefix(f"{job.source}: ")
        known = {path: self._target.full_name(name) for name, path in names.items()}
        if job.hints:
            known[job.hints] = self._source.full_name(item.hints)
        for path, name in {job.source: self._source.full_name(item.source), **known}.items():
            reason = reason.replace(str(path), name) if path.name else reason
        return reason
