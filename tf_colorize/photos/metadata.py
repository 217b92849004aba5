"""EXIF, XMP and density of a photo: taken from its file, adjusted to upright sRGB pixels."""

from __future__ import annotations

import math
from typing import Any

from PIL import ExifTags, Image, ImageOps, PngImagePlugin

_XMP_TAG = 700
# What describes the photo; the other tags describe how the pixels were stored.
_KEPT_EXIF_TAGS = {
    *(ExifTags.Base[name] for name in ("DocumentName", "ImageDescription", "Make", "Model", "PageName")),
    *(ExifTags.Base[name] for name in ("Software", "DateTime", "Artist", "HostComputer", "Copyright")),
    *(ExifTags.Base[name] for name in ("Rating", "RatingPercent", "ImageID")),
    *(ExifTags.Base[name] for name in ("XPTitle", "XPComment", "XPAuthor", "XPKeywords", "XPSubject")),
}


def is_turned(image: Image.Image) -> bool:
    """Returns whether the upright picture has the file's width and height swapped; ask before loading."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
    except Exception:  # any kind of broken EXIF
        return False


def take(image: Image.Image, turned: bool) -> tuple[dict[str, Any], str | None]:
    """Turns a loaded image upright, in place, and returns what to save with it.

    Args:
        image: Loaded `PIL.Image.Image`.
        turned: What `is_turned` returned.

    Returns:
        `(metadata, note)`: dict with "exif", "xmp" (bytes) and "dpi" (two floats) where the file
        has them, without orientation and thumbnail; and None or one sentence on what was lost.
    """
    metadata, note = {}, None
    try:
        ImageOps.exif_transpose(image, in_place=True)
        exif = _kept_exif(image)
        if len(exif) or exif._ifds:
            metadata["exif"] = exif.tobytes()
    except Exception:  # any kind of broken EXIF: the pixels are still good
        note = "broken EXIF left out"
    xmp = image.info.get("xmp")
    if xmp:
        metadata["xmp"] = xmp.encode() if isinstance(xmp, str) else bytes(xmp)
    dpi = image.info.get("dpi")
    if dpi and all(math.isfinite(value) and value > 0 for value in dpi):
        metadata["dpi"] = tuple(float(value) for value in (dpi[::-1] if turned else dpi))
    return metadata, note


def save_parameters(metadata: dict[str, Any], image_format: str) -> dict[str, Any]:
    """Returns `metadata` as the keyword arguments of `PIL.Image.Image.save` for a format."""
    parameters = dict(metadata)
    if image_format == "JPEG":  # whose segments hold no more
        return {key: value for key, value in parameters.items() if key not in ("exif", "xmp") or len(value) < 65000}
    if image_format == "PNG" and "xmp" in parameters:
        parameters["pnginfo"] = PngImagePlugin.PngInfo()
        parameters["pnginfo"].add_itxt("XML:com.adobe.xmp", parameters.pop("xmp").decode("utf-8", "replace"))
    if image_format == "TIFF":
        parameters.update(_tiff_parameters(parameters))
    return parameters


def _kept_exif(image):
    """EXIF without orientation, thumbnail and storage details, adjusted to upright sRGB."""
    source, kept = image.getexif(), Image.Exif()
    for tag in _KEPT_EXIF_TAGS & set(source):
        kept[tag] = source[tag]
    details = dict(source.get_ifd(ExifTags.IFD.Exif))
    details.pop(ExifTags.IFD.Interop, None)
    for tag, value in (("ColorSpace", 1), ("ExifImageWidth", image.width), ("ExifImageHeight", image.height)):
        if ExifTags.Base[tag] in details:
            details[ExifTags.Base[tag]] = value
    for ifd, values in ((ExifTags.IFD.Exif, details), (ExifTags.IFD.GPSInfo, source.get_ifd(ExifTags.IFD.GPSInfo))):
        if values:
            kept.get_ifd(ifd).update(values)
    return kept


def _tiff_parameters(metadata):
    """EXIF and XMP are tags among the others in a TIFF."""
    exif = Image.Exif()
    exif.load(metadata.pop("exif", b""))
    if "xmp" in metadata:
        exif[_XMP_TAG] = metadata.pop("xmp")
    # Pillow writes EXIF's own directories into uncompressed files only.
    has_directories = ExifTags.IFD.Exif in exif or ExifTags.IFD.GPSInfo in exif
    return {"exif": exif, "compression": "raw" if has_directories else "tiff_lzw"}
