"""A table of chroma by luma, a* and b*, which is filled where a film needs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tf_colorize import installation

with installation.explained():
    import cv2

_STEPS = 256  # of a* and of b*, a byte each; finer than 8-bit chroma
_MIDDLE, _SCALE = 128, 127.0  # byte for 0; bytes per unit of ab
_TILE = 16  # steps of a* and b* that are filled together
_EVERY = 2  # steps; entries between are interpolated
_STRIP = 1 << 15  # pixels that are looked up at a time, for the processor's cache
_LUMA_BITS = 1  # last bits of luma that are ignored; with two of them, the noise of chroma is slow to encode
_PLACES = [0, 0, 1, 1, 2, 2]  # luma, a* and b* into the first three bytes
_LUMA_STEP = 1 << _LUMA_BITS


class ChromaTable:
    """Returns chroma and the correction of luma for 8-bit frames, as precise as bytes.

    Args:
        computed: Returns the values of `rounded` for luma, float `(n,)`, and a* and b* / 110, float32 `(height, width,
            1, 2)`.
    """

    def __init__(self, computed: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
        self._computed = computed
        # Neighboring pixels differ in luma more than in color, so entries of one color are together.
        self._entries = np.empty((_STEPS, _STEPS, 256 // _LUMA_STEP, 4), np.uint8)
        self._kept: tuple[np.ndarray, ...] | None = None
        self._is_filled = np.zeros((_STEPS // _TILE, _STEPS // _TILE), bool)

    def steps(self, ab: np.ndarray) -> np.ndarray:
        """Returns uint8 `(height, width, 2)` for `look_up`, before or after resizing, from a* and b* / 110."""
        steps = cv2.convertScaleAbs(np.clip(ab, -1, 1), alpha=_SCALE, beta=_MIDDLE)
        columns, rows = (slice(int(one.min()) // _TILE, int(one.max()) // _TILE + 1) for one in cv2.split(steps))
        if not self._is_filled[rows, columns].all():
            self._fill(rows, columns)
        return steps

    def look_up(self, luma: np.ndarray, steps: np.ndarray, made: Sequence[np.ndarray]) -> None:
        """Finds Cb, Cr, and what to subtract from luma.

        Args:
            luma: uint8 `(height, width)`.
            steps: Result of `steps`.
            made: The results to write, uint8 `(height, width)` each.
        """
        table = self._entries.view(np.uint32).reshape(-1)
        n_rows = max(1, _STRIP // luma.shape[1])
        if self._kept is None or self._kept[0].shape[:2] != (n_rows, luma.shape[1]):
            shape = n_rows, luma.shape[1]
            self._kept = np.zeros((*shape, 4), np.uint8), np.empty(shape, np.int64), np.empty(shape, np.uint32)
        for top in range(0, len(luma), n_rows):
            rows = np.s_[top : top + n_rows]
            places, numbers, found = (buffer[: len(luma) - top] for buffer in self._kept)
            cv2.mixChannels([luma[rows], steps[rows]], [places], _PLACES)
            np.copyto(numbers, places.view("<u4")[..., 0])
            numbers >>= _LUMA_BITS
            np.take(table, numbers, out=found, mode="wrap")
            entries = found.view(np.uint8).reshape(*found.shape, 4)
            for channel, values in enumerate(made):
                cv2.extractChannel(entries, channel, dst=values[rows])

    def _fill(self, rows, columns):
        luma = (np.arange(256 // _LUMA_STEP) + 0.5) * _LUMA_STEP - 0.5
        for row, column in np.argwhere(~self._is_filled[rows, columns]) + (rows.start, columns.start):
            b, a = ((np.arange(0, _TILE + 1, _EVERY) + one * _TILE - _MIDDLE) / _SCALE for one in (row, column))
            ab = np.stack(np.broadcast_arrays(a, b[:, np.newaxis]), axis=-1).astype(np.float32)
            values = _between(_between(self._computed(luma, ab[:, :, np.newaxis])).swapaxes(1, 2)).swapaxes(1, 2)
            entries = np.zeros((4, *values.shape[1:]), np.uint8)  # the last one makes it a power of two
            rounded(values, entries, 255)
            tile = np.s_[row * _TILE : (row + 1) * _TILE, column * _TILE : (column + 1) * _TILE]
            self._entries[tile] = entries.transpose(1, 2, 3, 0)
            self._is_filled[row, column] = True


def _between(values):
    """Returns float32 `(3, _TILE, ...)`: values of every `_EVERY`th step, and linear interpolation between them."""
    before, after = values[:, :-1, np.newaxis], values[:, 1:, np.newaxis]
    share = (np.arange(_EVERY, dtype=np.float32) / _EVERY).reshape(-1, *[1] * (values.ndim - 2))
    return (before + share * (after - before)).reshape(len(values), _TILE, *values.shape[2:])


def rounded(values: np.ndarray, made: Sequence[np.ndarray], most: int) -> None:
    """Rounds the chroma and the correction of luma to whole codes.

    Args:
        values: float32 `(3, ...)`: Cb, Cr, and what to subtract from luma.
        made: The results to write, `(...)` each; the correction is rounded toward no color.
        most: The largest code.
    """
    *chroma, correction = values
    for target, codes in zip(made, chroma):
        target[...] = np.clip(np.rint(codes), 0, most)
    made[2][...] = np.maximum(correction, 0)
