"""Photo files: every mode, orientation and profile becomes upright 8-bit sRGB; results keep format and metadata."""

import os
import struct
import zlib

import numpy as np
import photo_pixels
import pytest
from PIL import ExifTags, Image, ImageCms

from tf_colorize.photos import files


@pytest.mark.parametrize(
    "data, mode, expected",
    [
        (photo_pixels.encoded(photo_pixels.GRAY, "PNG"), "L", photo_pixels.GRAY),
        (photo_pixels.encoded(photo_pixels.GRAY, "BMP"), "L", photo_pixels.GRAY),
        (
            photo_pixels.encoded(photo_pixels.TRANSPARENT[..., [0, 3]], "PNG"),
            "LA",
            photo_pixels.TRANSPARENT[..., [0, 3]],
        ),
        (
            photo_pixels.encoded(photo_pixels.TRANSPARENT[..., [0, 3]], "TIFF"),
            "LA",
            photo_pixels.TRANSPARENT[..., [0, 3]],
        ),
        (photo_pixels.encoded(photo_pixels.TRANSPARENT[..., :3], "PNG"), "RGB", photo_pixels.TRANSPARENT[..., :3]),
        (photo_pixels.encoded(photo_pixels.TRANSPARENT, "PNG"), "RGBA", photo_pixels.TRANSPARENT),
        (photo_pixels.encoded(photo_pixels.TRANSPARENT, "TIFF"), "RGBA", photo_pixels.TRANSPARENT),
        (
            photo_pixels.encoded(photo_pixels.TRANSPARENT, "WEBP", lossless=True, exact=True),
            "RGBA",
            photo_pixels.TRANSPARENT,
        ),
        (
            photo_pixels.encoded(Image.fromarray(photo_pixels.GRAY).convert("P"), "GIF"),
            "RGB",
            np.dstack([photo_pixels.GRAY] * 3),
        ),
        (
            photo_pixels.encoded(Image.fromarray(photo_pixels.GRAY).convert("1", dither=0), "PNG"),
            "L",
            np.where(photo_pixels.GRAY > 127, 255, 0),
        ),
        (
            photo_pixels.encoded(Image.fromarray(photo_pixels.GRAY).convert("1", dither=0), "TIFF"),
            "L",
            np.where(photo_pixels.GRAY > 127, 255, 0),
        ),
        (photo_pixels.encoded(photo_pixels.GRAY.astype(np.uint16) * 257, "PNG"), "L", photo_pixels.GRAY),
        (photo_pixels.encoded(photo_pixels.GRAY.astype(np.uint16) * 257, "TIFF"), "L", photo_pixels.GRAY),
        (
            photo_pixels.encoded(photo_pixels.GRAY.astype(np.uint16) * 257, "TIFF", tiffinfo={262: 0}),
            "L",
            255 - photo_pixels.GRAY,
        ),
        (
            photo_pixels.encoded(photo_pixels.GRAY.astype(np.uint16) * 257, "TIFF", compression="tiff_lzw"),
            "L",
            photo_pixels.GRAY,
        ),
        # Pure inks, without a profile: 255 of an ink is none of its opposite light.
        (
            photo_pixels.encoded(
                Image.merge("CMYK", [Image.fromarray(255 - photo_pixels.GRAY)] * 3 + [Image.new("L", (32, 5))]), "TIFF"
            ),
            "RGB",
            np.dstack([photo_pixels.GRAY] * 3),
        ),
    ],
)
def test_every_mode_becomes_8_bit(data, mode, expected):
    picture = files.read(data)
    assert picture.image.mode == mode
    np.testing.assert_array_equal(np.asarray(picture.image), expected)
    rgb = np.asarray(files.open_rgb(data))
    assert rgb.shape == (5, 32, 3) and rgb.dtype == np.uint8


def test_transparent_colors_of_palettes_and_plain_pixels():
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    palette.putpalette([255, 0, 0, 0, 0, 255])
    assert photo_pixels.pixels(photo_pixels.encoded(palette, "PNG", transparency=1)).tolist() == [
        [[255, 0, 0, 255], [0, 0, 255, 0]]
    ]
    two = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    assert photo_pixels.pixels(photo_pixels.encoded(two, "PNG", transparency=(4, 5, 6)))[0, :, 3].tolist() == [255, 0]
    deep = np.array([[1000, 2000]], np.uint16)
    assert photo_pixels.pixels(photo_pixels.encoded(deep, "PNG", transparency=2000)).tolist() == [[[3, 255], [7, 0]]]


def test_16_bit_rgb_png(color):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = color.shape[:2]
    rows = (color.astype(">u2") * 257).reshape(height, -1)
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")
    np.testing.assert_array_equal(photo_pixels.pixels(data), color)


def test_lab_tiff_becomes_srgb(color):
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    data = photo_pixels.encoded(ImageCms.applyTransform(Image.fromarray(color), to_lab), "TIFF")
    assert np.abs(photo_pixels.pixels(data).astype(int) - color).mean() < 1.5


def test_pixels_without_a_range_are_refused():
    data = photo_pixels.encoded(Image.fromarray(np.linspace(0, 9, 12, dtype=np.float32).reshape(3, 4)), "TIFF")
    with pytest.raises(files.ImageError, match="32-bit pixels have no defined white"):
        files.read(data)


ORIENTED = {  # EXIF 2.3, tag 274: what has to be done to the stored rows and columns
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: x[::-1].swapaxes(0, 1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: x[:, ::-1].swapaxes(0, 1),
}


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", ORIENTED)
def test_orientation_is_applied_and_then_forgotten(color, orientation, image_format, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    lossless = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}.get(image_format, {})
    data = photo_pixels.encoded(color, image_format, exif=exif.tobytes(), dpi=(100, 200), **lossless)
    picture = files.read(data)
    upright = ORIENTED[orientation](color)
    assert np.abs(np.asarray(picture.image).astype(int) - upright).mean() < (1.5 if image_format == "JPEG" else 0.01)
    path = tmp_path / f"x.{image_format.lower()}"
    files.save(picture.image, path, picture)
    with Image.open(path) as saved:
        assert saved.size == upright.shape[1::-1]
        assert saved.getexif().get(ExifTags.Base.Orientation, 1) == 1
        if image_format != "WEBP":  # which has no density
            assert [round(float(value)) for value in saved.info["dpi"]] == (
                [100, 200] if orientation < 5 else [200, 100]
            )


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
def test_metadata_survives(color, image_format, tmp_path):
    if image_format == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    picture = files.read(photo_pixels.with_metadata(color, image_format))
    assert picture.format == image_format and not picture.notes
    path = tmp_path / f"x.{'heic' if image_format == 'HEIF' else image_format.lower()}"
    files.save(picture.image, path, picture)
    with Image.open(path) as saved:
        saved.load()
        exif = saved.getexif()
        assert saved.format == image_format
        assert exif[ExifTags.Base.Make] == "Zeiss Ikon"
        assert exif[ExifTags.Base.ImageDescription] == "Grandma, 1931"
        details = exif.get_ifd(ExifTags.IFD.Exif)
        assert details[ExifTags.Base.DateTimeOriginal] == "1931:05:01 12:00:00"
        assert details[ExifTags.Base.ColorSpace] == 1  # sRGB, now
        assert (details[ExifTags.Base.ExifImageWidth], details[ExifTags.Base.ExifImageHeight]) == (80, 120)
        assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"
        xmp = saved.info["xmp"]
        assert (xmp.encode() if isinstance(xmp, str) else xmp).strip(b"\0") == photo_pixels.XMP
        if image_format in ("JPEG", "PNG", "TIFF"):
            assert [round(float(value)) for value in saved.info["dpi"]] == [300, 300]


def test_the_thumbnail_in_exif_is_left_out(color):
    # A thumbnail directory behind the first one, as cameras write it: it would show the gray picture.
    small = photo_pixels.encoded(color[::4, ::4], "JPEG")
    first = struct.pack("<HHHII", 1, 0x010F, 2, 4, int.from_bytes(b"Abc\0", "little")) + struct.pack("<I", 26)
    second = struct.pack("<HHHIIHHII", 2, 0x0201, 4, 1, 56, 0x0202, 4, 1, len(small)) + struct.pack("<I", 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<I", 8) + first + second + small
    picture = files.read(photo_pixels.encoded(color, "JPEG", exif=exif))
    assert picture.metadata["exif"].count(b"Abc\0") == 1
    assert b"\xff\xd8" not in picture.metadata["exif"]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_broken_exif_does_not_lose_the_photo(color):
    picture = files.read(photo_pixels.encoded(color, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))
    assert picture.image.size == (120, 80)


@pytest.mark.parametrize("image_format", ["GIF", "TIFF", "WEBP", "PNG"])
def test_the_first_frame_is_used_and_reported(color, image_format):
    frames = [Image.fromarray(array) for array in (color, 255 - color, color // 2)]
    picture = files.read(photo_pixels.encoded(frames[0], image_format, save_all=True, append_images=frames[1:]))
    assert picture.notes == ["only the first of 3 frames"]
    assert np.abs(np.asarray(picture.image.convert("RGB")).astype(int) - color).mean() < 8


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("place", ["behind the file", "among the pixels", "at its end"])
def test_a_page_after_a_damaged_pointer_does_not_lose_the_first(color, place):
    data = bytearray(photo_pixels.encoded(Image.fromarray(color), "TIFF"))
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    offset = {"behind the file": len(data) + 1000, "among the pixels": 9, "at its end": len(data) - 3}[place]
    struct.pack_into("<I", data, first + 2 + 12 * count, offset)
    picture = files.read(bytes(data))
    assert picture.notes == ["only the first frame; what follows it is damaged"]
    np.testing.assert_array_equal(np.asarray(picture.image), color)


def test_a_jpeg_is_decoded_small_but_never_too_small():
    data = photo_pixels.encoded(Image.new("L", (1000, 640)), "JPEG")
    assert files.open_rgb(data, short_side=160).size == (250, 160)
    assert files.open_rgb(data, short_side=161).size == (500, 320)
    assert files.open_rgb(data, short_side=5000).size == (1000, 640)


def test_alpha_is_kept_or_laid_on_white(tmp_path):
    image = Image.fromarray(np.full((4, 4, 4), (100, 0, 0, 0), np.uint8))
    files.save(image, tmp_path / "x.png")
    np.testing.assert_array_equal(photo_pixels.pixels(tmp_path / "x.png"), np.asarray(image))
    files.save(image, tmp_path / "x.jpg")
    assert photo_pixels.pixels(tmp_path / "x.jpg").min() >= 254


def test_quality_and_formats(color, tmp_path):
    image = Image.fromarray(color)
    for suffix, name in files.FORMATS.items():
        if name == "HEIF":
            pytest.importorskip("pillow_heif")
        path = tmp_path / "new" / f"x{suffix}"
        files.save(image, path)
        assert files.read(path).format == name
    sizes = []
    for quality in (20, 95):
        files.save(image, tmp_path / "q.jpg", quality=quality)
        sizes.append(os.path.getsize(tmp_path / "q.jpg"))
    assert sizes[0] < sizes[1] / 2
    with pytest.raises(files.ImageError, match="the suffix must be one of"):
        files.save(image, tmp_path / "x.xyz")
