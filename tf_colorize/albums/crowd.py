"""Processes many photos at once, on all cores, in constant memory."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

from tf_colorize import whole
from tf_colorize.albums import work
from tf_colorize.photos import files

# The number of pixels that all workers together may hold at once; each takes about 10 bytes.
_PIXELS_IN_WORK = 120_000_000


def run(
    jobs: Sequence[work.Job], do: Callable[[work.Job], work.Outcome], workers: int
) -> Iterator[tuple[work.Job, work.Outcome]]:
    """Calls `do(job)` for all jobs, `workers` at a time, and yields the outcomes as they finish.

    Memory does not grow with the number of jobs, and large pictures wait for each other. First, unfinished files of
    killed runs are removed from the result folders.

    Yields:
        `(job, outcome)`: the return value of `do`, or the reason for its failure.
    """
    for folder in {job.target.parent for job in jobs}:
        with contextlib.suppress(OSError):  # writing there will report the error
            whole.remove_dead(folder)
    guarded = within_memory(do)
    pending: dict[concurrent.futures.Future, work.Job] = {}
    waiting = collections.deque(jobs)
    pool = concurrent.futures.ThreadPoolExecutor(workers)
    try:
        while waiting or pending:
            while waiting and len(pending) < 2 * workers:
                job = waiting.popleft()
                pending[pool.submit(guarded, job)] = job
            finished, _ = concurrent.futures.wait(pending, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in finished:
                job = pending.pop(future)
                try:
                    outcome = future.result()
                except Exception as error:
                    outcome = work.Outcome(reason=f"{job.source}: {work.reason_of(error)}")
                yield job, outcome
    finally:
        # Even when the caller stops early: jobs in progress finish, no others start.
        pool.shutdown(cancel_futures=True)


def within_memory(do: Callable[[work.Job], work.Outcome]) -> Callable[[work.Job], work.Outcome]:
    """Returns `do` wrapped for use from several threads: large pictures wait for each other."""
    budget = _PixelBudget(_PIXELS_IN_WORK)

    def guarded(job):
        with budget.of(job.source):
            return do(job)

    return guarded


class _PixelBudget:
    """Admits pictures while their total number of pixels stays under a limit; one picture is always admitted."""

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
