"""Optical flow on lightness, with masks of where it is reliable."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from tf_colorize import installation

with installation.explained():
    import cv2

_MASK_SHARPNESS = 50.0  # of squared differences of lightness in [0, 1] (Lai et al. 2018)
_FLOW_TOLERANCE = 1.0  # tolerance in pixels of forward-backward consistency
_CUT = 0.35  # a cut is where the mask keeps less than this share of a frame
_BLOCKS = 32  # blocks per side whose brightness is compared
_FLICKER = (0.6, 1.7)  # range of the change of contrast by flicker
_SEEN = 1.5  # of 255; smaller changes of brightness are ignored


@dataclasses.dataclass
class Link:
    """The correspondence of a frame with the previous one, in both directions.

    Attributes:
        to_previous: float32 `(size, size, 2)`, pixels across and down from each place to its place in the previous
            frame.
        forward_mask: float32 `(size, size, 1)` in [0, 1]: how reliable that is.
        to_next: Likewise from the previous frame to this one.
        backward_mask: How reliable that is.
    """

    to_previous: np.ndarray
    forward_mask: np.ndarray
    to_next: np.ndarray
    backward_mask: np.ndarray


class Linker:
    """Links frames by DIS flow (Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search").

    The mask is that of Lai et al. 2018 ("Learning Blind Video Temporal Consistency", eq. 2), and small where the two
    flows are inconsistent.
    """

    def __init__(self) -> None:
        self._flow: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def link(self, before: np.ndarray, after: np.ndarray) -> Link | None:
        """Returns the link between two consecutive frames, or None across a cut.

        Args:
            before, after: uint8 `(size, size)`, lightness from 0 to 255.
        """
        before = _as_bright_as(before, after)
        to_next, to_previous = self._flow.calc(before, after, None), self._flow.calc(after, before, None)
        forward = _mask(after, before, to_previous, to_next)
        if forward.mean() < _CUT:
            return None
        return Link(to_previous, forward, to_next, _mask(before, after, to_next, to_previous))


def _as_bright_as(before, after):
    """Returns the previous frame with the brightness of the next, because old films flicker but flow expects constant
    brightness."""
    contrast, offset = change_of_light(before, after)
    if (contrast, offset) == (1, 0):
        return before
    return cv2.LUT(before, np.clip(np.rint(np.arange(256) * contrast + offset), 0, 255).astype(np.uint8))


def change_of_light(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """Returns the contrast and offset that map the brightness of one frame to that of another; (1, 0) if it is equal.

    Args:
        before, after: `(size, size)`, lightness from 0 to 255.
    """
    (here, here_spread), (there, there_spread) = (_light(one) for one in (before, after))
    if abs(there - here) < _SEEN and abs(there_spread - here_spread) < _SEEN:
        return 1.0, 0.0
    contrast = float(np.clip(there_spread / max(here_spread, 1e-3), *_FLICKER))
    return contrast, there - contrast * here


def _light(gray):
    mean, spread = cv2.meanStdDev(cv2.resize(gray, (_BLOCKS, _BLOCKS), interpolation=cv2.INTER_AREA))
    return float(mean[0, 0]), float(spread[0, 0])


def warped(values: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Returns the values at the places to which the flow points, with the type of `values`; zero outside the frame."""
    return _sampled(values, flow + _places(*flow.shape[:2]))


def _sampled(values: Any, places: Any) -> Any:
    return cv2.remap(values, places, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]  # None: no second map


@functools.lru_cache(4)
def _places(height, width):
    rows, columns = np.indices((height, width), np.float32)
    return np.stack([columns, rows], axis=-1)


def _mask(here, there, flow, flow_back):
    places = flow + _places(*flow.shape[:2])
    difference = cv2.subtract(here, _sampled(there, places), dtype=cv2.CV_32F)
    missed = flow + _sampled(flow_back, places)
    missed *= missed
    exponent = cv2.multiply(difference, difference, scale=-_MASK_SHARPNESS / 255**2)
    exponent -= (missed[..., 0] + missed[..., 1]) * (1 / _FLOW_TOLERANCE**2)
    return cv2.exp(exponent)[..., np.newaxis]
