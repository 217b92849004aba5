"""Shows the progress of a command on a terminal."""

from __future__ import annotations

import contextlib
import sys
import time
import typing
from collections.abc import Callable, Iterator
from typing import Any

# No heavy imports at module level: `tf-colorize --help` must answer at once.

if typing.TYPE_CHECKING:
    from tf_colorize.archives import plan

_REPORT_EVERY = 30.0  # seconds between lines without a terminal


def bar_with_time_left(unit: str = "", **options: Any) -> Any:
    """Returns a `rich.progress.Progress` on standard error that shows the number of `unit` done, the total and the time
    left."""
    from rich import console, progress

    columns: list[Any] = [progress.BarColumn(), progress.MofNCompleteColumn(), progress.TimeRemainingColumn()]
    if unit:
        columns.insert(2, progress.TextColumn(unit))
    columns.append(progress.TextColumn("left"))
    return progress.Progress(*columns, console=console.Console(stderr=True), **options)


@contextlib.contextmanager
def of_photos(total: int) -> Iterator[Callable[[], None]]:
    """Returns a function to call after each photo; for many photos on a terminal it shows a progress bar."""
    if total == 1 or not sys.stderr.isatty():
        yield lambda: None
        return
    with bar_with_time_left(redirect_stdout=sys.stdout.isatty()) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


@contextlib.contextmanager
def of_archive(jobs: plan.Plan) -> Iterator[Callable[[int], None]]:
    """Returns a function to call with the number of photos done; it shows a bar with the time left, or prints a line
    now and then."""
    if not sys.stderr.isatty():
        start = last = time.monotonic()

        def say(n_done):
            nonlocal last
            if time.monotonic() - last > _REPORT_EVERY:
                last = time.monotonic()
                rate = n_done / (last - start)
                total = jobs.n_found - jobs.n_finished
                left = f"{(total - n_done) / rate / 60:.0f} min left" if jobs.is_complete else "still listing"
                print(f"{n_done} of {total} photos, {rate:.1f} photos/s, {left}", flush=True)

        yield say
        return
    with bar_with_time_left() as bar:
        task = bar.add_task("", total=None)
        yield lambda n_done: bar.update(task, completed=n_done, total=jobs.n_found - jobs.n_finished)


def duration(seconds: float) -> str:
    """Returns a readable duration, such as "3 min 20 s"."""
    minutes, seconds = divmod(seconds, 60)
    return f"{int(minutes)} min {seconds:.0f} s" if minutes else f"{seconds:.1f} s"
