"""The options that every command for photos has."""

from __future__ import annotations

import argparse
import contextlib
import typing
from collections.abc import Callable, Iterator
from typing import Any

# No heavy imports up here: `tf-colorize --help` must answer at once.

if typing.TYPE_CHECKING:
    from tf_colorize.commands import folder

HAS_COLOR = "already had color, which was replaced; --skip-color skips such photos"

_FORMATS = ("jpg", "png", "webp", "tif", "avif", "heic", "bmp", "gif")


def add_to(parser: argparse.ArgumentParser) -> None:
    """Adds the model, and how photos are read, colorized and written."""
    add = parser.add_argument
    add(
        "-m",
        "--model",
        help="run folder, .keras, SavedModel, .tflite, or http:// or grpc:// address of TF Serving "
        "(default: the model that comes with tf-colorize)",
    )
    add(
        "--vividness",
        type=number(0, 2, float),
        default=1.0,
        metavar="0..2",
        help="strength of the colors: 0 gray, 1 as the model predicts (default), 2 strong",
    )
    add("--format", choices=_FORMATS, help="format of the results (default: the photo's own)")
    add("--quality", type=number(1, 100, int), metavar="1..100", help="for JPEG (default 92), WebP, AVIF and HEIC")
    add("--compare", action="store_true", help="also write a side-by-side picture, NAME.compare.jpg")
    add("--overwrite", action="store_true", help="replace existing results (default: skip those photos)")
    add("--skip-color", action="store_true", help="skip photos that already have color")
    add("--dry-run", action="store_true", help="only list what would be read and written")
    add(
        "--max-pixels",
        type=number(1, 2**40, int),
        default=200_000_000,
        metavar="N",
        help="refuse larger photos (default: 200 million)",
    )
    add("--allow-truncated", action="store_true", help="colorize a truncated JPEG as far as it goes")


def settings(options: argparse.Namespace) -> folder.Options:
    """Returns the options of `add_to` as the library takes them."""
    from tf_colorize.commands import folder

    return folder.Options(
        vividness=options.vividness,
        quality=options.quality,
        overwrite=options.overwrite,
        max_pixels=options.max_pixels,
        allow_truncated=options.allow_truncated,
        skip_color=options.skip_color,
    )


@contextlib.contextmanager
def pillow_without_limit() -> Iterator[None]:
    """Pillow refuses large pictures by itself; while this lasts, only `--max-pixels` does."""
    from PIL import Image

    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def number(low: float, high: float, kind: Callable[[str], Any]) -> Callable[[str], Any]:
    """Returns a type for argparse: a number in a range."""

    def parse(text):
        value = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be {low} to {high}, not {text}")
        return value

    parse.__name__ = "number"  # argparse names the type in its message
    return parse
