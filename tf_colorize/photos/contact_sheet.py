"""Contact sheets: pictures side by side in one image, for visual comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GAP = 6
BACKGROUND = (255, 255, 255)
INK = (40, 40, 40)


def contact_sheet(columns: Mapping[str, Sequence[np.ndarray]], height: int = 160) -> Image.Image:
    """Arranges columns of pictures under their titles, one row per picture.

    Args:
        columns: dict, title -> sequence of uint8 `(height, width, 3)` RGB arrays; all of the same
            length, with pictures of the same shape in each row.
        height: int, pixels that each picture is scaled to.

    Returns:
        `PIL.Image.Image`, RGB.
    """
    lengths = {len(pictures) for pictures in columns.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError(f"`columns` must hold the same number of pictures, at least one. Received: {sorted(lengths)}")
    rows = [[_scaled(picture, height) for picture in row] for row in zip(*columns.values())]
    widths = [max(row[index].width for row in rows) for index in range(len(columns))]
    font = ImageFont.load_default(size=15)
    top = 24
    sheet_width = sum(widths) + GAP * (len(widths) + 1)
    sheet = Image.new("RGB", (sheet_width, top + len(rows) * (height + GAP)), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    left = GAP
    for index, title in enumerate(columns):
        draw.text((left, 3), title, fill=INK, font=font)
        for position, row in enumerate(rows):
            sheet.paste(row[index], (left, top + position * (height + GAP)))
        left += widths[index] + GAP
    return sheet


def _scaled(picture, height):
    image = Image.fromarray(np.asarray(picture, "uint8"))
    return image.resize((max(1, round(image.width * height / image.height)), height), Image.Resampling.LANCZOS)
