"""Steadies color: ab is propagated along motion within a shot, and averaged.

Optical flow on lightness gives the place of each pixel in the previous and the next frame. Where it is reliable (see
`flow`), predictions for neighboring frames are averaged with weights that decrease with time:

    F[t] = x[t] + decay * mask * alike * warp(F[t - 1]),  x = (a, b, 1, lightness)

forward over all frames of the shot and backward from a few frames ahead, so that color does not fade in. ab is the
quotient of F + B - x. No weight crosses a cut. `alike` is small where the current lightness differs from the one
remembered with the color, as when one shot dissolves into another.

The network runs only on key frames: the first of each shot, its last unless a key frame is close, every `KEY_EVERY`th,
and more where the flow is poor. The others have x = 0, so that their color comes from both sides. A key frame counts
for as many frames as it stands for.

Color is carried at half the network's size: in 24 films of photos, the predictions have hardly any finer detail (0.35
of 18 Lab units), and results are equally close to the truth.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from tf_colorize import installation
from tf_colorize.film import ahead, flow

with installation.explained():
    import cv2

DEFAULT_STEADINESS = 0.95
BLOCK = 12  # frames per block of results
AHEAD = 16  # frames of lookahead for the last of them
KEY_EVERY = 16  # frames; at most `AHEAD`, so that each frame gets color from both sides
_FRESH = 4  # frames after a key frame in which the end of a shot needs no other one
_LINKED = 4  # frames whose flow is found while the network runs
_LEAST_TRUST = 0.8  # minimum share propagated since the last key frame, below which the network runs again
_FAINT = 0.05  # weight below which a pixel gets the color of its surroundings
_FACTOR = 2  # by which colors are smaller than frames
_LEAST_SIDE = 96  # pixels of colors
_REDUCED = 2  # factor by which pictures are reduced to compare remembered lightness, and to find surroundings
_AROUND = 5  # pixels of a reduced picture
_AROUND_WEIGHT = 0.005  # of the surroundings; one frame of twenty is 1 / 32, reduced by the masks on the way
_LIKENESS = 30.0  # of squared differences of lightness in [0, 1]


@dataclasses.dataclass
class State:
    """The state after a frame, for the next one.

    Attributes:
        gray: uint8 `(size, size)`.
        sums: float32 `(side, side, 4)`, in the size of colors: of a, b, their weight, and lightness from 0 to 255.
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
    small_gray: np.ndarray  # in the size of colors
    value: np.ndarray | None  # predictions of key frames, times the number of frames that they stand for
    link: flow.Link | None
    since_key: int
    trust: float
    n_before: int = 0  # frames from the previous key frame to this one
    n_frames: int = 1

    def stand_for(self, n_around: int) -> None:
        """Sets the weight of a key frame: half of the frames around it, up to the previous and to the next one."""
        n_frames = max(n_around, 1)
        if self.value is not None:
            self.value *= np.float32(n_frames / self.n_frames)
        self.n_frames = n_frames


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
        self._linkers = {factor: flow.Linker(factor) for factor in (1, _FACTOR)}
        self.state = state

    def steadied(
        self, frames: Iterable[tuple[np.ndarray, Callable[[], np.ndarray], bool]]
    ) -> Iterator[list[np.ndarray]]:
        """Steadies frames in blocks.

        Args:
            frames: For each frame, its lightness, float32 `(1, size, size, 1)` in [-1, 1], a function that predicts its
                ab, float32 `(size, size, 2)`, called for key frames, and whether it must be a key frame.

        Yields:
            Lists of at most `BLOCK` ab, float32 `(side, side, 2)`, in order, where `side` is `size`, or half of it for
            large sizes if `steadiness` is not 0. After each, `state` is that of its last frame.
        """
        waiting: collections.deque[_Waiting] = collections.deque()
        for one in self._keyed(ahead.ahead(self._linked(frames), _LINKED)):
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
            linker = self._linkers[self._factor(gray)]
            link = linker.link(before, gray) if before is not None and self._decay > 0 else None
            before = gray
            yield gray, link, predict, must_be_key

    def _factor(self, gray):
        """Returns how much smaller color is than frames."""
        return _FACTOR if self._decay > 0 and len(gray) >= _FACTOR * _LEAST_SIDE else 1

    def _keyed(self, linked):
        """Runs the network on key frames."""
        since_key, trust = (self.state.since_key, self.state.trust) if self.state else (0, 0.0)
        before: _Waiting | None = None  # the previous key frame of the shot
        for (gray, link, predict, must_be_key), is_last in _with_ends(linked):
            factor = self._factor(gray)
            one = _Waiting(gray, flow.resized(gray, 1 / factor), None, link, since_key + 1, 0.0)
            if link is None:
                before, one.since_key = None, 0
            else:
                one.trust = trust * float((link.forward_mask > 0.5).mean())
            is_far = one.since_key >= (_FRESH if is_last else KEY_EVERY)
            if must_be_key or link is None or is_far or one.trust < _LEAST_TRUST:
                if before is not None:
                    before.stand_for(before.n_before + one.since_key)
                one.n_before = one.since_key
                one.value = _with_weight(flow.resized(predict(), 1 / factor), one.small_gray)
                one.stand_for(one.n_before + (0 if is_last else KEY_EVERY))
                before, one.since_key, one.trust = one, 0, 1.0
            elif is_last and before is not None:
                before.stand_for(before.n_before + 2 * one.since_key)
            since_key, trust = one.since_key, one.trust
            yield one

    def _block(self, waiting):
        """Removes the first frames from the waiting ones, and returns their ab."""
        backward = self._backward(waiting)
        block = []
        sums = self.state.sums if self.state else None
        for behind in backward[: min(BLOCK, len(waiting))]:
            one = waiting.popleft()
            carried = None
            if one.link is not None:
                carried = self._carried(sums, one.link.to_previous, one.link.forward_mask, one.small_gray)
            block.append(_quotient(_sum(carried, behind)))
            sums = _sum(one.value, carried)
            self.state = State(one.gray, sums, one.since_key, one.trust)
        return block

    def _backward(self, waiting):
        """Returns, for each frame, the sum of itself and the later frames."""
        found, after, link = [], None, None
        for one in reversed(waiting):
            carried = None
            if after is not None and link is not None:
                carried = self._carried(after, link.to_next, link.backward_mask, one.small_gray)
            after, link = _sum(one.value, carried), one.link
            found.append(after)
        return found[::-1]

    def _carried(self, sums, flow_to_them, mask, gray):
        """Returns the sums of a neighboring frame, carried to the frame with this gray, and reduced."""
        carried = flow.warped(sums, flow_to_them)
        weight = cv2.multiply(mask, _alike(carried, gray), scale=self._decay)
        return cv2.multiply(carried, cv2.merge([weight] * 4), dst=carried)


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
    """Returns `(a, b, 1, lightness)`, with a weight for `stand_for`."""
    one = np.full(gray.shape, 1 / (2 * KEY_EVERY), np.float32)
    return cv2.merge([*cv2.split(np.float32(ab) * one[..., np.newaxis]), one, gray * one])


def _alike(sums, gray):
    """Returns weights in [0, 1] for the similarity of the remembered lightness to the current one, which is low in a
    dissolve."""
    height, width = gray.shape
    *_, weight, remembered = cv2.split(flow.resized(sums, 1 / _REDUCED))
    there = flow.resized(gray, 1 / _REDUCED).astype(np.float32)
    remembered = np.where(weight > _FAINT, remembered / np.maximum(weight, _FAINT), there)
    contrast, offset = flow.change_of_light(remembered, there)
    difference = cv2.blur(remembered * contrast + offset - there, (3, 3))
    alike = np.exp(np.square(difference) * (-_LIKENESS / 255**2))
    return cv2.resize(alike, (width, height), interpolation=cv2.INTER_LINEAR)


def _sum(one, other):
    """Returns the sum of two pictures, of which either may be None."""
    if one is None or other is None:
        return other if one is None else one
    return cv2.add(one, other)


def _quotient(total):
    """Returns the ab of sums; pixels with almost no weight get the color of their surroundings, however far away."""
    height, width = total.shape[:2]
    if cv2.minMaxLoc(cv2.extractChannel(total, 2))[0] < _FAINT and max(height, width) > 1:
        around = _quotient(cv2.blur(flow.resized(total, 1 / _REDUCED), (_AROUND, _AROUND)))
        around = cv2.resize(around, (width, height), interpolation=cv2.INTER_LINEAR)
        weight = np.ones((height, width), np.float32)
        total = cv2.scaleAdd(cv2.merge([*cv2.split(around), weight, weight]), _AROUND_WEIGHT, total)
    a, b, weight, _ = cv2.split(total)
    weight = cv2.max(weight, 1e-6)
    return cv2.merge([cv2.divide(a, weight), cv2.divide(b, weight)])
