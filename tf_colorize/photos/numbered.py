"""Numbered images: patterns of names such as `frames/%05d.png`, which together are a film.

A percent sign outside the number stands for itself, and may be doubled as FFmpeg wants it.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re

_NUMBER = re.compile(r"%0?(\d{0,2})d")


@dataclasses.dataclass(frozen=True)
class Images:
    """The numbered images that a pattern names.

    Attributes:
        folder: Their folder.
        before: Text before the number.
        width: Least number of digits; shorter numbers begin with zeros.
        after: Text after the number.
        numbers: The numbers of the existing images, sorted.
    """

    folder: pathlib.Path
    before: str
    width: int
    after: str
    numbers: tuple[int, ...] = ()

    def name(self, number: int) -> str:
        """Returns the file name of an image."""
        return f"{self.before}{number:0{self.width}d}{self.after}"

    def files(self) -> list[pathlib.Path]:
        """Returns the existing images in order."""
        return [self.folder / self.name(number) for number in self.numbers]

    def missing(self) -> int | None:
        """Returns the first number without an image between others, or None."""
        pairs = zip(self.numbers, self.numbers[1:])
        return next((before + 1 for before, after in pairs if after > before + 1), None)

    def step(self) -> int | None:
        """Returns the difference between all neighboring numbers, or None if it varies."""
        steps = {after - before for before, after in zip(self.numbers, self.numbers[1:])}
        return steps.pop() if len(steps) == 1 else None

    def pattern(self) -> str:
        """Returns the pattern as FFmpeg reads it: with percent signs that stand for themselves doubled."""
        start = os.path.join(self.folder, self.before)
        return f"{start.replace('%', '%%')}%0{self.width}d{self.after.replace('%', '%%')}"


def is_pattern(name: str) -> bool:
    """Returns whether a file name has the form of a pattern.

    Example:
    >>> is_pattern("50%_%05d.png"), is_pattern("50%.png")
    (True, False)
    """
    return _NUMBER.search(name) is not None


def numbers_in(name: str) -> int:
    """Returns how many numbers a pattern has; only one of them may count images."""
    return len(_NUMBER.findall(name))


def find(path: str | os.PathLike[str]) -> Images | None:
    """Returns the images that a pattern names, or None if there are none.

    If several parts of the pattern could be the number, the last one for which images exist is used.

    Raises:
        OSError: the folder cannot be listed.
    """
    path = pathlib.Path(path)
    names = os.listdir(path.parent)
    for found in reversed(list(_NUMBER.finditer(path.name))):
        before, after = path.name[: found.start()], path.name[found.end() :]
        for texts in ((before, after), (before.replace("%%", "%"), after.replace("%%", "%"))):
            images = Images(path.parent, texts[0], int(found[1] or 1), texts[1])
            numbers = _numbers(images, names)
            if numbers:
                return dataclasses.replace(images, numbers=numbers)
    return None


def _numbers(images, names):
    digits = re.compile(re.escape(images.before) + r"([0-9]+)" + re.escape(images.after))
    values = (int(found[1]) for name in names if (found := digits.fullmatch(name)))
    listed = set(names)
    return tuple(sorted(value for value in set(values) if images.name(value) in listed))
