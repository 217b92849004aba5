"""Picture files and bytes to 8 bit sRGB and back, with what else a file carries.

Everything here is NumPy and Pillow; nothing imports TensorFlow.
"""

import io
import os
import pathlib

import numpy as np
from PIL import Image
from PIL import ImageCms
from PIL import ImageOps

IMAGE_SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".png",
    ".tif",
    ".tiff",
    ".webp",
    ".bmp",
    ".gif",
    ".avif",
    ".heic",
    ".heif",
)

DEFAULT_MAX_PIXELS = 200_000_000


class ImageError(ValueError):
    """A picture cannot be read or written; the message is one line that names it."""


def find_images(path):
    """Lists the pictures under a folder, recursively and sorted.

    Args:
        path: A folder, or one picture file (then the list has one entry,
            whatever its suffix).

    Returns:
        A list of `pathlib.Path`, by suffix in `IMAGE_SUFFIXES` in any case,
        without hidden files and folders.

    Raises:
        ImageError: if `path` does not exist.
    """
    path = pathlib.Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ImageError(f"{path}: no such file or folder")
    found = []
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            pathlib.Path(folder, name)
            for name in names
            if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")
        ]
    return sorted(found)


def open_rgb(source, *, short_side=None):
    """Opens a picture as 8 bit sRGB, upright.

    Args:
        source: A path, or the bytes of a file.
        short_side: When given, a JPEG may be decoded at 1/2, 1/4 or 1/8 of its
            size, which is much faster, as long as its short side keeps at
            least this many pixels.

    Returns:
        A `PIL.Image.Image` of mode "RGB": EXIF orientation applied, ICC
        profile converted to sRGB, alpha dropped, first frame.

    Raises:
        ImageError: if it is not a picture that can be read completely.
    """
    return read(source, short_side=short_side).convert("RGB")


def read(source, *, short_side=None, max_pixels=DEFAULT_MAX_PIXELS):
    """Opens a picture as "L", "LA", "RGB" or "RGBA" in sRGB, upright."""
    name = "<bytes>" if isinstance(source, bytes) else str(source)
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            if image.width * image.height > max_pixels:
                raise ImageError(
                    f"{name}: {image.width} x {image.height} pixels are more than {max_pixels}"
                )
            if short_side is not None:
                scale = short_side / min(image.size)
                image.draft(None, [max(1, int(np.ceil(side * scale))) for side in image.size])
            image.load()
            return to_srgb(ImageOps.exif_transpose(image))
    except ImageError:
        raise
    except (OSError, SyntaxError, ValueError, TypeError, EOFError, Image.DecompressionBombError) as error:
        raise ImageError(f"{name}: not a picture that can be read: {error}") from error


def to_srgb(image):
    """Converts any Pillow mode and ICC profile to 8 bit sRGB, gray kept gray, alpha kept."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
    if profile and image.mode in ("L", "RGB", "CMYK"):
        try:
            image = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
        except ImageCms.PyCMSError:
            pass
    if image.mode in ("L", "LA", "RGB", "RGBA"):
        return image
    if image.mode == "1":
        return image.convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")
