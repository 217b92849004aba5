"""Opens picture files, also from pipes, with only those of Pillow's readers that are safe for untrusted files."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import stat
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from tf_colorize import installation

Source = str | os.PathLike[str] | bytes
"""Where a picture comes from: a path, or the bytes of its file."""

# Only these: some of Pillow's other readers start programs or read other files.
_READERS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "AVIF")
# Brands of the container that AVIF and HEIC share; "mif1" and "msf1" may be either.
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevm", b"hevs"}
_OPEN_BRANDS = {b"mif1", b"msf1", b"miaf"}


class ImageError(ValueError):
    """A picture cannot be read or written; the message is one line that names it."""


def is_pipe(path: str | os.PathLike[str]) -> bool:
    """Returns whether a path is a pipe or socket, which can be read only once."""
    mode = os.stat(path).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def without_pipe(source: Source) -> Source:
    """Returns the bytes of a pipe, which can be read only once, or any other source unchanged."""
    if isinstance(source, bytes) or not is_pipe(source):
        return source
    return pathlib.Path(source).read_bytes()


def file_of(source: Source) -> BinaryIO:
    """Opens a path or bytes for reading; callers close the file."""
    return io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb")


def opened(file: BinaryIO) -> Image.Image:
    """Opens a picture without reading its pixels.

    Raises:
        ImageError: the file is empty, or not a picture in a readable format.
    """
    head = file.read(4096)
    file.seek(0)
    if not head:
        raise ImageError("the file is empty")
    readers = _READERS
    if head[4:8] == b"ftyp":
        readers = _readers_of_brands(head)
    try:
        return Image.open(file, formats=readers)
    except UnidentifiedImageError as error:
        raise ImageError("not a picture in a readable format") from error


def _readers_of_brands(head):
    """Returns whether a file is AVIF or HEIC: if the major brand, which comes first, is open, the compatible brands
    decide."""
    box = head[: int.from_bytes(head[:4], "big")]
    brands = [box[8:12], *(box[start : start + 4] for start in range(16, len(box) - 3, 4))]
    for brand in brands:
        if brand in _AVIF_BRANDS:
            return ("AVIF",)
        if brand in _HEIF_BRANDS:
            register_heif()
            return ("HEIF",)
    if _OPEN_BRANDS & set(brands):
        with contextlib.suppress(ImageError):
            register_heif()
            return ("AVIF", "HEIF")
        return ("AVIF",)
    return _READERS


def register_heif() -> None:
    """Makes Pillow read and write HEIC.

    Raises:
        ImageError: the package for it is missing.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise ImageError(f"HEIC needs the package pillow-heif. Run: {installation.pip_install('heic')}") from error
    pillow_heif.register_heif_opener()
