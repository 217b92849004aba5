"""Converts any Pillow mode, bit depth and color profile to 8-bit sRGB, from which Lab is computed."""

from __future__ import annotations

import functools
import io

import numpy as np
from PIL import Image, ImageCms

from tf_colorize.color import png_color

_BITS_PER_SAMPLE_TAG = 258
_PHOTOMETRIC_TAG = 262
# What `PIL.Image.Image.info` says about colors; it is untrue of converted pixels.
_ABOUT_COLORS = ("icc_profile", "gamma", "chromaticity", "srgb", "cicp")


def convert(image: Image.Image) -> tuple[Image.Image, str | None]:
    """Converts a loaded picture to 8-bit sRGB; gray stays gray, alpha is kept.

    Args:
        image: Loaded `PIL.Image.Image` of any mode; `info["icc_profile"]` is its profile; without one, `info["gamma"]`
            and `info["chromaticity"]` of a PNG are used. It may be changed in place, to save memory.

    Returns:
        `(image, note)`: mode "L", "LA", "RGB" or "RGBA", and None or a notice about what was ignored. The
            image's `info` no longer describes colors, so that converting it again changes nothing.

    Raises:
        ValueError: the mode has no defined range (32-bit integers, floating point).
    """
    converted, note = _converted(image)
    for key in _ABOUT_COLORS:
        converted.info.pop(key, None)
    return converted, note


def _converted(image):
    encoding, note = png_color.encoding_of(image.info)
    if encoding is not None and encoding.overrides_profile:
        image.info.pop("icc_profile", None)
    if encoding is not None and not encoding.is_srgb:
        if image.mode.startswith("I;16"):
            return _from_16_bit(image, png_color.table_of(encoding, 1 << 16)), note
        return png_color.convert(_to_8_bit(image), encoding), note
    converted, problem = _by_profile(image)
    return converted, problem or note


def _by_profile(image):
    profile = image.info.get("icc_profile")
    image = _to_8_bit(image)
    if not profile or image.mode == "LAB":
        return image if image.mode != "LAB" else _from_lab(image), None
    try:
        if _is_srgb(profile):
            return _to_four_modes(image), None
        return _apply_profile(image, ImageCms.ImageCmsProfile(io.BytesIO(profile))), None
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        return _to_four_modes(image), f"color profile ignored ({str(error).strip() or 'broken'})"


def srgb_profile() -> bytes:
    """Returns the bytes of an sRGB profile, for files that had another one."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@functools.lru_cache(maxsize=32)  # cached, because a folder of photos has few different profiles
def _is_srgb(profile):
    """Returns whether a profile, as bytes, leaves sRGB unchanged. Names are unreliable: "Linear sRGB" does not."""
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if opened.profile.xcolor_space.strip() != "RGB":
        return False
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    colors = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)
    grays = np.arange(256, dtype=np.uint8)[:, np.newaxis].repeat(3, axis=1)
    probe = np.concatenate([colors, grays])[np.newaxis]
    transform = ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), "RGB", "RGB")
    converted = np.asarray(ImageCms.applyTransform(Image.fromarray(probe), transform))
    # A tolerance of one level: published sRGB profiles round their curves differently.
    return bool(np.abs(converted.astype(np.int16) - probe).max() <= 1)


def _to_8_bit(image):
    """Converts pixels to 8 bits that Pillow would convert incorrectly or not at all; without a profile, to one of four
    modes."""
    if image.mode.startswith("I;16"):
        return _from_16_bit(image)
    if image.mode in ("I", "F"):
        raise ValueError("32-bit pixels have no defined white; save the picture with 8 or 16 bits")
    if image.mode in ("CMYK", "LAB") and (image.mode == "LAB" or image.info.get("icc_profile")):
        return image
    return _to_four_modes(image)


def _to_four_modes(image):
    has_alpha = image.has_transparency_data
    if image.mode in ("L", "LA", "RGB", "RGBA") and has_alpha == image.mode.endswith("A"):
        return image
    is_gray = image.mode in ("1", "L", "LA", "La")
    return image.convert(("LA" if has_alpha else "L") if is_gray else ("RGBA" if has_alpha else "RGB"))


def _from_16_bit(image, table=None):
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(_BITS_PER_SAMPLE_TAG, (16,))[0]
    values = np.asarray(image)
    # Take the high byte, as Pillow does with 16-bit RGB.
    gray = Image.fromarray((values >> (bits - 8)).astype(np.uint8) if table is None else np.take(table, values))
    if tags.get(_PHOTOMETRIC_TAG) == 0:  # white is zero; Pillow inverts only 8-bit pixels
        gray = gray.point(range(255, -1, -1))
    transparent = image.info.get("transparency")
    if transparent is not None:
        gray.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return gray


def _apply_profile(image, profile):
    space = profile.profile.xcolor_space.strip()
    expected = {"L": "GRAY", "LA": "GRAY", "CMYK": "CMYK"}.get(image.mode, "RGB")
    if space != expected:
        raise ValueError(f"it is for {space} pixels")
    target = ImageCms.createProfile("sRGB")
    if space == "GRAY":
        ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[np.newaxis])
        ramp = ImageCms.profileToProfile(ramp, profile, target, outputMode="RGB").getchannel("G")
        table = list(ramp.tobytes())
        return image.point(table + list(range(256)) if image.mode == "LA" else table)
    if space == "CMYK":
        return ImageCms.profileToProfile(image, profile, target, outputMode="RGB")
    transform = ImageCms.buildTransform(profile, target, image.mode, image.mode)
    ImageCms.applyTransform(image, transform, inPlace=True)
    return image


def _from_lab(image):
    lab_profile = ImageCms.createProfile("LAB")
    return ImageCms.profileToProfile(image, lab_profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
