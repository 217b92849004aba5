"""Options shared by all commands for photos."""

from __future__ import annotations

import argparse
import contextlib
import typing
from collections.abc import Iterator

from tf_colorize.commands import look_options, parsing

# No heavy imports at module level: `tf-colorize --help` must answer at once.

if typing.TYPE_CHECKING:
    from tf_colorize.albums import work

HAS_COLOR = "already had color, which was replaced; --skip-color skips such photos"

_FORMATS = ("jpg", "png", "webp", "tif", "avif", "heic", "bmp", "gif")


def add_to(parser: parsing.Parser) -> None:
    """Adds the options for the model and for reading, colorizing and writing photos."""
    add = parser.add_argument
    add_model(parser)
    look_options.add_to(parser)
    add("--format", choices=_FORMATS, help="format of the results (default: the photo's own)")
    parser.add_number(
        "--quality",
        1,
        100,
        metavar="1..100",
        help="for JPEG (default 92), WebP, AVIF and HEIC",
    )
    add("--compare", action="store_true", help="also write a side-by-side picture, NAME.compare.jpg")
    add("--overwrite", action="store_true", help="replace existing results (default: skip those photos)")
    add("--skip-color", action="store_true", help="skip photos that already have color")
    add("--dry-run", action="store_true", help="only list what would be read and written")
    add_max_pixels(parser, 200_000_000)
    add("--allow-truncated", action="store_true", help="colorize the readable part of a truncated JPEG")


def add_model(parser: argparse.ArgumentParser) -> None:
    """Adds --model."""
    parser.add_argument(
        "-m",
        "--model",
        help="run folder, .keras, SavedModel, .tflite, .onnx, or http:// or grpc:// address of TF Serving "
        "(default: the model that comes with tf-colorize)",
    )


def add_jobs(parser: parsing.Parser) -> None:
    """Adds --jobs."""
    parser.add_number("--jobs", 1, 256, help="number of photos to process at a time (default: one per core)")


def add_max_pixels(parser: parsing.Parser, default: int) -> None:
    """Adds --max-pixels, whose default is some millions."""
    text = f"reject photos with more pixels (default: {default // 10**6} million)"
    parser.add_number("--max-pixels", 1, 2**40, default=default, help=text)


def add_hints(parser: argparse.ArgumentParser) -> None:
    """Adds --hint and --hints."""
    parser.add_argument(
        "--hint",
        type=_hint,
        action="append",
        default=[],
        metavar="X,Y=COLOR",
        help="set the color at a place, in pixels or percent from the left and top: 120,340=#7a4b2c or "
        "25%%,40%%=navy; repeatable",
    )
    parser.add_argument(
        "--hints",
        metavar="FILE",
        help="hints file of the photo (default: NAME.hints.json beside it, if there is one)",
    )


def _hint(text):
    from tf_colorize import hints

    try:
        return hints.hint(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def settings(options: argparse.Namespace) -> work.Options:
    """Returns the options of `add_to` as arguments for the library."""
    from tf_colorize.albums import work

    return work.Options(
        adjustments=look_options.asked(options),
        quality=options.quality,
        overwrite=options.overwrite,
        max_pixels=options.max_pixels,
        allow_truncated=options.allow_truncated,
        skip_color=options.skip_color,
    )


@contextlib.contextmanager
def pillow_without_limit() -> Iterator[None]:
    """Disables Pillow's own limit on pictures meanwhile, so that only `--max-pixels` applies."""
    from PIL import Image

    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before
