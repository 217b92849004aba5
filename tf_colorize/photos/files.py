"""Reads picture files and bytes as 8-bit sRGB and writes them, with what else a file carries.

Everything here is NumPy and Pillow; nothing imports TensorFlow.
"""

from __future__ import annotations

import dataclasses
import io
import math
import pathlib
import typing
from typing import Any

from PIL import Image, UnidentifiedImageError

from tf_colorize import installation, whole
from tf_colorize.color import profiles
from tf_colorize.photos import metadata as photo_metadata

if typing.TYPE_CHECKING:
    import os


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

DEFAULT_MAX_PIXELS = 200_000_000  # the largest phone cameras

# Only these: some of Pillow's other readers start programs or follow links.
_READERS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "AVIF")
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
WITH_ALPHA = frozenset(("PNG", "TIFF", "WEBP", "GIF", "AVIF", "HEIF"))
_PNG_LEVEL = 3  # a third of the time of Pillow's 6, and no larger for photos
_QUALITY = {"JPEG": 92, "WEBP": 90, "AVIF": 80, "HEIF": 80}


class ImageError(ValueError):
    """A picture cannot be read or written; the message is one line that names it."""


@dataclasses.dataclass
class Picture:
    """A picture that was read, and what its file says besides the pixels.

    `image` is 8-bit sRGB, mode "L", "LA", "RGB" or "RGBA", upright. `format` is Pillow's name.
    `metadata` holds "exif", "xmp", "dpi" and "icc_profile" as `Image.save` takes them, adjusted to
    the upright sRGB pixels. `notes` are sentences for people.
    """

    image: Any  # `PIL.Image.Image`, or None once it has been released
    format: str
    metadata: dict
    notes: list


def open_rgb(source: Any, *, short_side: int | None = None) -> Image.Image:
    """Opens a picture as 8-bit sRGB, upright.

    Args:
        source: A path, or the bytes of a file.
        short_side: When given, a JPEG may be decoded at 1/2, 1/4 or 1/8 of its
            size, which is much faster, as long as its short side keeps at
            least this many pixels.

    Returns:
        A `PIL.Image.Image` of mode "RGB": EXIF orientation applied, ICC
        profile converted to sRGB, alpha dropped, first frame.

    Raises:
        ImageError: it is not a picture that can be read completely.
    """
    image = read(source, short_side=short_side).image
    return image if image.mode == "RGB" else image.convert("RGB")


def read(
    source: Any, *, max_pixels: int = DEFAULT_MAX_PIXELS, allow_truncated: bool = False, short_side: int | None = None
) -> Picture:
    """Reads a picture with its metadata.

    Args:
        source: A path, or the bytes of a file.
        max_pixels: Refuse larger pictures before decoding them. Above 179 million pixels
            Pillow has its own limit, `PIL.Image.MAX_IMAGE_PIXELS`.
        allow_truncated: Read a truncated JPEG as far as it goes; the rest is gray.
        short_side: As in `open_rgb`.

    Returns:
        A `Picture`.

    Raises:
        ImageError: it is not a picture that can be read, or is too large.
    """
    name = "<bytes>" if isinstance(source, bytes) else str(source)
    try:
        try:
            return _read(source, max_pixels, short_side)
        except OSError as error:
            if not (allow_truncated and "truncated" in str(error)):
                raise
            data = source if isinstance(source, bytes) else pathlib.Path(source).read_bytes()
            # libjpeg fills in what is missing when it meets the end marker.
            picture = _read(data + b"\xff\xd9", max_pixels, short_side)
            picture.notes.append("truncated, read as far as it goes")
            return picture
    except Exception as error:  # Pillow's readers raise nearly anything on a broken file
        raise ImageError(f"{name}: {_reason(error)}") from error


def save(
    image: Image.Image, target: Any, like: Any = None, *, image_format: str | None = None, quality: int | None = None
) -> None:
    """Writes a picture with the metadata of the one it was made from, all or nothing.

    Args:
        image: `PIL.Image.Image` of mode "RGB" or "RGBA"; where the format has no alpha, it is
            flattened onto white.
        target: Path, whose folder is created if needed, or open binary file.
        like: `Picture` that gives the metadata.
        image_format: One of Pillow's names in `FORMATS`; None follows the suffix of the path.
        quality: 1 to 100, for JPEG, WebP, AVIF and HEIC.

    Raises:
        ImageError: it cannot be written. Then nothing is left behind, and an older file is
            unchanged.
    """
    try:
        if hasattr(target, "write"):
            memory = io.BytesIO()  # some formats seek back and forth, which a pipe cannot
            _write(image, memory, image_format, like, quality)
            target.write(memory.getbuffer())
            target.flush()
        else:
            target = pathlib.Path(target)
            image_format = image_format or format_of(target)
            with whole.open_whole(target) as file:
                _write(image, file, image_format, like, quality)
    except Exception as error:  # Pillow's writers raise nearly anything, too
        name = "<bytes>" if hasattr(target, "write") else target
        raise ImageError(f"{name}: cannot be written: {_reason(error)}") from error


def format_of(path: str | os.PathLike[str]) -> str:
    """Returns Pillow's name of the format that the suffix of a path stands for.

    Raises:
        ImageError: the suffix is not in `IMAGE_SUFFIXES`.
    """
    suffix = pathlib.Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise ImageError(f"{path}: the suffix must be one of {', '.join(IMAGE_SUFFIXES)}")
    return FORMATS[suffix]


def pixel_count(source: Any) -> int:
    """Returns width times height according to the file's header, 0 if it cannot be read."""
    try:
        with _opened(source) as image:
            return image.width * image.height
    except Exception:  # reading its pixels will tell what is wrong
        return 0


def _write(image, file, image_format, like, quality):
    if image.mode == "RGBA" and image_format not in WITH_ALPHA:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    parameters = photo_metadata.save_parameters(like.metadata if like else {}, image_format)
    if image_format in _QUALITY:
        parameters["quality"] = quality or _QUALITY[image_format]
    if image_format == "PNG":
        parameters["compress_level"] = _PNG_LEVEL
    if image_format == "HEIF":
        _register_heif()
    image.save(file, image_format, **parameters)


def _read(source, max_pixels, short_side):
    with _opened(source) as image:
        if image.width * image.height > max_pixels:
            raise ImageError(
                f"{image.width} x {image.height} pixels are over the limit of {max_pixels:,}; "
                "raise `max_pixels` if you trust the file"
            )
        image_format = "JPEG" if image.format == "MPO" else image.format
        notes = []
        if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
            notes.append(f"only the first of {image.n_frames} frames")
        if short_side is not None:
            scale = short_side / min(image.size)
            image.draft(None, [max(1, math.ceil(side * scale)) for side in image.size])
        turned = photo_metadata.is_turned(image)
        image.load()
        metadata, note = photo_metadata.take(image, turned)
        notes += [note] if note else []
        converted, note = profiles.convert(image)
        notes += [note] if note else []
        if "icc_profile" in image.info:
            metadata["icc_profile"] = profiles.srgb_profile()
        return Picture(converted, image_format, metadata, notes)


def _opened(source):
    if isinstance(source, bytes):
        head, file = source[:12], io.BytesIO(source)
    else:
        with open(source, "rb") as opened:
            head = opened.read(12)
        file = source
    if not head:
        raise ImageError("the file is empty")
    readers = _READERS
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        _register_heif()
        readers = ("HEIF",)
    try:
        return Image.open(file, formats=readers)
    except UnidentifiedImageError as error:
        raise ImageError("not a picture in a format that can be read") from error


def _register_heif():
    try:
        import pillow_heif
    except ImportError as error:
        raise ImageError(f"HEIC needs the package pillow-heif. Run: {installation.pip_install('heic')}") from error
    pillow_heif.register_heif_opener()


def _reason(error):
    if isinstance(error, MemoryError):
        return "not enough memory"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text.strip().splitlines()[0]
