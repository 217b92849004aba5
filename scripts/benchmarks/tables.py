"""Formats results of benchmarks: numbers with their spread, shares, tables."""

import math

import numpy as np
import rich.console
import rich.table


def number(value):
    """Returns a number with three significant digits."""
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def spread(values, unit=""):
    """Returns the median with minimum and maximum."""
    return f"{number(np.median(values))}{unit} ({number(np.min(values))}-{number(np.max(values))})"


def share(reached, possible, unit):
    """Returns a rate and its share of the best one."""
    of_best = 100 * reached / possible
    return f"{number(reached)} {unit}, {f'{of_best:.0f}' if of_best >= 1 else f'{of_best:.2g}'}%"


def others(runs):
    """Returns a sentence about the load by other processes, or an empty string if the system does not report it."""
    shares = [run["others"] for run in runs if run["others"] is not None]
    if not shares:
        return ""
    return f" Other processes used {np.median(shares):.0%} of the machine (at most {max(shares):.0%} in a run)."


def show(headings, rows, notes, markdown):
    """Prints a table with notes, for a terminal or in Markdown."""
    if markdown:
        for line in (headings, ["---"] * len(headings), *rows):
            print(f"| {' | '.join(line)} |")
        print(f"\n{notes}\n")
        return
    table = rich.table.Table(*headings)
    for row in rows:
        table.add_row(*row)
    console = rich.console.Console()
    if not console.is_terminal:
        console.width = 140  # no wrapping in files
    console.print(table)
    console.print(notes)
