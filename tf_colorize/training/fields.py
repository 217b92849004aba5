"""Settings as data: each is a line with its default, what it is for, what it may be and what fine-tuning takes over."""

from __future__ import annotations

import dataclasses
import math
import numbers
import types
import typing
from collections.abc import Iterator
from typing import Any


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is known of a setting besides its value.

    Attributes:
        name: name of the field.
        kind: `bool`, `int`, `float` or `str`.
        default: value for a new generator; some depend on other settings, as `why` says.
        text: what it is for; other settings stand in backticks.
        group: heading under which it is listed.
        why: why the default is what it is.
        shown: the default in words, where the value alone says little.
        choices: the values that it may have; empty: any.
        least, above, most, below: limits of a number; `above` and `below` are not allowed themselves.
        fine_tuning: default for training a generator further; None: the same.
        carried: "" or what a generator must share with the one that it was to take this setting over from it:
            "always", "loss" (the loss of stage 1), "discriminator".
        stages: if it is the weight `lambda_NAME` of the loss NAME: the stages in which that counts.
    """

    name: str
    kind: type
    default: Any
    text: str
    group: str
    why: str = ""
    shown: str = ""
    choices: tuple[str, ...] = ()
    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    fine_tuning: Any = None
    carried: str = ""
    stages: tuple[int, ...] = ()

    @property
    def loss(self) -> str:
        """Returns the name of the loss that it weights, or an empty string."""
        return self.name.removeprefix("lambda_") if self.stages else ""

    def about_default(self) -> str:
        """Returns the default and its reason as text; the names of other settings are in backticks."""
        value = "off" if self.default is False else _plain(self.default) if self.kind is float else self.default
        parts = [self.shown or str(value), *([self.why] if self.why else [])]
        text = ", ".join(parts)
        if self.carried:
            text += "; with `init` that of the model"
        elif self.fine_tuning is not None:
            text += f"; {_plain(self.fine_tuning)} with `init`"
        return text

    def check(self, value: Any) -> None:
        """Raises ValueError if the setting may not have a value."""
        for rule in self._rules(value):
            raise ValueError(f"`{self.name}` must {rule}. Received: {self.name}={value!r}")

    def _rules(self, value) -> Iterator[str]:
        """Yields what the value must be and is not."""
        if self.choices:
            if value not in self.choices:
                yield f"be one of {', '.join(self.choices)}"
            return
        if self.kind in (bool, str):
            if not isinstance(value, self.kind):
                yield "be true or false" if self.kind is bool else "be a text"
            return
        whole = self.kind is int
        if isinstance(value, bool) or not isinstance(value, numbers.Integral if whole else numbers.Real):
            yield "be a whole number" if whole else "be a number"
        elif not math.isfinite(value):
            yield "be finite"
        elif not self._is_inside(value):
            yield self._range()

    def _is_inside(self, value):
        return (
            (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.most is None or value <= self.most)
            and (self.below is None or value < self.below)
        )

    def _range(self):
        low, high = (inner if inner is not None else outer for inner, outer in self._ends())
        if high is None:
            return (
                "not be negative" if self.least == 0 else f"be {'over' if self.least is None else 'at least'} {low:g}"
            )
        return f"be in {'[' if self.above is None else '('}{low:g}, {high:g}{']' if self.below is None else ')'}"

    def _ends(self):
        return (self.least, self.above), (self.most, self.below)


def _plain(number):
    return f"{number:.6f}".rstrip("0").rstrip(".")


def setting(default: Any, text: str, *, group: str, automatic: bool = False, **about: Any) -> Any:
    """Declares a field of a dataclass of settings.

    Args:
        default, text, group: as in `Setting`.
        automatic: the value depends on other settings. Like one that fine-tuning changes or takes over, the field is
            then None until all settings are known.
        about: the other attributes of `Setting`.
    """
    is_open = automatic or "fine_tuning" in about or "carried" in about
    metadata = {"default": default, "text": text, "group": group, **about}
    return dataclasses.field(default=None if is_open else default, metadata=metadata)


def table(settings: type) -> dict[str, Setting]:
    """Returns the settings of a dataclass by name."""
    kinds = typing.get_type_hints(settings)
    found = {}
    for field in dataclasses.fields(settings):
        if typing.get_origin(kind := kinds[field.name]) in (types.UnionType, typing.Union):
            kind = next(one for one in typing.get_args(kind) if one is not type(None))
        found[field.name] = Setting(field.name, kind, **field.metadata)
    return found
