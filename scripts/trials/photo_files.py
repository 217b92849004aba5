"""Makes tiny picture files of every format with many features, and damages their bytes."""

import io
import struct
import zlib

import numpy as np
import photo_bytes
from PIL import Image, ImageCms, PngImagePlugin

from tf_colorize.photos import opening

_INTERESTING = (0, 1, 2, 7, 8, 16, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF)


def seeds() -> dict[str, bytes]:
    """Returns a file for each format and feature, by name; its last part is the suffix."""
    gray = photo_bytes.gray(9, 12)
    color = Image.merge("RGB", (gray, gray.rotate(180), gray))
    clear = color.copy()
    clear.putalpha(gray)
    found = {**_jpegs(gray, color), **_pngs(gray, color, clear), **_tiffs(gray, color, clear)}
    found |= _others(gray, color, clear)
    return found


def _encoded(image, image_format, **parameters):
    file = io.BytesIO()
    image.save(file, image_format, **parameters)
    return file.getvalue()


def _carried():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return {"exif": b"Exif\0\0" + photo_bytes.exif(orientation=6), "icc_profile": profile}


def _jpegs(gray, color):
    plain = _encoded(color, "JPEG")
    iptc = photo_bytes.resource(0x0404, photo_bytes.iptc())
    segments = (
        photo_bytes.segment(0xED, b"Photoshop 3.0\0" + iptc),
        photo_bytes.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"),
        photo_bytes.segment(0xFE, photo_bytes.CAPTION),
    )
    return {
        "gray.jpg": _encoded(gray, "JPEG", **_carried()),
        "progressive.jpg": _encoded(color, "JPEG", progressive=True, **_carried()),
        "cmyk.jpg": _encoded(color.convert("CMYK"), "JPEG"),
        "captions.jpg": photo_bytes.with_segments(plain, *segments),
        "thumbnail.jpg": _encoded(gray, "JPEG", exif=b"Exif\0\0" + photo_bytes.exif(">", thumbnail=plain)),
        "mpo.jpg": _encoded(color, "MPO", save_all=True, append_images=[color.rotate(180)]),
    }


def _pngs(gray, color, clear):
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", "Großmutter", zip=True)
    texts.add_itxt("Caption", "東京", lang="ja", zip=True)
    wide = Image.fromarray(np.arange(108, dtype=np.uint16).reshape(9, 12) * 600)
    palette = color.quantize(7)
    chunks = [("gAMA", struct.pack(">I", 45455)), ("sBIT", b"\5\6\5"), ("bKGD", bytes(6)), ("cICP", b"\1\r\0\1")]
    extra = [photo_bytes.chunk(kind.encode(), data) for kind, data in chunks]
    return {
        "text.png": _encoded(gray, "PNG", pnginfo=texts, **_carried()),
        "one_bit.png": _encoded(gray.convert("1"), "PNG"),
        "sixteen.png": _encoded(wide, "PNG"),
        "palette.png": _encoded(palette, "PNG", transparency=bytes([0, 128, 255]), bits=4),
        "alpha.png": _encoded(clear, "PNG"),
        "gray_alpha.png": _encoded(clear.convert("LA"), "PNG"),
        "chunks.png": photo_bytes.with_chunks(_encoded(color, "PNG"), *extra),
        "moving.png": _encoded(color, "PNG", save_all=True, append_images=[color.rotate(180)]),
    }


def _tiffs(gray, color, clear):
    kinds = {"raw": None, "lzw": "tiff_lzw", "deflate": "tiff_adobe_deflate", "jpeg": "jpeg", "packbits": "packbits"}
    found = {f"{name}.tif": _encoded(color, "TIFF", compression=kind) for name, kind in kinds.items()}
    floats = Image.fromarray(np.linspace(-1, 300, 108, dtype=np.float32).reshape(9, 12))
    return {
        **found,
        "fax.tif": _encoded(gray.convert("1"), "TIFF", compression="group4"),
        "float.tif": _encoded(floats, "TIFF"),
        "lab.tif": _encoded(ImageCms.profileToProfile(color, *_profiles(), outputMode="LAB"), "TIFF"),
        "alpha.tif": _encoded(clear, "TIFF", big_tiff=True),
        "cmyk.tif": _encoded(color.convert("CMYK"), "TIFF", **_carried()),
        "pages.tif": _encoded(gray, "TIFF", save_all=True, append_images=[color], description="Tante"),
        "signed.tif": _encoded(Image.fromarray(np.arange(-54, 54, dtype=np.int32).reshape(9, 12)), "TIFF"),
    }


def _profiles():
    return ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")


def _others(gray, color, clear):
    opening.register_heif()
    moving = {"save_all": True, "append_images": [color.rotate(180)]}
    return {
        "lossy.webp": _encoded(color, "WEBP", **_carried()),
        "lossless.webp": _encoded(clear, "WEBP", lossless=True, exact=True),
        "moving.webp": _encoded(color, "WEBP", **moving),
        "gray.bmp": _encoded(gray, "BMP"),
        "color.bmp": _encoded(color, "BMP"),
        "one_bit.bmp": _encoded(gray.convert("1"), "BMP"),
        "alpha.bmp": _encoded(clear, "BMP"),
        "gray.gif": _encoded(gray, "GIF", comment=b"Tante"),
        "moving.gif": _encoded(color, "GIF", transparency=3, **moving),
        "color.avif": _encoded(color, "AVIF", **_carried()),
        "alpha.avif": _encoded(clear, "AVIF"),
        "color.heic": _encoded(color, "HEIF", **_carried()),
        "alpha.heic": _encoded(clear, "HEIF"),
    }


def mutated(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """Returns a file with one to eight kinds of damage; in PNG, mostly with corrected checksums."""
    data = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        if data:
            _ACCIDENTS[rng.integers(len(_ACCIDENTS))](data, others, rng)
    return checked(bytes(data)) if rng.random() < 0.8 else bytes(data)


def checked(data: bytes) -> bytes:
    """Returns a PNG with correct checksums, or any other file unchanged."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    out, position = bytearray(data), 8
    while position + 12 <= len(out):
        end = position + 8 + int.from_bytes(out[position : position + 4], "big")
        if end + 4 > len(out):
            break
        out[end : end + 4] = struct.pack(">I", zlib.crc32(out[position + 4 : end]))
        position = end + 4
    return bytes(out)


def _place(data, rng, early=0.5):
    """Returns a position in a file, often in its header, which has the structure."""
    length = min(len(data), 128) if rng.random() < early else len(data)
    return int(rng.integers(length))


def _flip(data, others, rng):
    data[_place(data, rng)] ^= 1 << int(rng.integers(8))


def _byte(data, others, rng):
    data[_place(data, rng)] = int(rng.integers(256))


def _number(data, others, rng):
    place, size = _place(data, rng), int(rng.choice([1, 2, 4, 8]))
    value = _INTERESTING[rng.integers(len(_INTERESTING))] + int(rng.integers(-1, 2))
    order = "big" if rng.random() < 0.5 else "little"
    data[place : place + size] = (value % (1 << 8 * size)).to_bytes(size, order)[: len(data) - place]


def _cut(data, others, rng):
    del data[_place(data, rng, early=0.2) :]


def _remove(data, others, rng):
    place = _place(data, rng)
    del data[place : place + int(rng.integers(1, 32))]


def _repeat(data, others, rng):
    place = _place(data, rng)
    piece = data[place : place + int(rng.integers(1, 64))]
    data[place:place] = piece * int(rng.integers(1, 4))


def _splice(data, others, rng):
    other = others[rng.integers(len(others))]
    place, there = _place(data, rng), int(rng.integers(len(other)))
    data[place : place + int(rng.integers(0, 64))] = other[there : there + int(rng.integers(1, 256))]


_ACCIDENTS = (_flip, _byte, _byte, _number, _number, _number, _cut, _remove, _repeat, _splice)
