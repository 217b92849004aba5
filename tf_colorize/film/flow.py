"""Optical flow on lightness: where things are in the next frame, and where that can be believed."""

from __future__ import annotations

import dataclasses

import numpy as np

from tf_colorize import installation

with installation.explained():
    import cv2

_MASK_SHARPNESS = 50.0  # of lightness in [0, 1], squared (Lai et al. 2018)
_FLOW_TOLERANCE = 1.0  # pixels that two flows may miss each other by
_CUT = 0.35  # shots change where the mask keeps less than this of a frame


@dataclasses.dataclass
class Link:
    """How a frame and the one before it belong together, both ways.

    Attributes:
        to_previous: float32 `(size, size, 2)`, pixels across and down from each place to where it was before.
        forward_mask: float32 `(size, size, 1)` in [0, 1]: how far that is the same thing.
        to_next: The same from the frame before to this one.
        backward_mask: How far that is the same thing.
    """

    to_previous: np.ndarray
    forward_mask: np.ndarray
    to_next: np.ndarray
    backward_mask: np.ndarray


class Linker:
    """Links frames by DIS flow (Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search").

    The mask is that of Lai et al. 2018 ("Learning Blind Video Temporal Consistency", eq. 2), and small
    where the two flows do not undo each other.
    """

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def link(self, before: np.ndarray, after: np.ndarray) -> Link | None:
        """Returns how two frames in a row belong together, or None across a cut.

        Args:
            before, after: float32 `(size, size)`, lightness in [0, 1].
        """
        first, second = _as_bytes(before), _as_bytes(after)
        to_next, to_previous = self._flow.calc(first, second, None), self._flow.calc(second, first, None)
        forward = _mask(after, before, to_previous, to_next)
        if forward.mean() < _CUT:
            return None
        return Link(to_previous, forward, to_next, _mask(before, after, to_next, to_previous))


def warped(values: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Returns the values of where the flow points, float32 like `values`; zero outside of the frame."""
    rows, columns = np.indices(flow.shape[:2], np.float32)
    return cv2.remap(values, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR)


def _mask(here, there, flow, flow_back):
    difference = here - warped(there, flow)
    round_trip = flow + warped(flow_back, flow)
    missed = np.square(round_trip).sum(-1) / _FLOW_TOLERANCE**2
    return np.exp(-_MASK_SHARPNESS * np.square(difference) - missed)[..., np.newaxis]


def _as_bytes(gray):
    return np.clip(gray * 255, 0, 255).astype(np.uint8)
