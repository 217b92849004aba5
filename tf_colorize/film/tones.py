"""Tables for the code values of a film's luma: their grays, and tone mapping of high dynamic range."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from tf_colorize.color import lab, transfer


@dataclasses.dataclass(frozen=True)
class Tones:
    """Tables by code value of the film's luma.

    Attributes:
        code: Code in the result, uint8 `(n,)`, or uint16 if the result has 10 bits.
        gray: uint8 `(n,)`, sRGB.
        bits: Bits of the result, 8 or 10.
        black: Code of black in the result.
        span: Codes from black to white in the result.
    """

    code: np.ndarray
    gray: np.ndarray
    bits: int
    black: int
    span: int

    @property
    def middle(self) -> int:
        """Returns the code of no color in the result's chroma."""
        return 1 << (self.bits - 1)

    @functools.cached_property
    def lightness(self) -> np.ndarray:
        """Returns L* / 50 - 1 of each code of the result, float32 `(2 ** bits,)`."""
        value = np.clip((np.arange(1 << self.bits) - self.black) / self.span, 0, 1)
        whole = np.floor(value * 255).astype(int)
        table = lab.gray_to_lightness(np.arange(256, dtype=np.uint8))[:, 0]
        return (table[whole] + (value * 255 - whole) * (np.append(table, table[-1])[whole + 1] - table[whole])).astype(
            np.float32
        )


def tones(bits: int, is_full_range: bool, high_range: str) -> Tones:
    """Returns the tables of a film.

    Args:
        bits: Bits of its luma.
        is_full_range: Whether all codes are used, as in the result.
        high_range: "PQ", "HLG", or "".
    """
    made = 8 if bits <= 8 else 10
    black, span = (0, (1 << made) - 1) if is_full_range else (16 << (made - 8), 219 << (made - 8))
    codes = np.arange(1 << bits, dtype=np.float64)
    value = codes / ((1 << bits) - 1) if is_full_range else (codes / (1 << (bits - 8)) - 16) / 219
    if high_range:
        value = transfer.tone_mapped(np.clip(value, 0, 1), high_range)
    code = np.clip(np.rint(value * span + black), 0, (1 << made) - 1)
    return Tones(
        code.astype(np.uint8 if made == 8 else np.uint16),
        np.rint(np.clip(value, 0, 1) * 255).astype(np.uint8),
        made,
        black,
        span,
    )
