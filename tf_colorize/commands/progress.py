"""How far a command is, on a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

# No heavy imports up here: `tf-colorize --help` must answer at once.


def bar_with_time_left(unit: str = "", **options: Any) -> Any:
    """Returns a `rich.progress.Progress` on standard error: how many `unit` of how many, and the time left."""
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


def duration(seconds: float) -> str:
    """Returns a time for people, such as "3 min 20 s"."""
    minutes, seconds = divmod(seconds, 60)
    return f"{int(minutes)} min {seconds:.0f} s" if minutes else f"{seconds:.1f} s"
