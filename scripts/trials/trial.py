"""A trial: many repeatable attempts to break something; failures are kept."""

import collections
import contextlib
import dataclasses
import importlib
import os
import pathlib
import time
from collections.abc import Iterator

import numpy as np

_TOLD_EVERY = 300.0  # seconds


class Impossible(ValueError):
    """The trial cannot run here; the message says what is missing."""


class Fault(AssertionError):
    """A promise was broken; the message says which."""


@dataclasses.dataclass
class Trial:
    """A run of a trial and its results.

    Attributes:
        name: Name of the trial.
        seed: The same seed gives the same attempts.
        seconds: Duration.
        keep: Folder for failures, with a folder for each.
        first: Number of the first attempt.
        most: Maximum number of attempts, or None.
        only: Parts of the trial to run, or all.
        outcomes: Number of attempts by outcome.
        failures: A line for each broken promise.
        figures: Measurements by name.
    """

    name: str
    seed: int
    seconds: float
    keep: pathlib.Path
    first: int = 0
    most: int | None = None
    only: tuple[str, ...] = ()
    outcomes: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    failures: list[str] = dataclasses.field(default_factory=list)
    figures: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        self._start = self._told = time.monotonic()

    def left(self) -> float:
        """Returns the remaining seconds."""
        return self._start + self.seconds - time.monotonic()

    def attempts(self, most: int | None = None) -> Iterator[tuple[int, np.random.Generator]]:
        """Yields the number of each attempt and its own random numbers, until the time is over."""
        end = min(self.first + limit for limit in (most, self.most, 1 << 62) if limit is not None)
        for number in range(self.first, end):
            if self.left() < 0:
                return
            self.tell(number)
            yield number, np.random.default_rng([self.seed, number])

    def tell(self, number: int) -> None:
        """Prints every few minutes how far the trial is, so that a run that is killed can be continued."""
        if time.monotonic() - self._told > _TOLD_EVERY:
            self._told = time.monotonic()
            so_far = ", ".join(f"{count:,} {what}" for what, count in sorted(self.outcomes.items()))
            print(f"{self.name}: before attempt {number}: {so_far or 'nothing'}", flush=True)

    def parts(self, all_parts: dict) -> dict:
        """Returns the requested parts.

        Raises:
            Impossible: there is no such part.
        """
        unknown = set(self.only) - set(all_parts)
        if unknown:
            raise Impossible(f"{', '.join(sorted(unknown))}: no such part; there are {', '.join(all_parts)}")
        return {name: part for name, part in all_parts.items() if name in self.only or not self.only}

    def fail(self, attempt: object, reason: str, **files: bytes) -> None:
        """Records a broken promise, and keeps the files that show it; their names use "_" for the last "."."""
        self.failures.append(f"{self.name} {attempt}, seed {self.seed}: {reason}")
        self.outcomes["FAILED"] += 1
        folder = self.keep / f"{self.name}-{self.seed}-{str(attempt).replace(' ', '-').replace('/', '-')}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "reason.txt").write_text(reason + "\n", encoding="utf-8")
        for name, data in files.items():
            (folder / ".".join(name.rsplit("_", 1))).write_bytes(data)
        print(self.failures[-1].splitlines()[0][:400], flush=True)

    @contextlib.contextmanager
    def judged(self, attempt: object) -> Iterator[None]:
        """Turns a `Fault` in a `with` block into a failure of an attempt."""
        try:
            yield
        except Fault as fault:
            self.fail(attempt, str(fault))

    def table(self) -> str:
        """Returns the row for the table of docs/reliability.md, below its head."""
        outcomes = ", ".join(f"{count:,} {what}" for what, count in sorted(self.outcomes.items()) if what != "FAILED")
        figures = "; ".join(f"{what} {figure}" for what, figure in self.figures.items())
        total = sum(self.outcomes.values())
        minutes = (time.monotonic() - self._start) / 60
        return (
            "| trial | attempts | minutes | how they ended | measured | broken promises |\n|---|---|---|---|---|---|\n"
            f"| {self.name} | {total:,} | {minutes:.1f} | {outcomes} | {figures} | {len(self.failures)} |"
        )


def patience() -> float:
    """Returns how much longer everything takes on this machine at present: the processes per core, at least 1."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def need(*packages: str) -> None:
    """Checks that packages are installed.

    Raises:
        Impossible: a package is missing.
    """
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise Impossible(f"needs the Python package {package}. Run: pip install {package}") from error
