"""`Look`: the user's adjustments of the colors, as one value that all front ends pass on."""

from __future__ import annotations

import dataclasses
import numbers
from typing import Any

import numpy as np

from tf_colorize.color import lab

_UNDOING_STEPS = 8
# Kelvin. CIE daylight is defined from 4000 K up, which is the greatest warmth.
_WARMEST, _NEUTRAL = 4000.0, 6504.0


def _adjustment(default: float, least: float, most: float) -> Any:
    """Declares a field of `Look`: a number in a range."""
    return dataclasses.field(default=default, metadata={"least": least, "most": most})


@dataclasses.dataclass(frozen=True)
class Look:
    """The user's adjustments of the predicted colors; lightness never changes.

    Args:
        vividness: Strength of the colors, 0 to 2: 0 gray, 1 as the model predicts, 2 strong; see `lab.with_vividness`.
        warmth: Color of the light, -1 to 1: 0 as the model predicts, 1 as in daylight of 4000 K, -1 equally far towards
            blue. Black and white do not change.

    Raises:
        ValueError: a number is out of its range.

    Example:
    >>> Look(vividness=1.2) == Look()
    False
    """

    vividness: float = _adjustment(1.0, 0.0, 2.0)
    warmth: float = _adjustment(0.0, -1.0, 1.0)

    def __post_init__(self) -> None:
        for name in ADJUSTMENTS:
            value = number = getattr(self, name)
            least, most = self.range_of(name)
            if not (isinstance(value, numbers.Real) and least <= number <= most):
                raise ValueError(
                    f"`{name}` must be in [{least:g}, {most:g}]. Received: {name}={value!r}. "
                    f"{getattr(type(self), name):g} leaves the colors as the model predicts them."
                )

    @classmethod
    def range_of(cls, name: str) -> tuple[float, float]:
        """Returns the limits of an adjustment."""
        (field,) = (field for field in dataclasses.fields(cls) if field.name == name)
        return field.metadata["least"], field.metadata["most"]

    def applied(self, lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
        """Returns the predicted colors with the adjustments applied.

        Args:
            lightness: float32 array `(..., 1)` in [-1, 1], L* / 50 - 1.
            ab: float32 array `(..., 2)` in [-1, 1], (a*, b*) / 110.

        Returns:
            float32 array `(..., 2)`, ab.
        """
        ab = lab.with_vividness(lightness, ab, self.vividness)
        return ab if self.warmth == 0.0 else ab * _gain(lightness, self.warmth) + _shift(lightness, self.warmth)

    def undone(self, lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
        """Returns the colors that `applied` turns into the given ones; for hints, whose colors the look must not
        change.

        Args:
            lightness: float32 array `(..., 1)` in [-1, 1], L* / 50 - 1.
            ab: float32 array `(..., 2)` in [-1, 1], (a*, b*) / 110, the result to obtain.

        Returns:
            float32 array `(..., 2)`, ab.

        Raises:
            ValueError: `vividness` is 0, which removes all color.
        """
        if self.warmth != 0.0:
            ab = (ab - _shift(lightness, self.warmth)) / _gain(lightness, self.warmth)
        return _without_vividness(lightness, ab, self.vividness)


ADJUSTMENTS = tuple(field.name for field in dataclasses.fields(Look) if field.metadata)
"""The fields of `Look` that are numbers."""

UNCHANGED = Look()
"""The look that leaves the predicted colors unchanged."""


def _without_vividness(lightness, ab, vividness):
    if vividness == 0.0:
        raise ValueError("`vividness` must be over 0 with `hints`: at 0, everything is gray. Received: vividness=0")
    if vividness == 1.0:
        return ab
    length, scaled = np.linalg.norm(ab, axis=-1, keepdims=True), ab
    for _ in range(_UNDOING_STEPS):
        got = np.linalg.norm(lab.with_vividness(lightness, scaled, vividness), axis=-1, keepdims=True)
        scaled = scaled * np.where(got > 0, length / np.maximum(got, 1e-9), 1.0)
    return scaled.astype(np.float32)


# Light of another color multiplies X and Z everywhere, so it multiplies f(X / Xn) and f(Z / Zn) of Lab by `1 +
# factors`. With a* = 500 (f(X) - f(Y)) and b* = 200 (f(Y) - f(Z)), a* and b* change linearly if f(Y), the lightness, is
# constant. The factors fall to 0 towards black and white, which do not depend on the light.


def _gain(lightness, warmth):
    """Returns the factors on a* and b*, float32 `(..., 2)`."""
    return 1.0 + _factors(warmth) * (1.0 - lightness**2)


def _shift(lightness, warmth):
    """Returns the offsets added to a* and b* afterwards, divided by 110, float32 `(..., 2)`."""
    luminance = (lab.LIGHTNESS_SCALE * (lightness + 1.0) + 16.0) / 116.0
    scale = np.array([500.0, -200.0], np.float32) / np.float32(lab.AB_SCALE)
    return scale * luminance * _factors(warmth) * (1.0 - lightness**2)


def _factors(warmth):
    """Returns the cube roots of the light's X and Z relative to D65, minus 1, float32 `(2,)`."""
    mired = 1e6 / _NEUTRAL + warmth * (1e6 / _WARMEST - 1e6 / _NEUTRAL)  # perceptually equal steps
    return (np.cbrt(_daylight(1e6 / mired) / _daylight(_NEUTRAL)) - 1.0).astype(np.float32)


def _daylight(kelvin):
    """Returns X / Y and Z / Y of CIE daylight, 4000 to 25000 K (CIE 15:2004, Wyszecki and Stiles)."""
    thousands = 1000.0 / kelvin
    if kelvin <= 7000.0:
        x = 0.244063 + 0.09911 * thousands + 2.9678 * thousands**2 - 4.6070 * thousands**3
    else:
        x = 0.237040 + 0.24748 * thousands + 1.9018 * thousands**2 - 2.0064 * thousands**3
    y = -3.0 * x**2 + 2.870 * x - 0.275
    return np.array([x / y, (1.0 - x - y) / y])
