"""Reuses large objects: the first access to new memory takes longer than most computations with it."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Spares(Generic[T]):
    """Objects that are no longer needed, for any thread to use again.

    Args:
        make: Returns a new object, for when there is none to use again.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._spare: collections.deque[T] = collections.deque()

    def take(self) -> T:
        """Returns an object that nobody else uses, with any contents."""
        try:
            return self._spare.pop()
        except IndexError:
            return self._make()

    def give(self, one: T) -> None:
        """Gives back an object of `take`."""
        self._spare.append(one)
