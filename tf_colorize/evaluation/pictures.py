"""Pictures to look at: photos beside what each colorizer makes of them, on a contact sheet or one by one."""

import base64
import io
import pathlib

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tf_colorize import image_io
from tf_colorize.evaluation import protocols

_GAP, _CAPTION = 8, 18


def coloured(colorizers, picture):
    """Returns what each colorizer makes of a gray uint8 `(height, width, 3)` picture, a list of the same."""
    return [protocols.colorize(name, colorizer, picture) for name, colorizer in colorizers.items()]


def without_truth(colorizers, photos):
    """Colours photos whose colours nobody knows, whatever tone they have.

    Args:
        colorizers: as for `evaluate`.
        photos: paths.

    Yields:
        Pairs of path and a list of uint8 `(height, width, 3)` pictures: gray, then one for each colorizer; or, for a
        file that cannot be read, of path and an `image_io.ImageError`.
    """
    for path in photos:
        try:
            source = protocols.without_colour(np.asarray(image_io.open_rgb(path)))
        except image_io.ImageError as error:
            yield path, error
            continue
        yield path, [source, *coloured(colorizers, source)]


def thumbnail(picture, side):
    """Returns a `PIL.Image.Image` of a uint8 picture, its longest side at most `side` pixels."""
    image = Image.fromarray(picture)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def data_uri(image, quality=88):
    """Returns a `PIL.Image.Image` as a JPEG inside a URI, its chroma at full resolution."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def contact_sheet(rows, titles, *, tile=256, columns=6):
    """Lays out photos, each followed by its coloured versions.

    Args:
        rows: pairs of path and a list of `PIL.Image.Image`, at most `tile` pixels wide and high.
        titles: names of the pictures in a row.
        tile: side of the square that a picture gets.
        columns: pictures side by side, though at least one row's.

    Returns:
        A `PIL.Image.Image`.
    """
    across = max(1, min(columns // len(titles), len(rows)))
    down = -(-len(rows) // across)
    cell_width, cell_height, group_width = tile + _GAP, tile + _GAP + _CAPTION, (tile + _GAP) * len(titles) + 2 * _GAP
    sheet = Image.new("RGB", (group_width * across, cell_height * down + _CAPTION + 2 * _GAP), (246, 246, 246))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for group in range(across):
        for column, title in enumerate(titles):
            draw.text((group * group_width + _GAP + column * cell_width, 6), title, (60, 60, 60), font)
    for index, (path, images) in enumerate(rows):
        left, top = index % across * group_width + _GAP, index // across * cell_height + _CAPTION + _GAP
        for column, image in enumerate(images):
            x, y = left + column * cell_width + (tile - image.width) // 2, top + (tile - image.height) // 2
            sheet.paste(image, (x, y))
        draw.text((left, top + tile + 2), pathlib.Path(path).name[:40], (120, 120, 120), font)
    return sheet
