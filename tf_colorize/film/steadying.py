"""Steadies color: ab is propagated along motion within a shot, and averaged.

Optical flow on lightness gives the place of each pixel in the previous and the next frame. Where it is reliable (see
`flow`), predictions for neighboring frames are averaged with weights that decrease with time:

    F[t] = x[t] + decay * mask * alike * warp(F[t - 1]),  x = (a, b, 1, lightness)

forward over all frames of the shot and backward from a few frames ahead, so that color does not fade in. ab is the
quotient of F + B - x. No weight crosses a cut. `alike` is small where the current lightness differs from the one
remembered with the color, as when one shot dissolves into another.

The network runs only on key frames: the first and the last of each shot, every `KEY_EVERY`th, and more where the flow
is poor. The others have x = 0, so that their color comes from both sides.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from tf_colorize import installation
from tf_colorize.film import flow

with installation.explained():
    import cv2

DEFAULT_STEADINESS = 0.95
BLOCK = 12  # frames per block of results
AHEAD = 16  # frames of lookahead for the last of them
KEY_EVERY = 4  # frames
_LEAST_TRUST = 0.7  # minimum share propagated since the last key frame, below which the network runs again
_FAINT = 0.05  # weight below which a pixel gets the color of its surroundings
_AROUND = 15  # pixels
_REDUCED = 4  # factor by which pictures are reduced before remembered lightness is compared
_LIKENESS = 30.0  # of squared differences of lightness in [0, 1]


@dataclasses.dataclass
class State:
    """The state after a frame, for the next one.

    Attributes:
        gray: uint8 `(size, size)`.
        sums: float32 `(size, size, 4)`: of a, b, their weight, and lightness from 0 to 255.
        since_key: Frames since the last key frame.
        trust: Share of its pixels propagated reliably since then, in [0, 1].
    """

    gray: np.ndarray
    sums: np.ndarray
    since_key: int
    trust: float


@dataclasses.dataclass
class _Waiting:
    gray: np.ndarray
    value: np.ndarray | None  # predictions of key frames
    link: flow.Link | None
    since_key: int
    trust: float


class Steadier:
    """Steadies a film's ab.

    Args:
        steadiness: 0 (each frame as predicted) to 1 (averages over the whole shot).
        state: State of an earlier `Steadier`, to continue after its last frame.

    Raises:
        ValueError: `steadiness` is not in [0, 1].
    """

    def __init__(self, steadiness: float = DEFAULT_STEADINESS, state: State | None = None) -> None:
        if not 0 <= steadiness <= 1:
            raise ValueError(f"`steadiness` must be 0 to 1. Received: steadiness={steadiness}.")
        self._decay = steadiness
        self._linker = flow.Linker()
        self.state = state

    def steadied(
        self, frames: Iterable[tuple[np.ndarray, Callable[[], np.ndarray], bool]]
    ) -> Iterator[list[np.ndarray]]:
        """Steadies frames in blocks.

        Args:
            frames: For each frame, its lightness, float32 `(1, size, size, 1)` in [-1, 1], a function that predicts its
                ab, float32 `(size, size, 2)`, called for key frames, and whether it must be a key frame.

        Yields:
            Lists of at most `BLOCK` ab, float32 `(size, size, 2)`, in order. After each, `state` is that of its last
            frame.
        """
        waiting: collections.deque[_Waiting] = collections.deque()
        for one in self._keyed(self._linked(frames)):
            waiting.append(one)
            if len(waiting) == BLOCK + AHEAD:
                yield self._block(waiting)
        while waiting:
            yield self._block(waiting)

    def _linked(self, frames):
        """Adds gray and the link to the previous frame."""
        before = self.state.gray if self.state else None
        for lightness, predict, must_be_key in frames:
            gray = np.rint((lightness[0, :, :, 0] + 1) * 127.5).astype(np.uint8)
            link = self._linker.link(before, gray) if before is not None and self._decay > 0 else None
            before = gray
            yield gray, link, predict, must_be_key

    def _keyed(self, linked):
        """Runs the network on key frames."""
        since_key, trust = (self.state.since_key, self.state.trust) if self.state else (0, 0.0)
        for (gray, link, predict, must_be_key), is_last in _with_ends(linked):
            since_key += 1
            trust = 0.0 if link is None else trust * float((link.forward_mask > 0.5).mean())
            value = None
            if must_be_key or is_last or since_key >= KEY_EVERY or trust < _LEAST_TRUST:
                value, since_key, trust = _with_weight(predict(), gray), 0, 1.0
            yield _Waiting(gray, value, link, since_key, trust)

    def _block(self, waiting):
        """Removes the first frames from the waiting ones, and returns their ab."""
        backward = self._backward(waiting)
        block = []
        sums = self.state.sums if self.state else None
        for behind in backward[: min(BLOCK, len(waiting))]:
            one = waiting.popleft()
            carried = None
            if one.link is not None:
                carried = flow.warped(sums, one.link.to_previous)
                carried *= self._decay * one.link.forward_mask * _alike(carried, one.gray)
            sums = _sum(one.value, carried, behind)
            total = _sum(carried, behind)
            block.append(_quotient(total))
            sums = _sum(one.value, carried)
            self.state = State(one.gray, sums, one.since_key, one.trust)
        return block

    def _backward(self, waiting):
        """Returns, for each frame, the sum of itself and the later frames."""
        found, after, link = [], None, None
        for one in reversed(waiting):
            carried = None
            if after is not None and link is not None:
                carried = flow.warped(after, link.to_next)
                carried *= self._decay * link.backward_mask * _alike(carried, one.gray)
            after, link = _sum(one.value, carried), one.link
            found.append(after)
        return found[::-1]


def _with_ends(linked):
    """Yields each frame, and whether it is the last of its shot."""
    before = None
    for one in linked:
        if before is not None:
            yield before, one[1] is None
        before = one
    if before is not None:
        yield before, True


def _with_weight(ab, gray):
    """Returns `(a, b, 1, lightness)`."""
    return np.dstack([ab, np.ones_like(ab[..., :1]), gray.astype(np.float32)])


def _alike(sums, gray):
    """Returns weights in [0, 1] for the similarity of the remembered lightness to the current one, which is low in a
    dissolve."""
    height, width = gray.shape
    size = -(-width // _REDUCED), -(-height // _REDUCED)
    *_, weight, remembered = cv2.split(cv2.resize(sums, size, interpolation=cv2.INTER_AREA))
    there = cv2.resize(gray, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    remembered = np.where(weight > _FAINT, remembered / np.maximum(weight, _FAINT), there)
    contrast, offset = flow.change_of_light(remembered, there)
    difference = cv2.blur(remembered * contrast + offset - there, (3, 3))
    alike = np.exp(np.square(difference) * (-_LIKENESS / 255**2))
    return cv2.resize(alike, (width, height), interpolation=cv2.INTER_LINEAR)[..., np.newaxis]


def _sum(*values):
    there = [value for value in values if value is not None]
    return there[0] if len(there) == 1 else sum(there) if there else None


def _quotient(total):
    """Returns the ab of sums; pixels with almost no weight get the color of their surroundings."""
    weight = total[..., 2]
    if weight.min() < _FAINT:
        around = cv2.blur(total, (_AROUND, _AROUND))
        total = total + around * np.clip(1 - weight / _FAINT, 0, 1)[..., np.newaxis]
    return total[..., :2] / np.maximum(total[..., 2:3], 1e-6)
