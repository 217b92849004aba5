"""Metadata of photos: read from a file, adjusted to upright sRGB pixels, written to the result."""

from __future__ import annotations

import contextlib
import io
import math
import struct
from collections.abc import Callable
from typing import Any

from PIL import ExifTags, Image, ImageOps, PngImagePlugin

from tf_colorize.photos import captions, containers, exif, tiff_tags, xmp

_HOLD_EXIF = ("JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF")
_HOLD_RESOURCES = ("JPEG", "PNG", "TIFF")
NAMES = {"JPEG": "JPEG", "PNG": "PNG", "TIFF": "TIFF", "WEBP": "WebP", "BMP": "BMP", "GIF": "GIF", "AVIF": "AVIF"}
NAMES["HEIF"] = "HEIC"
"""Pillow's name of a format to its usual name."""


def read(image: Image.Image, read_bytes: Callable[[int, int], bytes], length: int) -> tuple[dict[str, Any], list[str]]:
    """Returns the unchanged metadata of a file; call it before loading the pixels.

    Args:
        image: `PIL.Image.Image` that has been opened but not loaded.
        read_bytes: Function `(offset, length) -> bytes` of its file.
        length: Length of its file in bytes.

    Returns:
        `(found, notes)`: a dict with those of these keys that the file has: "exif", "xmp", "extended_xmp" and "iptc"
        (bytes), "resources" (bytes: Photoshop's, without the captions), "comments" (list of bytes), "texts" (list of
        PNG text chunks) and "is_turned": whether the upright picture has the file's width and height swapped; and a
        list of notices about what cannot be kept.
    """
    image_format = "JPEG" if image.format == "MPO" else image.format
    try:
        found = _found(image, image_format, read_bytes)
    except Exception:  # exceptions of many kinds for broken metadata; the pixels may still be good
        found = {}
    if image_format == "PNG" and "exif" in found:
        image.info.setdefault("exif", exif.PREFIX + found["exif"])
    if "cicp" in found:
        image.info["cicp"] = found.pop("cicp")
    if image_format == "TIFF" and ExifTags.Base.XResolution not in getattr(image, "tag_v2", {}):
        image.info.pop("dpi", None)  # Pillow then reports 1, which would mean a print of several meters
    iptc, found["resources"] = captions.of_resources(found.get("resources", b""))
    found["iptc"] = found.get("iptc") or iptc
    found["is_turned"] = _is_turned(image)
    video = image_format == "JPEG" and containers.has_samsung_video(read_bytes, length)
    return {key: value for key, value in found.items() if value}, [xmp.VIDEO_LOST] if video else []


def _found(image, image_format, read_bytes):
    if image_format == "JPEG":
        return containers.of_jpeg(read_bytes)
    if image_format == "PNG":
        return containers.of_png(read_bytes)
    if image_format == "TIFF":
        block, others = exif.of_tiff(read_bytes)
        found = {"exif": block, "xmp": others.get(exif.XMP_TAG), "resources": others.get(exif.RESOURCES_TAG, b"")}
        return {**found, "iptc": captions.of_tiff(others.get(exif.IPTC_TAG, b""))}
    found = {key: image.info[key] for key in ("exif", "xmp") if image.info.get(key)}
    if image_format == "AVIF" and "exif" in found:
        # Pillow rewrites the block, with altered text, if the container has another orientation.
        with contextlib.suppress(AttributeError, IndexError):
            found["exif"] = image._decoder.get_info()[4] or found["exif"]
    if image_format == "GIF":
        found["comments"] = [image.info["comment"]] if image.info.get("comment") else []
        found["xmp"] = containers.xmp_of_gif(read_bytes)
    return found


def _is_turned(image):
    if image.format == "PNG" and "exif" not in image.info:
        image.load()  # Pillow would load the pixels, and report broken pixels as broken EXIF
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
    except Exception:  # exceptions of many kinds for broken EXIF
        return False


def notes_of_mpo(image: Image.Image) -> list[str]:
    """Returns a notice if the further pictures in a JPEG are more than previews: stereo, panoramas, other angles."""
    try:
        kinds = [entry["Attribute"]["MPType"] for entry in vars(image)["mpinfo"][0xB002]]
    except (AttributeError, KeyError, TypeError):
        return []
    is_series = any(kind.startswith("Multi-Frame") for kind in kinds)
    return [f"only the first of {len(kinds)} pictures"] if is_series else []


def take(image: Image.Image, found: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Turns a loaded image upright, in place, and returns the metadata to save with it.

    Args:
        image: Loaded `PIL.Image.Image`.
        found: The result of `read`.

    Returns:
        `(metadata, notes)`: dict as from `read`, with "dpi" (two floats) and without orientation, thumbnails and
            everything else that is wrong for the upright sRGB pixels; and a list of notices about what was lost.
    """
    kept, notes = dict(found), []
    turned = kept.pop("is_turned", False)
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:  # exceptions of many kinds for broken EXIF
        notes.append("broken EXIF left out")
        kept.pop("exif", None)
    if "exif" in kept:
        try:
            kept["exif"] = exif.adjusted(exif.without_prefix(kept["exif"]), image.size, turned=turned)
        except (ValueError, struct.error):
            notes.append("broken EXIF left out")
            del kept["exif"]
    if "xmp" in kept:
        packet = kept["xmp"]
        kept["xmp"], lost = xmp.adjusted(packet.encode() if isinstance(packet, str) else bytes(packet))
        notes += lost
    dpi = image.info.get("dpi")
    if dpi and all(math.isfinite(value) and value > 0 for value in dpi):
        kept["dpi"] = tuple(float(value) for value in (dpi[::-1] if turned else dpi))
    return kept, notes


def save(image: Image.Image, file: Any, image_format: str, metadata: dict[str, Any], **parameters: Any) -> list[str]:
    """Writes an image with the part of `metadata` that its format supports.

    Args:
        image: `PIL.Image.Image`.
        file: Binary file to write; it need not be readable.
        image_format: Pillow's name of the format.
        metadata: The result of `take`, and "icc_profile", bytes.
        parameters: Further keyword arguments of `PIL.Image.Image.save`.

    Returns:
        List of notices about what is left out.
    """
    parameters |= {key: metadata[key] for key in ("dpi", "icc_profile") if key in metadata}
    block = metadata.get("exif", b"")
    left_out: list[str] = []
    notes: list[str] = []
    if image_format in ("JPEG", "GIF"):
        parameters["comment"] = b""  # otherwise Pillow would use one attached to the image
    if image_format == "JPEG":
        block, dropped = exif.fitted(block, containers.EXIF_LIMIT)
        notes += [f"JPEG holds 64 kB of EXIF: left out {', '.join(dropped)}"] if dropped else []
        if "texts" in metadata:
            metadata = {**metadata, "comments": _comments(metadata)}
        resources = captions.resources_of(metadata.get("iptc", b""), metadata.get("resources", b""))
        parameters["extra"], left_out = containers.jpeg_segments({**metadata, "resources": resources})
    elif image_format == "PNG":
        parameters["pnginfo"] = _png_text(metadata)
    elif image_format == "GIF":
        parameters["comment"] = b"\n".join(_comments(metadata))
    elif image_format in _HOLD_EXIF and image_format != "TIFF" and "xmp" in metadata:
        parameters["xmp"] = _whole_xmp(metadata)
    left_out = [*left_out, *_not_held(metadata, image_format)]
    if left_out:
        notes.append(f"{NAMES[image_format]} cannot hold the photo's {', '.join(left_out)}: left out")
    if image_format == "TIFF":
        _save_tiff(image, file, metadata, parameters)
    else:
        if block and image_format in _HOLD_EXIF:
            parameters["exif"] = exif.PREFIX + block
        image.save(file, image_format, **parameters)
    return notes


def _comments(metadata):
    return [*metadata.get("comments", ()), *containers.comments_of(metadata.get("texts", ()))]


def _whole_xmp(metadata):
    return xmp.joined(metadata["xmp"], metadata.get("extended_xmp", b""))


def _not_held(metadata, image_format):
    names = {"comments": "comment", "texts": "text", "iptc": "IPTC captions", "exif": "EXIF", "xmp": "XMP"}
    held = {"JPEG": set(names), "PNG": set(names), "GIF": {"comments", "texts"}, "BMP": set()}
    held |= {"TIFF": {"exif", "xmp", "iptc"}}
    lost = [
        name for key, name in names.items() if metadata.get(key) and key not in held.get(image_format, {"exif", "xmp"})
    ]
    if image_format not in _HOLD_RESOURCES and captions.has_copyright(metadata.get("resources", b"")):
        lost.append("copyright flag or address of Photoshop")
    return lost


def _png_text(metadata):
    chunks = list(metadata.get("texts", ()))
    chunks += [containers.comment_chunk(comment) for comment in metadata.get("comments", ())]
    if "iptc" in metadata or "resources" in metadata:
        resources = captions.resources_of(metadata.get("iptc", b""), metadata.get("resources", b""))
        chunks.append(containers.raw_profile("iptc", resources))
    if "xmp" in metadata:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + _whole_xmp(metadata)))
    info = PngImagePlugin.PngInfo()
    for kind, data in chunks:
        info.add(kind, data)
    return info


def _save_tiff(image, file, metadata, parameters):
    """Writes a TIFF, in which EXIF, XMP and captions are tags among others."""
    order, entries = tiff_tags.entries_of(metadata["exif"]) if "exif" in metadata else ("<", [])
    if "dpi" in metadata:
        entries = [entry for entry in entries if entry.tag not in (0x011A, 0x011B, 0x0128)]
    others = {exif.XMP_TAG: _whole_xmp(metadata) if "xmp" in metadata else b"", exif.IPTC_TAG: metadata.get("iptc")}
    if "resources" in metadata:
        others[exif.RESOURCES_TAG] = captions.resources_of(metadata.get("iptc", b""), metadata["resources"])
    entries = [entry for entry in entries if entry.tag not in others]
    kinds = {exif.IPTC_TAG: tiff_tags.UNDEFINED}
    entries += [
        tiff_tags.Entry(tag, kinds.get(tag, tiff_tags.BYTE), len(value), value)
        for tag, value in others.items()
        if value
    ]
    memory = io.BytesIO()
    image.save(memory, "TIFF", compression="tiff_lzw", **parameters)
    if not entries:
        file.write(memory.getbuffer())
        return
    with memory.getbuffer() as data:
        head, tail = tiff_tags.tiff_with(data, order, entries)
        file.write(head)
        file.write(data[len(head) :])
        file.write(tail)
