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
_STRIP = 1 << 15  # pixels that are looked up at a time, for the processor's cache
_LUMA_BITS = 2  # last bits of luma that are ignored
_PLACES = [0, 0, 1, 1, 2, 2]  # luma, a* and b* into the first three bytes
_LUMA_STEP = 1 << _LUMA_BITS


class ChromaTable:
    """Returns chroma and the correction of luma for 8-bit frames, as precise as bytes.

    Args:
        computed: Writes the same as `look_up` to its last argument.
    """

    def __init__(self, computed: Callable[[np.ndarray, np.ndarray, Sequence[np.ndarray]], None]) -> None:
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
        """Finds Cb, Cr, and what to add to luma and to subtract from it.

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
        for row, column in np.argwhere(~self._is_filled[rows, columns]) + (rows.start, columns.start):
            tile = np.s_[row * _TILE : (row + 1) * _TILE, column * _TILE : (column + 1) * _TILE]
            b, a, luma = np.indices((_TILE, _TILE, 256 // _LUMA_STEP)).reshape(3, _TILE * _TILE, -1)
            ab = np.stack([a + column * _TILE, b + row * _TILE], axis=-1)
            ab = np.clip((ab - _MIDDLE) / _SCALE, -1, 1).astype(np.float32)
            entries = np.empty((4, *luma.shape), np.uint8)
            self._computed((luma * _LUMA_STEP + _LUMA_STEP // 2).astype(np.uint8), ab, entries)
            self._entries[tile] = entries.reshape(4, _TILE, _TILE, -1).transpose(1, 2, 3, 0)
            self._is_filled[row, column] = True
