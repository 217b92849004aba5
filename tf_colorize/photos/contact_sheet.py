"""Contact sheets: pictures side by side in one image, for visual comparison."""

from __future__ import annotations

import math
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


def labeled(rows: Sequence[Sequence[tuple[str, np.ndarray]]]) -> Image.Image:
    """Lays out pictures of one size in rows, each over its label.

    Args:
        rows: Pairs of label and uint8 `(height, width, 3)` RGB array.

    Returns:
        `PIL.Image.Image`, RGB.
    """
    height, width, _ = rows[0][0][1].shape
    font = ImageFont.load_default(size=18)
    labels = [label for row in rows for label, _ in row]
    line = 30
    cell = max(width, *(math.ceil(font.getlength(label)) for label in labels)) + 2 * GAP
    size = (max(map(len, rows)) * cell, len(rows) * (height + line + GAP) + GAP)
    sheet = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for down, row in enumerate(rows):
        top = GAP + down * (height + line + GAP)
        for across, (label, picture) in enumerate(row):
            left = across * cell
            sheet.paste(Image.fromarray(picture), (left + (cell - width) // 2, top))
            middle = left + (cell - font.getlength(label)) / 2
            draw.text((middle, top + height + 3), label, fill=INK, font=font)
    return sheet


def below(upper: Image.Image, lower: Image.Image) -> Image.Image:
    """Returns two "RGB" images, one below the other."""
    both = Image.new("RGB", (max(upper.width, lower.width), upper.height + GAP + lower.height), BACKGROUND)
    both.paste(upper, (0, 0))
    both.paste(lower, (0, upper.height + GAP))
    return both


def fitted(image: Image.Image, box: tuple[int, int]) -> Image.Image:
    """Returns an image that is small enough for a box, "RGB", transparency flattened onto white."""
    scale = min(1.0, box[0] / image.width, box[1] / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    if image.mode.endswith("A"):
        image = Image.alpha_composite(Image.new("RGBA", size, "white"), image.convert("RGBA"))
    return image.convert("RGB")


def _scaled(picture, height):
    image = Image.fromarray(np.asarray(picture, "uint8"))
    return image.resize((max(1, round(image.width * height / image.height)), height), Image.Resampling.LANCZOS)
