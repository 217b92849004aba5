"""`Look`: what a person wants of the colors of a picture, as one value that every front end carries."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from tf_colorize.color import lab

_UNDOING_STEPS = 8


def _adjustment(default: float, least: float, most: float) -> Any:
    """A field of `Look`: a number in a range."""
    return dataclasses.field(default=default, metadata={"least": least, "most": most})


@dataclasses.dataclass(frozen=True)
class Look:
    """How the predicted colors are changed to a person's liking; lightness always stays the photo's own.

    Args:
        vividness: Strength of the colors, 0 to 2: 0 gray, 1 as the model predicts, 2 strong; see `lab.with_vividness`.

    Raises:
        ValueError: a number is out of its range.

    Example:
    >>> Look(vividness=1.2) == Look()
    False
    """

    vividness: float = _adjustment(1.0, 0.0, 2.0)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, (least, most) = getattr(self, field.name), self.range_of(field.name)
            if not least <= value <= most:
                raise ValueError(
                    f"`{field.name}` must be in [{least:g}, {most:g}]. Received: {field.name}={value!r}. "
                    f"{field.default:g} leaves the colors as the model predicts them."
                )

    @classmethod
    def range_of(cls, name: str) -> tuple[float, float]:
        """Returns the least and the most of an adjustment."""
        (field,) = (field for field in dataclasses.fields(cls) if field.name == name)
        return field.metadata["least"], field.metadata["most"]

    def applied(self, lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
        """Returns the colors that are shown for those that the model predicts.

        Args:
            lightness: float32 array `(..., 1)` in [-1, 1], L* / 50 - 1.
            ab: float32 array `(..., 2)` in [-1, 1], (a*, b*) / 110.

        Returns:
            float32 array `(..., 2)`, ab.
        """
        return lab.with_vividness(lightness, ab, self.vividness)

    def undone(self, lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
        """Returns the colors that `applied` turns into these, for hints, whose colors no look changes.

        Args:
            lightness: float32 array `(..., 1)` in [-1, 1], L* / 50 - 1.
            ab: float32 array `(..., 2)` in [-1, 1], (a*, b*) / 110: what is to be shown.

        Returns:
            float32 array `(..., 2)`, ab.

        Raises:
            ValueError: `vividness` is 0, which leaves no color.
        """
        return _without_vividness(lightness, ab, self.vividness)


UNCHANGED = Look()
"""The colors as the model predicts them."""


def _without_vividness(lightness, ab, vividness):
    if vividness == 0.0:
        raise ValueError("`vividness` must be over 0 with `hints`: at 0 all is gray. Received: vividness=0")
    if vividness == 1.0:
        return ab
    length, scaled = np.linalg.norm(ab, axis=-1, keepdims=True), ab
    for _ in range(_UNDOING_STEPS):
        got = np.linalg.norm(lab.with_vividness(lightness, scaled, vividness), axis=-1, keepdims=True)
        scaled = scaled * np.where(got > 0, length / np.maximum(got, 1e-9), 1.0)
    return scaled.astype(np.float32)
