"""Names of an exported model's signatures: functions that a `.tflite` file or a SavedModel has."""

from __future__ import annotations

import re
from collections.abc import Iterable

AUTOMATIC = "predict_ab"
"""The signature of a SavedModel that maps lightness to ab at the model's smallest size."""

_OF_SIZE = re.compile(r"size_([1-9]\d{0,4})")


def of_size(side: int, *, with_hints: bool = False) -> str:
    """Returns the name of the signature for one of the larger sizes.

    Args:
        side: Side of the network's square input, in pixels.
        with_hints: Of a SavedModel, the one that also takes hints; that of a `.tflite` file does so without the suffix.

    Example:
    >>> of_size(320), of_size(320, with_hints=True)
    ('size_320', 'size_320_with_hints')
    """
    return f"size_{side}_with_hints" if with_hints else f"size_{side}"


def sides_of(names: Iterable[str]) -> tuple[int, ...]:
    """Returns the larger sizes for which there are signatures, in rising order.

    Example:
    >>> sides_of(["predict_ab", "size_416", "size_320", "size_320_with_hints"])
    (320, 416)
    """
    return tuple(sorted(int(match[1]) for match in map(_OF_SIZE.fullmatch, names) if match))
