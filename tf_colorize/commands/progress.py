"""How far a command is, on a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

# No heavy imports up here: `tf-colorize --help` must answer at once.


@contextlib.contextmanager
def of_photos(total: int) -> Iterator[Callable[[], None]]:
    """Returns a function to call after each photo; for many photos on a terminal it shows a progress bar."""
    if total == 1 or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich import console, progress

    columns = (
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("left"),
    )
    terminal = console.Console(stderr=True)
    with progress.Progress(*columns, console=terminal, redirect_stdout=sys.stdout.isatty()) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


def duration(seconds: float) -> str:
    """Returns a time for people, such as "3 min 20 s"."""
    minutes, seconds = divmod(seconds, 60)
    return f"{int(minutes)} min {seconds:.0f} s" if minutes else f"{seconds:.1f} s"
