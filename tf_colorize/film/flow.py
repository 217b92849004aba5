"""Optical flow on lightness, with masks of where it is reliable."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from tf_colorize import installation

with installation.explained():
    import cv2

_FLOW_SIZE = 1.5  # of pictures in which flow is found, relative to that of links that are smaller than frames
_REFINEMENTS = 3  # of the flow; of five, the last two take a fifth of its time and change nothing that can be measured
_MASK_SHARPNESS = 50.0  # of squared differences of lightness in [0, 1] (Lai et al. 2018)
_FLOW_TOLERANCE = 1.25  # tolerance in pixels of forward-backward consistency
_CUT = 0.35  # a cut is where the mask keeps less than this share of a frame
_BLOCKS = 32  # blocks per side whose brightness is compared
_FLICKER = (0.6, 1.7)  # range of the change of contrast by flicker
_LEAST = 0.001  # of masks; smaller values count as 0, because tiny numbers are slow to compute with
_SEEN = 1.5  # of 255; smaller changes of brightness are ignored


@dataclasses.dataclass
class Link:
    """The correspondence of a frame with the previous one, in both directions.

    Its pictures can be smaller than the frames by a factor, see `Linker`.

    Attributes:
        to_previous: float32 `(size, size, 2)`, pixels across and down from each place to its place in the previous
            frame.
        forward_mask: float32 `(size, size)` in [0, 1]: how reliable that is.
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

    Args:
        factor: By which links are smaller than frames. Flow is found in whole frames.
    """

    def __init__(self, factor: int = 1) -> None:
        self._factor = factor
        self._flow: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._flow.setVariationalRefinementIterations(_REFINEMENTS)

    def link(self, before: np.ndarray, after: np.ndarray) -> Link | None:
        """Returns the link between two consecutive frames, or None across a cut.

        Args:
            before, after: uint8 `(size, size)`, lightness from 0 to 255.
        """
        before = _as_bright_as(before, after)
        here, there = before, after
        if self._factor > 1:  # small motions are found in pictures larger than the link
            here, there = (_slightly_reduced(one, _FLOW_SIZE / self._factor) for one in (before, after))
        to_next, to_previous = self._flow.calc(here, there, None), self._flow.calc(there, here, None)
        if self._factor > 1:
            before, after = (resized(one, 1 / self._factor) for one in (before, after))
            to_next, to_previous = (
                _slightly_reduced(one, 1 / _FLOW_SIZE) / _FLOW_SIZE for one in (to_next, to_previous)
            )
        # The sum of the flow and the flow back, and the difference of lightness, at once.
        here, there = _with_lightness(to_previous, after), _with_lightness(to_next, before, sign=-1)
        forward = _mask(here, there, to_previous, self._factor)
        if cv2.mean(forward)[0] < _CUT:
            return None
        return Link(to_previous, forward, to_next, _mask(there, here, to_next, self._factor))


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


def _slightly_reduced(picture, scale):
    """Returns what `resized` does for a scale of more than one half, where linear interpolation misses no pixel."""
    return cv2.resize(picture, _size(picture, scale), interpolation=cv2.INTER_LINEAR)


def resized(picture: np.ndarray, scale: float) -> np.ndarray:
    """Returns a picture of any type, smaller: `scale` is at most 1."""
    return cv2.resize(picture, _size(picture, scale), interpolation=cv2.INTER_AREA)


def _size(picture, scale):
    height, width = picture.shape[:2]
    return max(1, round(width * scale)), max(1, round(height * scale))


def warped(values: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Returns the values at the places to which the flow points, with the type of `values`; zero outside the frame."""
    places = cv2.add(flow, _places(*flow.shape[:2]))
    return cv2.remap(values, places, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]  # None: no second map


@functools.lru_cache(4)
def _places(height, width):
    rows, columns = np.indices((height, width), np.float32)
    return np.stack([columns, rows], axis=-1)


def _with_lightness(flow, gray, sign=1):
    """Returns float32 `(size, size, 4)`: flow, lightness with a sign, and 0, because OpenCV is fastest with four."""
    lightness = gray.astype(np.float32)
    return cv2.merge([*cv2.split(flow), sign * lightness, np.zeros_like(lightness)])


def _mask(here, there, flow, factor):
    """Returns the mask of the flow from `here`; both are results of `_with_lightness`."""
    missed = cv2.add(here, warped(there, flow))
    across, down, difference, _ = cv2.split(cv2.multiply(missed, missed))
    tolerance = (_FLOW_TOLERANCE / factor) ** 2
    exponent = cv2.scaleAdd(difference, tolerance * _MASK_SHARPNESS / 255**2, cv2.add(across, down))
    exponent *= -1 / tolerance
    return cv2.threshold(np.exp(exponent, out=exponent), _LEAST, 0, cv2.THRESH_TOZERO)[1]
