"""The luma of decoded pictures of any pixel format."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

# Formats whose first plane is luma in the order of this machine; all others are converted.
_LUMA_FIRST = re.compile(r"(yuvj?|yuva)4\d\dp((9|10|12|14|16)le)?|gray((9|10|12|14|16)le)?|nv(12|16|21|24)")
_DEPTHS = (8, 9, 10, 12, 14, 16)


def bits(image: Any) -> int:
    """Returns the bits per pixel of the luma of an `av.VideoFrame`, one of 8, 9, 10, 12, 14 and 16; those of floating
    point become 16."""
    own = max(component.bits for component in image.format.components)
    return next((depth for depth in _DEPTHS if own <= depth), _DEPTHS[-1])


def is_full_range(image: Any) -> bool:
    """Returns whether the luma of an `av.VideoFrame`, from `of`, uses all code values."""
    if not _LUMA_FIRST.fullmatch(image.format.name):  # it is converted to limited range
        return False
    if image.format.name.startswith("gray"):  # full range unless specified otherwise
        return image.color_range != 1
    return image.color_range == 2 or image.format.name.startswith("yuvj")


def of(image: Any, depth: int, is_full: bool) -> np.ndarray:
    """Returns the codes of the luma of an `av.VideoFrame`, uint8 or uint16 `(height, width)`.

    Args:
        image: The picture, which may be of another kind than the first one of its film.
        depth: Bits per pixel of the result, one of those of `bits`.
        is_full: Whether the result uses all code values.
    """
    is_own = _LUMA_FIRST.fullmatch(image.format.name) and bits(image) == depth
    if not is_own or is_full_range(image) != is_full:
        form = "yuv444p" if depth == 8 else f"yuv444p{depth}le"
        source = "JPEG" if is_full_range(image) else None  # gray pictures need not say it
        range_ = "JPEG" if is_full else "MPEG"
        image = image.reformat(format=form, dst_colorspace="ITU709", src_color_range=source, dst_color_range=range_)
    return plane(image.planes[0], np.uint8 if depth == 8 else np.uint16)


def plane(stored: Any, dtype: Any) -> np.ndarray:
    """Returns the codes of an `av.VideoPlane`, `(height, width)`, as stored in the picture."""
    return np.frombuffer(stored, dtype).reshape(stored.height, -1)[:, : stored.width]
