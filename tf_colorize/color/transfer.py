"""From values to light, by the numbers of ITU-T H.273 (2024, table 3), and tone mapping of high dynamic range."""

from __future__ import annotations

import numpy as np

HIGH_RANGE = {16: "PQ", 18: "HLG"}
"""Number of a transfer function of high dynamic range, to its name."""

_WHITE = 203.0  # candela per square meter of diffuse white (ITU-R BT.2408)
_PEAK = 1000.0  # candela per square meter at which highlights are clipped
_KNEE = 0.75  # share of standard white below which light is not changed


def linear(number: int, value: np.ndarray) -> np.ndarray | None:
    """Returns the light that values stand for, or None if the number says nothing.

    Args:
        number: That of the transfer characteristics.
        value: float64 in [0, 1].

    Returns:
        float64 in [0, 1], as a share of white. High dynamic range is tone-mapped.
    """
    if number in (1, 6, 11, 12, 14, 15):  # BT.709, BT.601, BT.2020 and others, which are equal for these values
        return _with_toe(value, 1.099296826809442, 0.018053968510807, 4.5)
    if number == 7:  # SMPTE 240M
        return _with_toe(value, 1.111572195921731, 0.022821585529445, 4.0)
    if number in (4, 5):
        return value ** {4: 2.2, 5: 2.8}[number]
    if number == 8:
        return value
    if number in (9, 10):  # logarithmic, over 2 and 2.5 decades
        return np.where(value > 0, 10 ** ({9: 2.0, 10: 2.5}[number] * (value - 1)), 0)
    if number == 13:
        return of_srgb(value)
    if number == 17:  # SMPTE 428, of digital cinema
        return np.minimum(value**2.6 * 52.37 / 48, 1)
    return of_srgb(tone_mapped(value, HIGH_RANGE[number])) if number in HIGH_RANGE else None


def of_srgb(value: np.ndarray) -> np.ndarray:
    """Returns the light of sRGB's values, both in [0, 1]."""
    return np.where(value > 0.04045, ((value + 0.055) / 1.055) ** 2.4, value / 12.92)


def tone_mapped(value: np.ndarray, name: str) -> np.ndarray:
    """Returns values encoded as in sRGB, float64 in [0, 1], for values of high dynamic range.

    Args:
        value: float64 in [0, 1].
        name: "PQ" or "HLG".
    """
    light = (_pq_light(value) if name == "PQ" else _hlg_light(value)) / _WHITE
    # Above the knee, a curve continues smoothly and reaches white at the peak.
    most, over = _PEAK / _WHITE - _KNEE, np.clip(light, _KNEE, _PEAK / _WHITE) - _KNEE
    room = 1 - _KNEE
    share = over / most
    bent = _KNEE + room * (most / room) * share / (1 + (most / room - 1) * share)
    light = np.where(light > _KNEE, bent, light)
    return np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, light * 12.92)


def _with_toe(value, alpha, beta, slope):
    return np.where(value < slope * beta, value / slope, ((value + alpha - 1) / alpha) ** (1 / 0.45))


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
