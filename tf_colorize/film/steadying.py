"""Color that stays on things: ab carried along with what moves, within a shot, and averaged.

Optical flow on lightness says where each pixel was in the frame before and will be in the next. Where
it can be believed (see `flow`), what the network predicted for neighboring frames is averaged with
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

from tf_colorize.film import flow

DEFAULT_STEADINESS = 0.9
BLOCK = 16  # frames that come out together
AHEAD = 16  # frames that the last of them can look ahead


@dataclasses.dataclass
class State:
    """What a frame leaves to the next: float32 `(size, size)` in [0, 1] and `(size, size, 3)`."""

    lightness: np.ndarray
    sums: np.ndarray


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
        self._linker = flow.Linker()
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
            link = self._linker.link(before, gray) if before is not None and self._decay > 0 else None
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
                backward[index] += self._decay * link.backward_mask * flow.warped(backward[index + 1], link.to_next)
        block = []
        sums = self.state.sums if self.state else None
        for index in range(min(BLOCK, len(waiting))):
            gray, value, link = waiting.popleft()
            forward = value.copy()
            if link is not None:
                forward += self._decay * link.forward_mask * flow.warped(sums, link.to_previous)
            total = forward + backward[index] - value
            block.append(total[..., :2] / total[..., 2:])
            sums = forward
            self.state = State(gray, sums)
        return block


def _with_weight(ab):
    return np.concatenate([ab, np.ones_like(ab[..., :1])], axis=-1)
