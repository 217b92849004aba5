"""Tables for the code values of a film's luma: their grays, and tone mapping of high dynamic range."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from tf_colorize.color import lab

_WHITE = 203.0  # candela per square meter of diffuse white (ITU-R BT.2408)
_PEAK = 1000.0  # candela per square meter at which highlights are clipped
_KNEE = 0.75  # share of standard white below which light is not changed


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


def tones(bits: int, is_full_range: bool, transfer: str) -> Tones:
    """Returns the tables of a film.

    Args:
        bits: Bits of its luma.
        is_full_range: Whether all codes are used, as in the result.
        transfer: "PQ", "HLG", or "".
    """
    made = 8 if bits <= 8 else 10
    black, span = (0, (1 << made) - 1) if is_full_range else (16 << (made - 8), 219 << (made - 8))
    codes = np.arange(1 << bits, dtype=np.float64)
    value = codes / ((1 << bits) - 1) if is_full_range else (codes / (1 << (bits - 8)) - 16) / 219
    if transfer:
        value = _standard(np.clip(value, 0, 1), transfer)
    code = np.clip(np.rint(value * span + black), 0, (1 << made) - 1)
    return Tones(
        code.astype(np.uint8 if made == 8 else np.uint16),
        np.rint(np.clip(value, 0, 1) * 255).astype(np.uint8),
        made,
        black,
        span,
    )


def _standard(value, transfer):
    """Returns tone-mapped code values, encoded as in sRGB, for gray values of high dynamic range."""
    light = (_pq_light(value) if transfer == "PQ" else _hlg_light(value)) / _WHITE
    # Above the knee, a curve continues smoothly and reaches white at the peak.
    most, over = _PEAK / _WHITE - _KNEE, np.clip(light, _KNEE, _PEAK / _WHITE) - _KNEE
    room = 1 - _KNEE
    share = over / most
    bent = _KNEE + room * (most / room) * share / (1 + (most / room - 1) * share)
    light = np.where(light > _KNEE, bent, light)
    return np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, light * 12.92)


def _pq_light(value):
    """Returns candela per square meter (SMPTE ST 2084)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    root = value ** (1 / m2)
    return 10_000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)


def _hlg_light(value):
    """Returns candela per square meter on a screen of `_PEAK` (ITU-R BT.2100)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12)
    return _PEAK * scene**1.2
