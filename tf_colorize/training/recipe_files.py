"""Reads recipes and checks everything in them before the first step, because a step may take hours.

`recipe` describes the form.
"""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from collections.abc import Collection, Mapping
from typing import Any

from tf_colorize import documents
from tf_colorize.training import fields, settings

_NAME = re.compile(r"[^\W_][\w. -]*")
_MOST_BYTES = 1 << 20


def _one(name: str, kind: type, **limits: Any) -> fields.Setting:
    return fields.Setting(name, kind, None, "", "", **limits)


def _of(*checks: fields.Setting) -> dict[str, fields.Setting]:
    return {one.name: one for one in checks}


_IMAGE_SIZE, _TERMS = _one("image_size", int, above=0), _one("terms", str)
_SHARE = _one("share", float, least=0, most=1)
_QUANTIZE = _one("quantize", str, choices=("none", "float16", "dynamic", "int8"))
_GAINS = _of(*(_one(name, float, least=0) for name in ("mean_gain", "contrast", "expansion")))
# kind of step -> keys that it must have, and keys that it may have; those without a check have their own below
_REQUIRED: dict[str, dict[str, fields.Setting]] = {
    "train": {},
    "blend": _of(_one("first", str), _one("second", str), _SHARE),
    "nonlocal_mean": _of(_one("model", str)),
    "export": _of(_one("model", str)),
}
_OPTIONAL: dict[str, dict[str, fields.Setting | None]] = {
    "train": {name: one for name, one in settings.table().items() if name not in ("data", "val_data", "run_dir")},
    "blend": {"gains": None, **_of(_one("hints", str), _IMAGE_SIZE, _TERMS)},
    "nonlocal_mean": {},
    "export": {**_of(_QUANTIZE, _one("rounded", bool))},
}
_AFTER: dict[str, fields.Setting | None] = {
    "image_sizes": None,
    **_of(_SHARE, _one("strongest", float, least=0.25), _IMAGE_SIZE, _TERMS),
    **_of(_one("colorfulness", float, above=0), _one("mean_share", float, least=0)),
}
_FILES = {"blend": ("first", "second", "hints"), "nonlocal_mean": ("model",), "export": ("model",)}


def load(path: str | os.PathLike[str]) -> list[tuple[str, str, dict[str, Any]]]:
    """Returns the steps of a recipe, a list of `(name, kind, table)`.

    Args:
        path: str or path of a TOML file.

    Raises:
        ValueError: it cannot be read, is not valid TOML, or is not a recipe; the message names the step and the key.
    """
    steps = _read(path).get("step")
    if not isinstance(steps, list) or not steps or not all(isinstance(step, dict) for step in steps):
        raise ValueError(f"{path}: a recipe must have at least one [[step]], with two brackets on each side")
    loaded: list[tuple[str, str, dict[str, Any]]] = []
    for number, step in enumerate(steps, start=1):
        try:
            loaded.append(_checked(step, [name for name, _, _ in loaded]))
        except ValueError as error:
            name = step.get("name")
            what = documents.shown(repr(name)) if isinstance(name, str) else number
            raise ValueError(f"{path}: step {what}{error}") from error
    return loaded


def _read(path):
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    data = documents.read_bytes(path, _MOST_BYTES)
    try:
        return tomllib.loads(data.decode("utf-8-sig"))  # editors on Windows write a byte order mark
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not valid TOML ({str(error).splitlines()[0]})") from error


def _checked(step: dict[str, Any], earlier: Collection[str]) -> tuple[str, str, dict[str, Any]]:
    kinds = [key for key in step if key in _REQUIRED]
    allowed = {"name", *kinds, *({"after"} if kinds == ["train"] else ())}
    if "name" not in step or len(kinds) != 1 or not set(step) <= allowed:
        keys = documents.shown(", ".join(sorted(step)))
        raise ValueError(f": must have a name and one of {', '.join(_REQUIRED)}. Received: {keys or 'nothing'}")
    name, kind = step["name"], kinds[0]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f": `name` must be letters and digits, for a folder. Received: {_shown('name', name)}")
    if name.casefold() in (other.casefold() for other in earlier):
        raise ValueError(": each step must have a different name")
    table = _table(step[kind], kind, _REQUIRED[kind], _OPTIONAL[kind])
    for key in _FILES.get(kind, ()):
        if key in table and not _is_made(table[key], earlier):
            raise ValueError(
                f" ({kind}): `{key}` must be a file of an earlier step, such as NAME/generator.keras. "
                f"Received: {_shown(key, table[key])}"
            )
    if "after" in step:
        table = {**table, "after": _table(step["after"], "after", {}, _AFTER)}
        if "strongest" in step["after"] and not table.get("strength"):
            raise ValueError(" (after): `strongest` limits the strength that a step with `strength = true` trains")
    return name, kind, table


def _is_made(file: str, earlier: Collection[str]) -> bool:
    # An absolute path may also name a file of another run.
    return os.path.isabs(file) or file.split("/")[0] in earlier


def _table(
    value: Any, kind: str, required: Mapping[str, fields.Setting | None], optional: Mapping[str, fields.Setting | None]
) -> dict[str, Any]:
    """Returns the checked table of a step."""
    if not isinstance(value, dict):
        raise ValueError(f" ({kind}): must be a table, [step.{kind}]. Received: {_shown(kind, value)}")
    wrong = sorted(required.keys() - value.keys()) or sorted(value.keys() - required.keys() - optional.keys())
    if wrong:
        state = "lacks" if wrong[0] in required else "does not take"
        raise ValueError(f" ({kind}) {state} {documents.shown(', '.join(wrong))}.")
    for key, one in value.items():
        check = {**required, **optional}[key]
        try:
            if check is not None:
                check.check(one)
            elif key == "gains":
                _table(one, "gains", _GAINS, {})
            else:
                _check_sizes(key, one)
        except ValueError as error:
            raise ValueError(f" ({kind}){'' if key == 'gains' else ': '}{error}") from error
    return value


def _check_sizes(key, value):
    if not isinstance(value, list) or not value:
        raise ValueError(f"`{key}` must be a list of whole numbers. Received: {_shown(key, value)}")
    for one in value:
        dataclasses.replace(_IMAGE_SIZE, name=key).check(one)


def _shown(key, value):
    return f"{key}={documents.shown(repr(value))}"
