"""scripts/benchmark.py as users run it, and its tables as data."""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*arguments):
    """Returns the finished process."""
    command = [sys.executable, str(ROOT / "scripts" / "benchmark.py"), *map(str, arguments)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path})


def tables(markdown):
    """Returns each table as a list of rows, which are dicts by heading."""
    blocks = [block for block in markdown.split("\n\n") if block.startswith("|")]
    cells = [[line.strip("| ").split(" | ") for line in block.splitlines()] for block in blocks]
    return [[dict(zip(headings, row)) for row in rows] for headings, _, *rows in cells]


def numbers(cell):
    """Returns the numbers in a cell."""
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", cell)]
