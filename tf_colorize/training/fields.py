"""Settings as data: each is one line with its default, purpose, valid values and behavior in fine-tuning."""

from __future__ import annotations

import dataclasses
import math
import numbers
import types
import typing
from collections.abc import Iterator
from typing import Any

from tf_colorize import documents


@dataclasses.dataclass(frozen=True)
class Setting:
    """The properties of a setting other than its value.

    Attributes:
        name: name of the field.
        kind: `bool`, `int`, `float` or `str`.
        default: value for a new generator; some depend on other settings, as `why` explains.
        text: its purpose; names of other settings are in backticks.
        group: heading under which it is listed.
        why: the reason for the default.
        shown: the default in words, if the value alone says little.
        choices: the valid values; empty: any.
        least, above, most, below: limits of a number; `above` and `below` are exclusive.
        fine_tuning: default for fine-tuning; None: the same.
        carried: when fine-tuning takes over the setting of the initial model: never (""), "always", or if both have the
            same stage-1 loss ("loss") or the same "discriminator".
        stages: for the weight `lambda_NAME` of the loss NAME: the stages in which it applies.
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
        """Returns the name of the loss that the setting weights, or an empty string."""
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
        """Raises ValueError if a value is not valid for the setting."""
        for rule in self._rules(value):
            raise ValueError(f"`{self.name}` must {rule}. Received: {self.name}={documents.shown(repr(value))}")

    def _rules(self, value) -> Iterator[str]:
        """Yields the rules that the value violates."""
        if self.choices:
            if not isinstance(value, self.kind) or value not in self.choices:
                yield f"be one of {', '.join(self.choices)}"
            return
        if self.kind in (bool, str):
            if not isinstance(value, self.kind):
                yield "be true or false" if self.kind is bool else "be a string"
            return
        whole = self.kind is int
        if isinstance(value, bool) or not isinstance(value, numbers.Integral if whole else numbers.Real):
            yield "be a whole number" if whole else "be a number"
        elif not _is_finite(value):
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


def _is_finite(value):
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number with hundreds of digits
        return False


def _plain(number):
    return f"{number:.6f}".rstrip("0").rstrip(".")


def setting(default: Any, text: str, *, group: str, automatic: bool = False, **about: Any) -> Any:
    """Declares a field of a dataclass of settings.

    Args:
        default, text, group: as in `Setting`.
        automatic: the value depends on other settings. The field is then None until all settings are known, like one
            that fine-tuning changes or takes over.
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
