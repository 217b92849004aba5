import io
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import skimage
from PIL import ExifTags, Image, ImageCms

from tf_colorize.color import profiles
from tf_colorize.photos import files

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description dc:title="Grandma"/></x:xmpmeta>'


@pytest.fixture
def color():
    """A photo, 80 x 120, with an asymmetric content."""
    return skimage.data.astronaut()[20:100, 180:300]


def encoded(array_or_image, image_format, **parameters):
    image = array_or_image if isinstance(array_or_image, Image.Image) else Image.fromarray(array_or_image)
    file = io.BytesIO()
    image.save(file, image_format, **parameters)
    return file.getvalue()


def pixels(source, **options):
    return np.asarray(files.read(source, **options).image)


GRAY = np.arange(0, 256, 8, dtype=np.uint8)[np.newaxis].repeat(5, axis=0)
TRANSPARENT = np.dstack([GRAY, GRAY[:, ::-1], GRAY // 2, 255 - GRAY])


@pytest.mark.parametrize(
    "data, mode, expected",
    [
        (encoded(GRAY, "PNG"), "L", GRAY),
        (encoded(GRAY, "BMP"), "L", GRAY),
        (encoded(TRANSPARENT[..., [0, 3]], "PNG"), "LA", TRANSPARENT[..., [0, 3]]),
        (encoded(TRANSPARENT[..., [0, 3]], "TIFF"), "LA", TRANSPARENT[..., [0, 3]]),
        (encoded(TRANSPARENT[..., :3], "PNG"), "RGB", TRANSPARENT[..., :3]),
        (encoded(TRANSPARENT, "PNG"), "RGBA", TRANSPARENT),
        (encoded(TRANSPARENT, "TIFF"), "RGBA", TRANSPARENT),
        (encoded(TRANSPARENT, "WEBP", lossless=True, exact=True), "RGBA", TRANSPARENT),
        (encoded(Image.fromarray(GRAY).convert("P"), "GIF"), "RGB", np.dstack([GRAY] * 3)),
        (encoded(Image.fromarray(GRAY).convert("1", dither=0), "PNG"), "L", np.where(GRAY > 127, 255, 0)),
        (encoded(Image.fromarray(GRAY).convert("1", dither=0), "TIFF"), "L", np.where(GRAY > 127, 255, 0)),
        (encoded(GRAY.astype(np.uint16) * 257, "PNG"), "L", GRAY),
        (encoded(GRAY.astype(np.uint16) * 257, "TIFF"), "L", GRAY),
        (encoded(GRAY.astype(np.uint16) * 257, "TIFF", tiffinfo={262: 0}), "L", 255 - GRAY),
        (encoded(GRAY.astype(np.uint16) * 257, "TIFF", compression="tiff_lzw"), "L", GRAY),
        # Pure inks, without a profile: 255 of an ink is none of its opposite light.
        (
            encoded(Image.merge("CMYK", [Image.fromarray(255 - GRAY)] * 3 + [Image.new("L", (32, 5))]), "TIFF"),
            "RGB",
            np.dstack([GRAY] * 3),
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
    assert pixels(encoded(palette, "PNG", transparency=1)).tolist() == [[[255, 0, 0, 255], [0, 0, 255, 0]]]
    two = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    assert pixels(encoded(two, "PNG", transparency=(4, 5, 6)))[0, :, 3].tolist() == [255, 0]
    deep = np.array([[1000, 2000]], np.uint16)
    assert pixels(encoded(deep, "PNG", transparency=2000)).tolist() == [[[3, 255], [7, 0]]]


def test_16_bit_rgb_png(color):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = color.shape[:2]
    rows = (color.astype(">u2") * 257).reshape(height, -1)
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")
    np.testing.assert_array_equal(pixels(data), color)


def test_lab_tiff_becomes_srgb(color):
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    data = encoded(ImageCms.applyTransform(Image.fromarray(color), to_lab), "TIFF")
    assert np.abs(pixels(data).astype(int) - color).mean() < 1.5


def test_pixels_without_a_range_are_refused():
    data = encoded(Image.fromarray(np.linspace(0, 9, 12, dtype=np.float32).reshape(3, 4)), "TIFF")
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
    data = encoded(color, image_format, exif=exif.tobytes(), dpi=(100, 200), **lossless)
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


def with_metadata(color, image_format):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Zeiss Ikon"
    exif[ExifTags.Base.ImageDescription] = "Grandma, 1931"
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.Exif).update(
        {
            ExifTags.Base.DateTimeOriginal: "1931:05:01 12:00:00",
            ExifTags.Base.ColorSpace: 65535,
            ExifTags.Base.ExifImageWidth: 120,
            ExifTags.Base.ExifImageHeight: 80,
        }
    )
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({ExifTags.GPS.GPSLatitudeRef: "N"})
    parameters = {"exif": exif.tobytes(), "xmp": XMP, "dpi": (300, 300)}
    if image_format == "TIFF":
        exif = Image.Exif()
        exif.load(parameters["exif"])
        exif[700] = parameters.pop("xmp")
        parameters["exif"] = exif
    if image_format == "PNG":
        from PIL import PngImagePlugin

        parameters["pnginfo"] = PngImagePlugin.PngInfo()
        parameters["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())
    return encoded(color, image_format, **parameters)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
def test_metadata_survives(color, image_format, tmp_path):
    if image_format == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    picture = files.read(with_metadata(color, image_format))
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
        assert (xmp.encode() if isinstance(xmp, str) else xmp).strip(b"\0") == XMP
        if image_format in ("JPEG", "PNG", "TIFF"):
            assert [round(float(value)) for value in saved.info["dpi"]] == [300, 300]


def test_the_thumbnail_in_exif_is_left_out(color):
    # A thumbnail directory behind the first one, as cameras write it: it would show the gray picture.
    small = encoded(color[::4, ::4], "JPEG")
    first = struct.pack("<HHHII", 1, 0x010F, 2, 4, int.from_bytes(b"Abc\0", "little")) + struct.pack("<I", 26)
    second = struct.pack("<HHHIIHHII", 2, 0x0201, 4, 1, 56, 0x0202, 4, 1, len(small)) + struct.pack("<I", 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<I", 8) + first + second + small
    picture = files.read(encoded(color, "JPEG", exif=exif))
    assert picture.metadata["exif"].count(b"Abc\0") == 1
    assert b"\xff\xd8" not in picture.metadata["exif"]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_broken_exif_does_not_cost_the_photo(color):
    picture = files.read(encoded(color, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))
    assert picture.image.size == (120, 80)


def icc_profile(space, gamma, name=b"test"):
    """An ICC version 2 profile: sRGB primaries (relative to D50) or gray, a pure gamma curve, a description."""

    def s15(*values):
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = {b"wtpt": b"XYZ \0\0\0\0" + s15(0.9642, 1.0, 0.8249)}
    tags[b"desc"] = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + bytes(1 + 4 + 4 + 2 + 1 + 67)
    if space == b"GRAY":
        tags[b"kTRC"] = curve
    else:
        columns = {b"r": (0.4361, 0.2225, 0.0139), b"g": (0.3851, 0.7169, 0.0971), b"b": (0.1431, 0.0606, 0.7141)}
        for name, column in columns.items():
            tags[name + b"XYZ"] = b"XYZ \0\0\0\0" + s15(*column)
            tags[name + b"TRC"] = curve
    return icc_file(space, b"mntr", b"XYZ ", tags)


def icc_file(space, kind, connection, tags):
    table, body, offset = b"", b"", 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        value += b"\0" * (-len(value) % 4)
        table += name + struct.pack(">II", offset + len(body), len(value))
        body += value
    head = struct.pack(">I4sI", offset + len(body), b"\0\0\0\0", 0x02400000) + kind + space + connection
    head = head.ljust(36, b"\0") + b"acsp"
    head = head.ljust(68, b"\0") + struct.pack(">iii", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def srgb_of_linear(value):
    return np.where(value > 0.0031308, 1.055 * value ** (1 / 2.4) - 0.055, 12.92 * value) * 255


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_color_profiles_are_converted(image_format, tmp_path):
    lossless = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}.get(image_format, {})
    rgb = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    data = encoded(rgb, image_format, icc_profile=icc_profile(b"RGB ", 1.8), **lossless)
    picture = files.read(data)
    expected = srgb_of_linear((rgb[0, 0] / 255) ** 1.8)
    np.testing.assert_allclose(np.asarray(picture.image)[8, 8], expected, atol=2)
    files.save(picture.image, tmp_path / f"x.{image_format.lower()}", picture)
    with Image.open(tmp_path / f"x.{image_format.lower()}") as saved:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(saved.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)


@pytest.mark.parametrize("name", [b"Linear sRGB", b"sRGB IEC61966-2.1", b"Camera"])
def test_what_a_profile_does_counts_and_not_its_name(name):
    rgb = np.full((16, 16, 3), 55, np.uint8)
    picture = files.read(encoded(rgb, "PNG", icc_profile=icc_profile(b"RGB ", 1.0, name)))
    expected = srgb_of_linear(55 / 255)  # 127.6, L* 54; taken for sRGB it would be 23
    np.testing.assert_allclose(np.asarray(picture.image)[8, 8], expected, atol=1)
    lightness = skimage.color.rgb2lab(np.asarray(picture.image))[8, 8, 0]
    assert abs(lightness - 53.4) < 1 and picture.notes == []


def test_an_srgb_profile_of_any_name_changes_no_pixel(color):
    profile = profiles.srgb_profile()
    renamed = profile.replace("sRGB".encode("utf-16-be"), "Blue".encode("utf-16-be"))
    assert renamed != profile and "sRGB" not in ImageCms.getProfileDescription(io.BytesIO(renamed))
    for data in (profile, renamed):
        picture = files.read(encoded(color, "PNG", icc_profile=data))
        np.testing.assert_array_equal(np.asarray(picture.image), color)
        gray = files.read(encoded(GRAY, "PNG", icc_profile=data))  # common, and nothing to say about it
        np.testing.assert_array_equal(np.asarray(gray.image), GRAY)
        assert gray.notes == []


def test_gray_profiles_and_alpha():
    expected = srgb_of_linear(GRAY / 255.0)
    profile = icc_profile(b"GRAY", 1.0)
    np.testing.assert_allclose(pixels(encoded(GRAY, "PNG", icc_profile=profile)), expected, atol=1)
    result = pixels(encoded(TRANSPARENT[..., [0, 3]], "PNG", icc_profile=profile))
    np.testing.assert_allclose(result[..., 0], expected, atol=1)
    np.testing.assert_array_equal(result[..., 1], TRANSPARENT[..., 3])
    result = pixels(encoded(TRANSPARENT, "PNG", icc_profile=icc_profile(b"RGB ", 1.0)))
    np.testing.assert_allclose(result[..., :3], srgb_of_linear(TRANSPARENT[..., :3] / 255.0), atol=2)
    np.testing.assert_array_equal(result[..., 3], TRANSPARENT[..., 3])


def test_cmyk_profiles_are_used():
    # Two grid points per ink, Lab out: magenta alone is (50, 70, -10), paper (100, 0, 0), all else black.
    corners = {(0, 0, 0, 0): (255, 128, 128), (0, 1, 0, 0): (128, 198, 118)}
    inks = np.ndindex(2, 2, 2, 2)
    table = b"".join(bytes(corners.get(corner, (0, 128, 128))) for corner in inks)
    identity = struct.pack(">9i", *(65536 * np.eye(3, dtype=int)).ravel())
    a2b = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + bytes(range(256)) * 4 + table + bytes(range(256)) * 3
    profile = icc_file(b"CMYK", b"prtr", b"Lab ", {b"A2B0": a2b})
    image = Image.new("CMYK", (2, 1))
    image.putpixel((1, 0), (0, 255, 0, 0))
    result = pixels(encoded(image, "TIFF", icc_profile=profile))
    magenta = skimage.color.lab2rgb([[[50.2, 70, -10]]])[0, 0] * 255
    np.testing.assert_allclose(result[0], [(255, 255, 255), magenta], atol=6)


def test_a_profile_for_other_pixels_is_said_and_ignored():
    picture = files.read(encoded(GRAY, "PNG", icc_profile=icc_profile(b"RGB ", 1.0)))
    np.testing.assert_array_equal(np.asarray(picture.image), GRAY)
    assert picture.notes == ["color profile ignored (it is for RGB pixels)"]


@pytest.mark.parametrize("image_format", ["GIF", "TIFF", "WEBP", "PNG"])
def test_first_frame_is_taken_and_said(color, image_format):
    frames = [Image.fromarray(array) for array in (color, 255 - color, color // 2)]
    picture = files.read(encoded(frames[0], image_format, save_all=True, append_images=frames[1:]))
    assert picture.notes == ["only the first of 3 frames"]
    assert np.abs(np.asarray(picture.image.convert("RGB")).astype(int) - color).mean() < 8


def test_a_jpeg_is_decoded_small_but_never_too_small():
    data = encoded(Image.new("L", (1000, 640)), "JPEG")
    assert files.open_rgb(data, short_side=160).size == (250, 160)
    assert files.open_rgb(data, short_side=161).size == (500, 320)
    assert files.open_rgb(data, short_side=5000).size == (1000, 640)


def test_a_truncated_jpeg_is_an_error_unless_allowed(color):
    whole = encoded(color, "JPEG", quality=95)
    data = whole[: len(whole) * 6 // 10]
    with pytest.raises(files.ImageError, match="truncated"):
        files.read(data)
    picture = files.read(data, allow_truncated=True)
    assert picture.notes == ["truncated, read as far as it goes"]
    np.testing.assert_array_equal(np.asarray(picture.image)[:24], pixels(whole)[:24])
    assert picture.image.size == (120, 80)


@pytest.mark.parametrize("image_format", ["PNG", "TIFF", "WEBP", "BMP", "GIF", "AVIF"])
def test_other_truncated_files_are_errors(color, image_format):
    whole = encoded(color, image_format)
    for options in ({}, {"allow_truncated": True}):
        with pytest.raises(files.ImageError) as caught:
            files.read(whole[: len(whole) // 2], **options)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "the file is empty"),
        (b"hello, world, this is text", "not a picture in a format that can be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture in a format that can be read"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path, content, reason):
    path = tmp_path / "x.jpg"
    path.write_bytes(content)
    with pytest.raises(files.ImageError) as caught:
        files.open_rgb(path)
    assert str(caught.value) == f"{path}: {reason}"
    with pytest.raises(files.ImageError, match=f"<bytes>: {reason}"):
        files.open_rgb(content)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(files.ImageError, match="x.jpg: No such file"):
        files.open_rgb(tmp_path / "x.jpg")
    with pytest.raises(files.ImageError, match="Is a directory"):
        files.open_rgb(tmp_path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_picture_over_the_limit_is_refused_before_decoding(color):
    with pytest.raises(files.ImageError, match="120 x 80 pixels are over the limit of 9,599"):
        files.read(encoded(color, "PNG"), max_pixels=9599)
    assert files.read(encoded(color, "PNG"), max_pixels=9600).image.size == (120, 80)
    # A head that lies: 13000 x 13000 pixels in 100 bytes.
    data = bytearray(encoded(Image.new("1", (1, 1)), "PNG"))
    data[16:24] = struct.pack(">II", 13000, 13000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    with pytest.raises(files.ImageError):
        files.read(bytes(data))


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "AVIF"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_files_never_raise_anything_else(color, image_format):
    random = np.random.default_rng(0)
    whole = np.frombuffer(with_metadata(color, image_format), np.uint8)
    for _ in range(40):
        damaged = whole.copy()
        places = random.integers(0, min(len(whole), random.choice([60, 400, len(whole)])), 8)
        damaged[places] = random.integers(0, 256, 8)
        try:
            assert files.read(damaged.tobytes(), max_pixels=10**7).image.mode in ("L", "LA", "RGB", "RGBA")
        except files.ImageError as error:
            assert "\n" not in str(error)


def test_alpha_is_kept_or_laid_on_white(tmp_path):
    image = Image.fromarray(np.full((4, 4, 4), (100, 0, 0, 0), np.uint8))
    files.save(image, tmp_path / "x.png")
    np.testing.assert_array_equal(pixels(tmp_path / "x.png"), np.asarray(image))
    files.save(image, tmp_path / "x.jpg")
    assert pixels(tmp_path / "x.jpg").min() >= 254


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


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".bmp", ".gif", ".avif"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, suffix, color):
    path = tmp_path / f"x{suffix}"
    files.save(Image.fromarray(color), path)
    room = path.stat().st_size - 10  # the last write is cut short, which is not yet an error to the system
    script = f"""
import resource, signal
import numpy as np
from PIL import Image
from tf_colorize.photos import files
image = files.open_rgb({str(path)!r})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))
try:
    files.save(Image.fromarray(np.asarray(image)), {str(path)!r}, quality=95)
except files.ImageError as error:
    print(error)
"""
    before = path.read_bytes()
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == f"{path}: cannot be written: File too large\n"
    assert os.listdir(tmp_path) == [path.name] and path.read_bytes() == before


def test_what_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(files.ImageError, match="x.png: cannot be written: "):
        files.save(Image.new("RGB", (3, 3)), tmp_path / "file" / "x.png")
    no_space = pytest.raises(files.ImageError, match="No space left on device")
    with open("/dev/full", "wb", buffering=0) as full, no_space:
        files.save(Image.new("RGB", (3, 3)), full, image_format="JPEG")
