"""Reads picture files and bytes as 8-bit sRGB and writes them, with their metadata.

Everything here is NumPy and Pillow; nothing imports TensorFlow.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import math
import os
import pathlib
from typing import IO, Any

from PIL import Image

from tf_colorize import whole
from tf_colorize.color import profiles
from tf_colorize.photos import metadata, opening, origins, png_repair
from tf_colorize.photos.opening import Source

FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".avif": "AVIF",
    ".heic": "HEIF",
    ".heif": "HEIF",
}
"""Lowercase file name suffix to Pillow's name of the format."""

IMAGE_SUFFIXES = tuple(FORMATS)

ImageError = opening.ImageError

DEFAULT_MAX_PIXELS = 200_000_000  # the largest phone cameras

WITH_ALPHA = frozenset(("PNG", "TIFF", "WEBP", "GIF", "AVIF", "HEIF"))
_PNG_LEVEL = 3  # a third of the time of Pillow's default 6, and no larger for photos
# The greatest number of pixels per side.
_MOST_PIXELS = {"JPEG": 65_500, "WEBP": 16_383, "GIF": 65_535, "AVIF": 32_768, "HEIF": 65_535}
_QUALITY = {"JPEG": 92, "WEBP": 90, "AVIF": 80, "HEIF": 80}


@dataclasses.dataclass
class Picture:
    """A picture and the metadata of its file.

    `image` is 8-bit sRGB, mode "L", "LA", "RGB" or "RGBA", upright. `format` is Pillow's name. `metadata` is what
    `photos.metadata.take` returns, adjusted to the upright sRGB pixels, and "icc_profile". `notes` are notices for the
    user. `origin` has permissions and time of the file, if it is a file.
    """

    image: Any  # `PIL.Image.Image`, or None once it has been released
    format: str
    metadata: dict
    notes: list
    origin: origins.Origin | None = None


def open_rgb(source: Source, *, short_side: int | None = None) -> Image.Image:
    """Opens a picture as 8-bit sRGB, upright.

    Args:
        source: A path, or the bytes of a file.
        short_side: If given, a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, which is much faster, if its short
            side keeps at least this many pixels.

    Returns:
        A `PIL.Image.Image` of mode "RGB": EXIF orientation applied, ICC
        profile converted to sRGB, alpha dropped, first frame.

    Raises:
        ImageError: the picture cannot be read completely.
    """
    image = read(source, short_side=short_side).image
    return image if image.mode == "RGB" else image.convert("RGB")


def read(
    source: Source,
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    allow_truncated: bool = False,
    short_side: int | None = None,
) -> Picture:
    """Reads a picture with its metadata.

    Args:
        source: A path, also of a pipe, or the bytes of a file.
        max_pixels: Reject larger pictures before decoding them. Above 179 million pixels Pillow has its own limit,
            `PIL.Image.MAX_IMAGE_PIXELS`.
        allow_truncated: Read the available part of a truncated JPEG; the rest is gray.
        short_side: As in `open_rgb`.

    Returns:
        A `Picture`.

    Raises:
        ImageError: the picture cannot be read or is too large.
    """
    name = "<bytes>" if isinstance(source, bytes) else str(source)
    try:
        origin = None if isinstance(source, bytes) else origins.of(source)
        source = opening.without_pipe(source)
        try:
            return dataclasses.replace(_read(source, max_pixels, short_side), origin=origin)
        except OSError as error:
            if not (allow_truncated and "truncated" in str(error)):
                raise
            data = source if isinstance(source, bytes) else pathlib.Path(source).read_bytes()
            # libjpeg fills in missing data when it finds the end marker.
            picture = dataclasses.replace(_read(data + b"\xff\xd9", max_pixels, short_side), origin=origin)
            picture.notes.append("truncated, read as far as it goes")
            return picture
    except Exception as error:  # Pillow's readers raise exceptions of many kinds for broken files
        raise ImageError(f"{name}: {_reason_of_reader(error)}") from error


def save(
    image: Image.Image,
    target: str | os.PathLike[str] | IO[bytes],
    like: Picture | None = None,
    *,
    image_format: str | None = None,
    quality: int | None = None,
) -> list[str]:
    """Writes a picture with the metadata of its original, completely or not at all.

    Args:
        image: `PIL.Image.Image` of mode "RGB" or "RGBA"; if the format has no alpha, it is flattened onto white.
        target: Path, whose folder is created if needed, or open binary file.
        like: The original `Picture`, for metadata, permissions and time.
        image_format: One of Pillow's names in `FORMATS`; None follows the suffix of the path.
        quality: 1 to 100, for JPEG, WebP, AVIF and HEIC.

    Returns:
        List of notices about metadata that the format does not support.

    Raises:
        ImageError: the picture cannot be written; nothing is left behind, and an existing file is unchanged.
    """
    try:
        if not isinstance(target, (str, os.PathLike)):
            memory = io.BytesIO()  # some formats need seeking, which pipes do not support
            notes = _write(image, memory, image_format, like, quality)
            target.write(memory.getbuffer())
            target.flush()
        else:
            target = pathlib.Path(target)
            image_format = image_format or format_of(target)
            origin = like.origin if like else None
            mode = None if origin is None else origins.mode_for(origin, target)
            with whole.open_whole(target, mode=mode) as file, _from(origin, file):
                notes = _write(image, file, image_format, like, quality)
    except Exception as error:  # Pillow's writers raise exceptions of many kinds, too
        name = "<bytes>" if hasattr(target, "write") else target
        raise ImageError(f"{name}: cannot be written: {_reason(error)}") from error
    return notes


def check_size(size: tuple[int, int], image_format: str) -> None:
    """Rejects pictures that are too large for a format, before they are processed.

    Args:
        size: Width and height in pixels.
        image_format: One of Pillow's names in `FORMATS`.

    Raises:
        ImageError: a side is too long.
    """
    most = _MOST_PIXELS.get(image_format)
    if most and max(size) > most:
        name = metadata.NAMES[image_format]
        raise ImageError(
            f"{size[0]} x {size[1]} pixels are more than {name} supports, {most:,} a side; choose PNG or TIFF"
        )


def format_of(path: str | os.PathLike[str]) -> str:
    """Returns Pillow's name of the format for the suffix of a path.

    Raises:
        ImageError: the suffix is not in `IMAGE_SUFFIXES`.
    """
    suffix = pathlib.Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise ImageError(f"{path}: the suffix must be one of {', '.join(IMAGE_SUFFIXES)}")
    return FORMATS[suffix]


def pixel_count(source: Source) -> int:
    """Returns width times height according to the file's header, or 0 for an unreadable file or a pipe."""
    try:
        if not isinstance(source, bytes) and opening.is_pipe(source):
            return 0  # a pipe can be read only once
        with opening.file_of(source) as file, opening.opened(file) as image:
            return image.width * image.height
    except Exception:  # reading the pixels will report the error
        return 0


def _write(image, file, image_format, like, quality):
    check_size(image.size, image_format)
    if image.mode == "RGBA" and image_format not in WITH_ALPHA:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    parameters = {}
    if image_format in _QUALITY:
        parameters["quality"] = quality or _QUALITY[image_format]
    if image_format == "PNG":
        parameters["compress_level"] = _PNG_LEVEL
    if image_format == "HEIF":
        opening.register_heif()
    try:
        return metadata.save(image, file, image_format, like.metadata if like else {}, **parameters)
    except RuntimeError as error:  # x265 does not support wide pictures less than 32 pixels high
        size = f"{image.width} x {image.height} pixels"
        name = metadata.NAMES[image_format]
        raise ImageError(
            f"the encoder of {name} does not support {size} ({_reason(error)}); choose PNG or TIFF"
        ) from error


@contextlib.contextmanager
def _from(origin, file):
    """Gives the file written in the block the photo's permissions, owner and time."""
    is_file = origin is not None and isinstance(getattr(file, "name", None), (str, os.PathLike))  # and no pipe
    if is_file:
        origins.give_owner(file.name, origin)
    yield
    if is_file:
        file.flush()
        origins.give_time(file.name, origin)


def _read(source, max_pixels, short_side):
    try:
        return _read_pixels(source, source, max_pixels, short_side)
    except Exception:  # Pillow also rejects broken chunks that pixels do not need
        repaired = png_repair.repaired(source)
        if repaired is None:
            raise
        data, dropped = repaired
        picture = _read_pixels(data, source, max_pixels, short_side)
        picture.notes += [f"broken {', '.join(dropped)} left out"] if dropped else []
        return picture


def _read_pixels(pixels, source, max_pixels, short_side):
    with opening.file_of(pixels) as file, opening.opened(file) as image:
        if image.width * image.height > max_pixels:
            raise ImageError(
                f"{image.width} x {image.height} pixels are over the limit of {max_pixels:,}; "
                "raise `max_pixels` if you trust the file"
            )
        image_format = "JPEG" if image.format == "MPO" else image.format
        notes = _frames(image, pixels)
        if short_side is not None:
            scale = short_side / min(image.size)
            image.draft(None, [max(1, math.ceil(side * scale)) for side in image.size])
        found, lost = _beside_pixels(source, image)
        notes += lost
        image.load()
        kept, lost = metadata.take(image, found)
        notes += lost
        if "icc_profile" in image.info:
            kept["icc_profile"] = profiles.srgb_profile()
        try:
            converted, note = profiles.convert(image)
        except ValueError as error:
            raise ImageError(str(error)) from error
        notes += [note] if note else []
        return Picture(converted, image_format, kept, notes)


def _beside_pixels(source, image):
    with opening.file_of(source) as file:  # another profile; Pillow's own is kept where Pillow put it

        def read_bytes(offset, length):
            file.seek(offset)
            return file.read(length)

        return metadata.read(image, read_bytes, file.seek(0, os.SEEK_END))


def _frames(image, source):
    """Returns a notice if there are other pictures in the file."""
    if image.format == "MPO":  # whose other pictures are mostly previews of the first
        return metadata.notes_of_mpo(image)
    try:
        if image.format == "TIFF":  # Pillow reads all directories, and afterwards the first may be lost
            with opening.file_of(source) as file, opening.opened(file) as other:
                count = getattr(other, "n_frames", 1)
        else:
            count = getattr(image, "n_frames", 1)
    except Exception:  # exceptions of many kinds for broken directories
        return ["only the first frame; what follows it is damaged"]
    return [f"only the first of {count} frames"] if count > 1 else []


def _reason(error):
    if isinstance(error, MemoryError):
        return "not enough memory"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text.strip().splitlines()[0]


def _reason_of_reader(error):
    """Returns what is wrong with a file; messages of a decoder, such as "decoder error -2", follow plain words."""
    text = _reason(error)
    is_plain = isinstance(error, (ImageError, MemoryError, Image.DecompressionBombError)) or "truncated" in text.lower()
    # An offset that cannot be in the file comes from the file itself.
    is_of_system = isinstance(error, OSError) and error.errno not in (None, errno.EINVAL, errno.EOVERFLOW)
    return text if is_plain or is_of_system else f"the file is damaged ({text})"
