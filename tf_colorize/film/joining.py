"""Joins ab with the frames of a film: keeps their luma, and adds chroma at its own resolution.

A color has less luma than a gray of the same lightness, so luma is corrected, by values computed at chroma's
resolution; the film's detail is kept.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from PIL import Image

from tf_colorize import installation
from tf_colorize.color import lab
from tf_colorize.film import chroma_table, luma_codes, orientation, reading, spares, tones

with installation.explained():
    import av
    import cv2

_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722  # weights of luma in BT.709

_WORTH_A_TABLE = 1 << 24  # total pixels of the film, for which a table is faster than computing


class Joiner:
    """Colorizes the frames of a film.

    Args:
        film: The film.
        image_size: Side of the network's square input.
        has_small_chroma: Whether the result's color has half the resolution (4:2:0) instead of the full one (4:4:4).
    """

    def __init__(self, film: reading.Film, image_size: int, has_small_chroma: bool) -> None:
        self._film, self._image_size = film, image_size
        self._tones = tones.tones(film.bits, film.is_full_range, film.transfer)
        self._step = 2 if has_small_chroma else 1
        kind = "yuv420p" if has_small_chroma else "yuv444p"
        self.pix_fmt = kind + ("" if self._tones.bits == 8 else "10le")
        n_codes = len(self._tones.code)
        has_table = self._tones.bits == 8 and len(film.table) * film.width * film.height >= _WORTH_A_TABLE
        self._table = chroma_table.ChromaTable(self._for_table) if has_table else None
        self._images = spares.Spares(lambda: av.VideoFrame(film.width, film.height, self.pix_fmt))
        luma_type = np.uint8 if film.bits <= 8 else np.uint16
        self._buffers: dict[str, np.ndarray] = {}
        self._planes = spares.Spares(lambda: np.empty((film.height, film.width), luma_type))
        self._is_unchanged = self._tones.bits == film.bits and (self._tones.code == np.arange(n_codes)).all()

    def lightness(self, frame: reading.Frame) -> np.ndarray:
        """Returns the network's input for the upright frame, float32 `(1, image_size, image_size, 1)` in [-1, 1]."""
        luma = self._luma(frame)
        if self._film.bits > 8:
            luma = _looked_up(self._tones.gray, luma)
        square = orientation.upright(_squared(luma, self._image_size), self._film.matrix)
        if self._film.bits <= 8:
            square = _looked_up(self._tones.gray, square)
        return lab.gray_to_lightness(square)[np.newaxis]

    def without_chroma(self, frame: reading.Frame) -> reading.Frame:
        """Returns the frame with nothing but its luma, which takes less memory while it waits for `joined`."""
        luma = self._planes.take()
        np.copyto(luma, self._luma(frame))
        return dataclasses.replace(frame, image=luma)

    def give_back(self, luma: np.ndarray | None = None, image: Any = None) -> None:
        """Reuses the image of a frame from `without_chroma`, or a result of `joined`, that is no longer needed."""
        if luma is not None:
            self._planes.give(luma)
        if image is not None:
            self._images.give(image)

    def gray(self, frame: reading.Frame) -> np.ndarray:
        """Returns the frame as a gray photo, as stored: uint8 `(height, width, 3)`, sRGB."""
        gray = _looked_up(self._tones.gray, self._luma(frame))
        return np.repeat(gray[..., np.newaxis], 3, axis=2)

    def joined(self, frame: reading.Frame, ab: np.ndarray) -> Any:
        """Returns the colorized frame, an `av.VideoFrame` in BT.709 with the pixel format `pix_fmt`.

        It is for one thread at a time.

        Args:
            frame: A frame of the film.
            ab: ab of the upright frame, float32 `(image_size, image_size, 2)`, a* and b* / 110.
        """
        luma = self._luma(frame)
        if not self._is_unchanged:
            luma = _looked_up(self._tones.code, luma)
        height, width = luma.shape
        size, small = (-(-width // self._step), -(-height // self._step)), luma
        if self._step > 1:
            # With an odd side, the last chroma sample covers a single row or column.
            even = np.pad(luma, ((0, height % 2), (0, width % 2)), "edge") if height % 2 or width % 2 else luma
            small = self._resized("small luma", even, size, cv2.INTER_AREA)
        color = np.clip(orientation.stored(ab, self._film.matrix), -1, 1)
        if self._table is not None:
            color = self._table.steps(color)
        color = self._resized_color(color, size)
        less = self._buffer("less", small.shape, luma.dtype)
        image = self._images.take()
        image.make_writable()  # an encoder could still use it
        target, *chroma = (luma_codes.plane(plane, luma.dtype) for plane in image.planes)
        (self._compute if self._table is None else self._table.look_up)(small, color, (*chroma, less))
        self._correct(luma, less, target)
        image.colorspace = 1  # BT.709
        image.color_range = 2 if self._film.is_full_range else 1
        return image

    def _luma(self, frame):
        """Returns the codes of a frame's luma, uint8 or uint16 `(height, width)`."""
        if isinstance(frame.image, np.ndarray):  # see `without_chroma`
            return frame.image
        return luma_codes.of(frame.image, self._film.bits, self._film.is_full_range)

    def _correct(self, luma, less, target):
        """Writes luma minus the enlarged `less`."""
        if cv2.countNonZero(less):
            cv2.subtract(luma, self._resized("change", less, luma.shape[1::-1], cv2.INTER_LINEAR), dst=target)
        else:
            np.copyto(target, luma)

    def _resized_color(self, ab, size):
        """Resizes ab like that of photos: bilinear, reduced only if the picture is smaller than the network's input."""
        width, height = size
        if width < ab.shape[1] or height < ab.shape[0]:
            ab = cv2.resize(ab, (min(width, ab.shape[1]), min(height, ab.shape[0])), interpolation=cv2.INTER_AREA)
        return self._resized("color", ab, size, cv2.INTER_LINEAR)

    def _resized(self, name, values, size, interpolation):
        buffer = self._buffer(name, (*size[::-1], *values.shape[2:]), values.dtype)
        return cv2.resize(values, size, dst=buffer, interpolation=interpolation)

    def _buffer(self, name, shape, dtype):
        """Returns an array that is used for every frame, see `spares`."""
        if name not in self._buffers:
            self._buffers[name] = np.empty(shape, dtype)
        return self._buffers[name]

    def _compute(self, luma, ab, made):
        """Writes the same as `ChromaTable.look_up`, of any depth."""
        values = self._values(self._tones.lightness[luma], luma, ab)
        chroma_table.rounded(values, made, (1 << self._tones.bits) - 1)

    def _for_table(self, luma, ab):
        """Returns what a `ChromaTable` needs."""
        lightness = np.interp(luma, np.arange(len(self._tones.lightness)), self._tones.lightness)
        ab = np.broadcast_to(ab, (*ab.shape[:2], len(luma), 2))
        return self._values(np.broadcast_to(lightness, ab.shape[:-1]), luma, ab)

    def _values(self, lightness, luma, ab):
        """Returns Cb, Cr, and what to subtract from luma, float32 `(3, ...)`, for codes of luma and their lightness.

        By Jensen's inequality, it is never negative: sRGB is a concave function of linear light, so a color has at most
        the luma of a gray of the same luminance.
        """
        tone, span = self._tones, self._tones.span
        red, green, blue = lab.lightness_ab_to_fine_rgb(lightness[..., np.newaxis], ab)
        true = _RED * red + _GREEN * green + _BLUE * blue
        reach = span if tone.black == 0 else span * 224 / 219
        values = np.empty((3, *true.shape), np.float32)
        for target, primary, share in zip(values, (blue, red), (_BLUE, _RED)):
            target[...] = (primary - true) * (reach / (2 - 2 * share)) + tone.middle
        # Values beyond black or white get no color, so they need no correction.
        values[2] = np.clip(luma, tone.black, tone.black + span) - true * span - tone.black
        return values


def _squared(luma, size):
    """Returns the luma as a square, uint8 `(size, size)`: halved until it is less than twice as large, which is fast
    and on average within two levels of Pillow's antialiased filter."""
    height, width = luma.shape
    if min(height, width) < 2 * size or max(height, width) >= 4 * min(height, width):
        return np.asarray(Image.fromarray(luma).resize((size, size), Image.Resampling.BILINEAR))
    while min(luma.shape) >= 2 * size:
        luma = _halved(luma)
    return _halved(cv2.resize(luma, (2 * size, 2 * size), interpolation=cv2.INTER_LINEAR))


def _halved(luma):
    height, width = (side // 2 for side in luma.shape)
    return cv2.resize(luma[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)


def _looked_up(table, codes):
    if len(table) == 256:
        return cv2.LUT(np.ascontiguousarray(codes), table)
    return np.take(table, codes, mode="clip")
