"""`Look`: the user's adjustments of the colors, as one value that all front ends pass on."""

from __future__ import annotations

import dataclasses
import hashlib
import numbers
from typing import Any

import numpy as np

from tf_colorize.color import lab

_UNDOING_STEPS = 8
# For references: a prior (ab of 0.1 on a fortieth of the picture) added to the measurement of strength, and the range
# of the strength relative to the model's. It is narrow, because the strength of a few matching places is that of the
# whole picture: at 0.5, places of a pale wall made faces pale. On pairs of photos with truth, 0.5 to 2 gains 0.02 dB
# more with another crop and loses as much otherwise; adopting the mean color as well lost 0.01 to 0.6 dB, because hints
# already spread it.
_LITTLE_COLOR = 0.1 / 40
_STRENGTHS = (0.75, 1.5)
# Kelvin. CIE daylight is defined from 4000 K up, which is the greatest warmth.
_WARMEST, _NEUTRAL = 4000.0, 6504.0


def _adjustment(default: float, least: float, most: float) -> Any:
    """Declares a field of `Look`: a number in a range."""
    return dataclasses.field(default=default, metadata={"least": least, "most": most})


@dataclasses.dataclass(frozen=True)
class Reference:
    """A color photo whose colors other photos take on; `look_files.open_reference` opens one.

    Args:
        name: Its path, or "" without one.
        size: Width and height.
        pixels: The bytes of uint8 `(height, width, 3)`, sRGB.
        time: In a film, the time in seconds from which it applies, until that of the next one; None: always.
    """

    name: str
    size: tuple[int, int]
    pixels: bytes = dataclasses.field(repr=False)
    time: float | None = None

    @property
    def rgb(self) -> np.ndarray:
        """Returns its pixels, uint8 `(height, width, 3)`, sRGB."""
        return np.frombuffer(self.pixels, np.uint8).reshape(self.size[1], self.size[0], 3)


@dataclasses.dataclass(frozen=True)
class Look:
    """The user's adjustments of the predicted colors; lightness never changes.

    Args:
        vividness: Strength of the colors, 0 to 2: 0 gray, 1 as the model predicts, 2 strong; see `lab.with_vividness`.
        warmth: Color of the light, -1 to 1: 0 as the model predicts, 1 as in daylight of 4000 K, -1 equally far towards
            blue. Black and white do not change.
        reference: Color photos; similar-looking things take on their colors, before the adjustments.

    Raises:
        ValueError: a number is out of its range, or a reference is not a `Reference`.

    Example:
    >>> Look(vividness=1.2) == Look()
    False
    """

    vividness: float = _adjustment(1.0, 0.0, 2.0)
    warmth: float = _adjustment(0.0, -1.0, 1.0)
    reference: tuple[Reference, ...] = ()

    def __post_init__(self) -> None:
        for name in ADJUSTMENTS:
            value = number = getattr(self, name)
            least, most = self.range_of(name)
            if not (isinstance(value, numbers.Real) and least <= number <= most):
                raise ValueError(
                    f"`{name}` must be in [{least:g}, {most:g}]. Received: {name}={value!r}. "
                    f"{getattr(type(self), name):g} leaves the colors as the model predicts them."
                )

        if isinstance(self.reference, list):
            object.__setattr__(self, "reference", tuple(self.reference))
        if not (isinstance(self.reference, tuple) and all(isinstance(one, Reference) for one in self.reference)):
            raise ValueError(
                f"`reference` must be a tuple of `Reference`. Received: reference={self.reference!r}. "
                "`tf_colorize.open_reference` opens one."
            )

    @classmethod
    def range_of(cls, name: str) -> tuple[float, float]:
        """Returns the limits of an adjustment."""
        (field,) = (field for field in dataclasses.fields(cls) if field.name == name)
        return field.metadata["least"], field.metadata["most"]

    def at(self, time: float) -> Look:
        """Returns the look of a film at a time in seconds, without references for other times."""
        begun = [one.time for one in self.reference if one.time is not None and one.time <= time]
        counted = tuple(one for one in self.reference if one.time is None or one.time == max(begun, default=None))
        return self if counted == self.reference else dataclasses.replace(self, reference=counted)

    def described(self) -> dict[str, Any]:
        """Returns the look as data for JSON, which differs between any two looks."""
        numbers_only: dict[str, Any] = {name: getattr(self, name) for name in ADJUSTMENTS}
        if self.reference:
            numbers_only["reference"] = [
                [one.name, hashlib.sha256(one.pixels).hexdigest(), one.time] for one in self.reference
            ]
        return numbers_only

    def prepared(self, automatic_ab: np.ndarray | None = None, wanted: np.ndarray | None = None) -> Prepared:
        """Returns the look for one photo or shot, with measurements that are made once.

        Args:
            automatic_ab: float32 `(..., 2)`, the model's own prediction; needed with `wanted`.
            wanted: float32 `(..., 3)`: for each place, the ab from the look's references, and its certainty, 0 to 1;
                None without references.
        """
        if automatic_ab is None or wanted is None or not wanted[..., 2].any():
            return Prepared(self)
        there, here = (
            float(np.mean(wanted[..., 2] * np.linalg.norm(ab, axis=-1))) for ab in (wanted[..., :2], automatic_ab)
        )
        ratio = (there + _LITTLE_COLOR) / (here + _LITTLE_COLOR)
        return Prepared(self, float(np.clip(ratio, *_STRENGTHS)), automatic_ab, wanted)

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


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A look for one photo or shot, with its measurements; see `Look.prepared`.

    Attributes:
        look: The look.
        strength: Factor on the model's colors, before the look's own adjustments.
        automatic_ab: float32 `(..., 2)`, the model's own prediction, or None without references.
        wanted: float32 `(..., 3)`, the colors from references, or None.
    """

    look: Look
    strength: float = 1.0
    automatic_ab: np.ndarray | None = None
    wanted: np.ndarray | None = None

    def hints(self) -> np.ndarray | None:
        """Returns the colors from references as hints for the model, float32 `(..., 3)`, or None.

        The difference of a hint from the model's own prediction is multiplied by its certainty.
        """
        if self.wanted is None or self.automatic_ab is None:
            return None
        sure = self.wanted[..., 2:]
        ab = self.automatic_ab + sure * (self.wanted[..., :2] - self.automatic_ab)
        return np.where(sure > 0, np.concatenate([ab / self.strength, np.ones_like(sure)], axis=-1), np.float32(0))

    def applied(self, lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
        """Returns the predicted colors with the adjustments applied, like `Look.applied`."""
        return self.look.applied(lightness, ab if self.strength == 1.0 else ab * np.float32(self.strength))

    def undone(self, lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
        """Returns the colors that `applied` turns into these, like `Look.undone`."""
        ab = self.look.undone(lightness, ab)
        return ab if self.strength == 1.0 else ab / np.float32(self.strength)


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
