"""One worker: reads photos, works on them and writes the results, all three at the same time."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import tf_colorize
from tf_colorize.archives import places, plan

# Photos of a worker that are being read, worked on or written. A bucket answers after a tenth of a second.
_AT_ONCE = 8
# How many of them are worked on: while one waits for a disk, the other keeps the processor busy.
_IN_WORK = 2


@dataclasses.dataclass(frozen=True)
class Paths:
    """Where a photo is on this machine, and where its results are written."""

    source: pathlib.Path
    target: pathlib.Path
    compare: pathlib.Path | None = None
    hints: pathlib.Path | None = None


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a photo: `done` is what the work returned; `reason` says why it failed, or None."""

    done: Any = None
    reason: str | None = None


class Worker:
    """What each actor of the cluster is.

    Args:
        source: Where the photos are.
        target: Where the results go.
        start: Returns the work, a function of `Paths` that may be called from several threads; called once. It
            raises ValueError if that is impossible.
        version: Of tf_colorize where the job was started.
    """

    def __init__(
        self,
        source: places.Folder | places.Bucket,
        target: places.Folder | places.Bucket,
        start: Callable[[], Callable[[Paths], Any]],
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
        except ValueError as error:
            self.problem = str(error)

    def ready(self) -> str | None:
        """Returns why this worker cannot work, or None."""
        return self.problem

    def run(self, items: list[plan.Item]) -> list[Outcome]:
        """Does some photos; returns an `Outcome` for each."""
        return list(self._pool.map(self._do, items))

    def _do(self, item):
        needed = [name for name in item.needed if not (item.deaths and self._target.has(name))]
        if not needed:  # the worker that died had finished it
            return Outcome()
        with tempfile.TemporaryDirectory(prefix="tf-colorize-") as scratch:
            folder = pathlib.Path(scratch)
            names = {name: self._target.path_for(name, folder) for name in (item.target, item.compare) if name}
            paths = Paths(pathlib.Path(), names[item.target], names.get(item.compare))
            try:
                hints = self._source.fetch(item.hints, folder) if item.hints else None
                paths = dataclasses.replace(paths, source=self._source.fetch(item.source, folder), hints=hints)
                done = self._working.submit(self._work, paths).result()
                for name in needed:
                    if names[name].exists():
                        self._target.store(name, names[name])
                return Outcome(done)
            except (ValueError, OSError, RuntimeError, MemoryError) as error:
                return Outcome(reason=self._reason(error, item, paths, names))

    def _reason(self, error, item, paths, names):
        """One line that calls files what people call them, not what they are called on this machine."""
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        reason = reason.removeprefix(f"{paths.source}: ")
        known = {path: self._target.full_name(name) for name, path in names.items()}
        if paths.hints:
            known[paths.hints] = self._source.full_name(item.hints)
        for path, name in {paths.source: self._source.full_name(item.source), **known}.items():
            reason = reason.replace(str(path), name) if path.name else reason
        return reason
