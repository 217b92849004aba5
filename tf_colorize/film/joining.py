"""Joins ab with the frames of a film: keeps their luma, and adds chroma at its own resolution.

A color has another luma than a gray of the same lightness, so luma is corrected, by values computed at chroma's
resolution; the film's detail is kept.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import Any

import numpy as np
from PIL import Image

from tf_colorize import installation
from tf_colorize.color import lab
from tf_colorize.film import orientation, reading, tones

with installation.explained():
    import av
    import cv2

_LUMA_FIRST = re.compile(r"(yuvj?|yuva)4\d\dp((9|10|12|14|16)le)?|gray((9|10|12|14|16)le)?|nv(12|16|21|24)")
_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722  # weights of luma in BT.709


_AB_STEPS = 256  # steps of a* and of b* in the table, a byte each; finer than 8-bit chroma
_AB_SCALE = 127.0
_WORTH_A_TABLE = 1 << 26  # total pixels of the film
_LUMA_STEP = 2  # codes of 8-bit luma that share an entry


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
        # A table takes half a second to make; its results are as precise as bytes.
        self._has_table = self._tones.bits == 8 and len(film.table) * film.width * film.height >= _WORTH_A_TABLE
        self._is_unchanged = self._tones.bits == film.bits and (self._tones.code == np.arange(n_codes)).all()

    def lightness(self, frame: reading.Frame) -> np.ndarray:
        """Returns the network's input for the upright frame, float32 `(1, image_size, image_size, 1)` in [-1, 1]."""
        luma, size = _luma(frame.image), self._image_size
        if self._film.bits > 8:
            luma = _looked_up(self._tones.gray, luma)
        height, width = luma.shape
        if height >= 3 * size and width >= 3 * size:  # Pillow's filter is applied last, to fewer pixels
            luma = cv2.resize(luma[: height // 2 * 2, : width // 2 * 2], (width // 2, height // 2))
        square = np.asarray(Image.fromarray(luma).resize((size, size), Image.Resampling.BILINEAR))
        square = orientation.upright(square, self._film.matrix)
        if self._film.bits <= 8:
            square = self._tones.gray[square]
        return lab.gray_to_lightness(square)[np.newaxis]

    def without_chroma(self, frame: reading.Frame) -> reading.Frame:
        """Returns the frame with nothing but its luma, which takes less memory while it waits for `joined`."""
        return dataclasses.replace(frame, image=_luma(frame.image).copy())

    def gray(self, frame: reading.Frame) -> np.ndarray:
        """Returns the frame as a gray photo, as stored: uint8 `(height, width, 3)`, sRGB."""
        gray = _looked_up(self._tones.gray, _luma(frame.image))
        return np.repeat(gray[..., np.newaxis], 3, axis=2)

    def joined(self, frame: reading.Frame, ab: np.ndarray) -> Any:
        """Returns the colorized frame, an `av.VideoFrame` in BT.709 with the pixel format `pix_fmt`.

        Args:
            frame: A frame of the film.
            ab: ab of the upright frame, float32 `(image_size, image_size, 2)`, a* and b* / 110.
        """
        luma = _luma(frame.image)
        if not self._is_unchanged:
            luma = _looked_up(self._tones.code, luma)
        height, width = luma.shape
        size, small = (-(-width // self._step), -(-height // self._step)), luma
        if self._step > 1:
            # With an odd side, the last chroma sample covers a single row or column.
            even = np.pad(luma, ((0, height % 2), (0, width % 2)), "edge") if height % 2 or width % 2 else luma
            small = cv2.resize(even, size, interpolation=cv2.INTER_AREA)
        color = _resized(orientation.stored(ab, self._film.matrix), size)
        blue, red, correction = (self._looked_up if self._has_table else self._computed)(small, color)
        return self._image(self._corrected(luma, correction), blue, red)

    def _corrected(self, luma, correction):
        """Returns luma plus the enlarged correction."""
        size = luma.shape[1::-1]
        if self._tones.bits == 8:  # two additions of bytes are faster than one of larger integers
            for change, apply in ((correction, cv2.add), (-correction, cv2.subtract)):
                change = np.clip(change, 0, 255).astype(np.uint8)
                luma = apply(luma, cv2.resize(change, size, interpolation=cv2.INTER_LINEAR))
            return luma
        luma = cv2.add(luma, cv2.resize(correction, size, interpolation=cv2.INTER_LINEAR), dtype=cv2.CV_16U)
        return np.minimum(luma, (1 << self._tones.bits) - 1)

    def _computed(self, luma, ab):
        """Returns Cb and Cr as codes, and the correction of luma, int16, `(height, width)` each."""
        made, span = self._tones, self._tones.span
        red, green, blue = lab.lightness_ab_to_fine_rgb(made.lightness[luma][..., np.newaxis], ab)
        true = _RED * red + _GREEN * green + _BLUE * blue
        reach = span if made.black == 0 else span * 224 / 219
        chroma = []
        for primary, share in ((blue, _BLUE), (red, _RED)):
            codes = np.rint((primary - true) * (reach / (2 - 2 * share)) + made.middle)
            chroma.append(np.clip(codes, 0, (1 << made.bits) - 1).astype(made.code.dtype))
        # Values beyond black or white get no color, so they need no correction.
        correction = true * span + made.black - np.clip(luma, made.black, made.black + span)
        return *chroma, correction.astype(np.int16)  # rounded toward no color

    def _looked_up(self, luma, ab):
        """Returns the same as `_computed`, from a table."""
        across, down = cv2.split(cv2.convertScaleAbs(ab * _AB_SCALE + _AB_STEPS // 2))
        shared = cv2.convertScaleAbs(luma, alpha=1 / _LUMA_STEP, beta=-0.25)  # rounded down
        index = cv2.merge((down, across, shared, np.zeros_like(shared))).view(np.uint32)[..., 0]
        entries = np.take(self._table, index)
        return entries.astype(np.uint8), (entries >> 8).astype(np.uint8), (entries >> 16).astype(np.int16)

    @functools.cached_property
    def _table(self):
        """Returns a table by luma, a* and b*, uint32: Cb, Cr and the correction, lowest byte first."""
        steps = ((np.arange(_AB_STEPS) - _AB_STEPS // 2) / _AB_SCALE).astype(np.float32)
        ab = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1)
        entries = np.empty((256 // _LUMA_STEP, _AB_STEPS, _AB_STEPS), np.uint32)
        for number, entry in enumerate(entries):
            luma = np.full(ab.shape[:2], number * _LUMA_STEP + _LUMA_STEP // 2, np.uint8)
            blue, red, correction = self._computed(luma, ab)
            entry[...] = blue + (red.astype(np.uint32) << 8) + (correction.view(np.uint16).astype(np.uint32) << 16)
        return entries.ravel()

    def _image(self, luma, *chroma):
        image = av.VideoFrame(luma.shape[1], luma.shape[0], self.pix_fmt)
        for plane, values in zip(image.planes, (luma, *chroma), strict=True):
            target = np.frombuffer(plane, values.dtype).reshape(plane.height, -1)
            target[:, : plane.width] = values
        image.colorspace = 1  # BT.709
        image.color_range = 2 if self._film.is_full_range else 1
        return image


def _luma(image):
    """Returns the codes of a frame's luma, uint8 or uint16 `(height, width)`."""
    if isinstance(image, np.ndarray):  # see `Joiner.without_chroma`
        return image
    if not _LUMA_FIRST.fullmatch(image.format.name):
        form = "yuv444p" if image.format.components[0].bits <= 8 else "yuv444p16le"
        image = image.reformat(format=form, dst_colorspace="ITU709", dst_color_range="MPEG")
    dtype = np.uint8 if image.format.components[0].bits <= 8 else np.uint16
    plane = image.planes[0]
    return np.frombuffer(plane, dtype).reshape(plane.height, -1)[:, : plane.width]


def _looked_up(table, codes):
    if len(table) == 256:
        return cv2.LUT(np.ascontiguousarray(codes), table)
    return np.take(table, codes, mode="clip")


def _resized(ab, size):
    """Resizes ab like that of photos: bilinear, reduced only if the picture is smaller than the network's input."""
    width, height = size
    if width < ab.shape[1] or height < ab.shape[0]:
        ab = cv2.resize(ab, (min(width, ab.shape[1]), min(height, ab.shape[0])), interpolation=cv2.INTER_AREA)
    return cv2.resize(ab, size, interpolation=cv2.INTER_LINEAR)
