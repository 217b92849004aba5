"""Color that stays on things: ab carried along with what moves, within a shot, and averaged.

Optical flow on lightness (DIS, Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search")
says where each pixel was in the frame before and will be in the next. Where lightness agrees along
the way, by the mask of Lai et al. 2018 ("Learning Blind Video Temporal Consistency", eq. 2), and the
two flows undo each other, what the network predicted for neighboring frames is averaged with
weights that fall off in time:

    F[t] = x[t] + decay * mask * warp(F[t - 1]),  x = (a, b, 1)

forward over all frames of the shot and backward from a few frames ahead, so that color does not
creep in. ab is the quotient of F + B - x. No weight passes a cut.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from tf_colorize import installation

with installation.explained():
    import cv2

DEFAULT_STEADINESS = 0.9
BLOCK = 16  # frames that come out together
AHEAD = 16  # frames that the last of them can look ahead
_MASK_SHARPNESS = 50.0  # of lightness in [0, 1], squared (Lai et al. 2018)
_FLOW_TOLERANCE = 1.0  # pixels that two flows may miss each other by
_CUT = 0.35  # shots change where the mask keeps less than this of a frame


@dataclasses.dataclass
class State:
    """What a frame leaves to the next: float32 `(size, size)` in [0, 1] and `(size, size, 3)`."""

    lightness: np.ndarray
    sums: np.ndarray


@dataclasses.dataclass
class _Link:
    """How color passes between a frame and the one before it, both ways."""

    to_previous: np.ndarray
    forward_mask: np.ndarray
    to_next: np.ndarray
    backward_mask: np.ndarray


class Steadier:
    """Steadies a film's ab.

    Args:
        steadiness: 0 (each frame as predicted) to 1 (as long a memory as the shot allows).
        state: Of an earlier `Steadier`, to go on behind the last frame that it gave out.

    Raises:
        ValueError: `steadiness` is not in [0, 1].
    """

    def __init__(self, steadiness: float = DEFAULT_STEADINESS, state: State | None = None) -> None:
        if not 0 <= steadiness <= 1:
            raise ValueError(f"`steadiness` must be 0 to 1. Received: steadiness={steadiness}.")
        self._decay = steadiness
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self.state = state

    def steadied(self, frames: Iterable[tuple[np.ndarray, np.ndarray]]) -> Iterator[list[np.ndarray]]:
        """Steadies frames block by block.

        Args:
            frames: `(lightness, ab)` of each: float32 `(1, size, size, 1)` in [-1, 1], and
                float32 `(size, size, 2)`.

        Yields:
            Lists of at most `BLOCK` ab, float32 `(size, size, 2)`, in order. After each, `state`
            is that of its last frame.
        """
        waiting: collections.deque = collections.deque()
        before = self.state.lightness if self.state else None
        for lightness, ab in frames:
            gray = (lightness[0, :, :, 0] + 1) / 2
            link = self._link(before, gray) if before is not None and self._decay > 0 else None
            before = gray
            waiting.append((gray, _with_weight(ab), link))
            if len(waiting) == BLOCK + AHEAD:
                yield self._block(waiting)
        while waiting:
            yield self._block(waiting)

    def _block(self, waiting):
        """Takes the first frames out of those that wait, and gives their ab."""
        values = [value for _, value, _ in waiting]
        links = [link for _, _, link in waiting]
        backward = [value.copy() for value in values]
        for index in range(len(values) - 2, -1, -1):
            link = links[index + 1]
            if link is not None:
                backward[index] += self._decay * link.backward_mask * _warped(backward[index + 1], link.to_next)
        block = []
        sums = self.state.sums if self.state else None
        for index in range(min(BLOCK, len(waiting))):
            gray, value, link = waiting.popleft()
            forward = value.copy()
            if link is not None:
                forward += self._decay * link.forward_mask * _warped(sums, link.to_previous)
            total = forward + backward[index] - value
            block.append(total[..., :2] / total[..., 2:])
            sums = forward
            self.state = State(gray, sums)
        return block

    def _link(self, before, after):
        """A `_Link`, or None across a cut."""
        first, second = _as_bytes(before), _as_bytes(after)
        to_next, to_previous = self._flow.calc(first, second, None), self._flow.calc(second, first, None)
        forward = _mask(after, before, to_previous, to_next)
        if forward.mean() < _CUT:
            return None
        return _Link(to_previous, forward, to_next, _mask(before, after, to_next, to_previous))


def _mask(here, there, flow, flow_back):
    """float32 `(size, size, 1)` in [0, 1]: how far what the flow points at is the same thing."""
    difference = here - _warped(there, flow)
    round_trip = flow + _warped(flow_back, flow)
    missed = np.square(round_trip).sum(-1) / _FLOW_TOLERANCE**2
    return np.exp(-_MASK_SHARPNESS * np.square(difference) - missed)[..., np.newaxis]


def _warped(values, flow):
    """Values of where the flow points; zero outside of the frame."""
    rows, columns = np.indices(flow.shape[:2], np.float32)
    return cv2.remap(values, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR)


def _as_bytes(gray):
    return np.clip(gray * 255, 0, 255).astype(np.uint8)


def _with_weight(ab):
    return np.concatenate([ab, np.ones_like(ab[..., :1])], axis=-1)
