"""Color profiles of photos: converted by what they do, whatever their name."""

import io
import struct

import color_profiles
import numpy as np
import photo_pixels
import pytest
import skimage
from PIL import Image, ImageCms

from tf_colorize.color import profiles
from tf_colorize.photos import files


def srgb_of_linear(value):
    return np.where(value > 0.0031308, 1.055 * value ** (1 / 2.4) - 0.055, 12.92 * value) * 255


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_color_profiles_are_converted(image_format, tmp_path):
    lossless = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}.get(image_format, {})
    rgb = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    data = photo_pixels.encoded(rgb, image_format, icc_profile=color_profiles.icc_profile(b"RGB ", 1.8), **lossless)
    picture = files.read(data)
    expected = srgb_of_linear((rgb[0, 0] / 255) ** 1.8)
    np.testing.assert_allclose(np.asarray(picture.image)[8, 8], expected, atol=2)
    files.save(picture.image, tmp_path / f"x.{image_format.lower()}", picture)
    with Image.open(tmp_path / f"x.{image_format.lower()}") as saved:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(saved.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)


@pytest.mark.parametrize("name", [b"Linear sRGB", b"sRGB IEC61966-2.1", b"Camera"])
def test_a_profile_is_recognized_by_its_effect_and_not_its_name(name):
    rgb = np.full((16, 16, 3), 55, np.uint8)
    picture = files.read(photo_pixels.encoded(rgb, "PNG", icc_profile=color_profiles.icc_profile(b"RGB ", 1.0, name)))
    expected = srgb_of_linear(55 / 255)  # 127.6, L* 54; taken for sRGB it would be 23
    np.testing.assert_allclose(np.asarray(picture.image)[8, 8], expected, atol=1)
    lightness = skimage.color.rgb2lab(np.asarray(picture.image))[8, 8, 0]
    assert abs(lightness - 53.4) < 1 and picture.notes == []


def test_an_srgb_profile_with_any_name_changes_no_pixel(color):
    profile = profiles.srgb_profile()
    renamed = profile.replace("sRGB".encode("utf-16-be"), "Blue".encode("utf-16-be"))
    assert renamed != profile and "sRGB" not in ImageCms.getProfileDescription(io.BytesIO(renamed))
    for data in (profile, renamed):
        picture = files.read(photo_pixels.encoded(color, "PNG", icc_profile=data))
        np.testing.assert_array_equal(np.asarray(picture.image), color)
        # A gray photo with such a profile is common, and nothing to say about it.
        gray = files.read(photo_pixels.encoded(photo_pixels.GRAY, "PNG", icc_profile=data))
        np.testing.assert_array_equal(np.asarray(gray.image), photo_pixels.GRAY)
        assert gray.notes == []


def test_gray_profiles_and_alpha():
    expected = srgb_of_linear(photo_pixels.GRAY / 255.0)
    profile = color_profiles.icc_profile(b"GRAY", 1.0)
    np.testing.assert_allclose(
        photo_pixels.pixels(photo_pixels.encoded(photo_pixels.GRAY, "PNG", icc_profile=profile)), expected, atol=1
    )
    result = photo_pixels.pixels(
        photo_pixels.encoded(photo_pixels.TRANSPARENT[..., [0, 3]], "PNG", icc_profile=profile)
    )
    np.testing.assert_allclose(result[..., 0], expected, atol=1)
    np.testing.assert_array_equal(result[..., 1], photo_pixels.TRANSPARENT[..., 3])
    result = photo_pixels.pixels(
        photo_pixels.encoded(photo_pixels.TRANSPARENT, "PNG", icc_profile=color_profiles.icc_profile(b"RGB ", 1.0))
    )
    np.testing.assert_allclose(result[..., :3], srgb_of_linear(photo_pixels.TRANSPARENT[..., :3] / 255.0), atol=2)
    np.testing.assert_array_equal(result[..., 3], photo_pixels.TRANSPARENT[..., 3])


def test_cmyk_profiles_are_used():
    # Two grid points per ink, Lab out: magenta alone is (50, 70, -10), paper (100, 0, 0), all else black.
    corners = {(0, 0, 0, 0): (255, 128, 128), (0, 1, 0, 0): (128, 198, 118)}
    inks = np.ndindex(2, 2, 2, 2)
    table = b"".join(bytes(corners.get(corner, (0, 128, 128))) for corner in inks)
    identity = struct.pack(">9i", *(65536 * np.eye(3, dtype=int)).ravel())
    a2b = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + bytes(range(256)) * 4 + table + bytes(range(256)) * 3
    profile = color_profiles.icc_file(b"CMYK", b"prtr", b"Lab ", {b"A2B0": a2b})
    image = Image.new("CMYK", (2, 1))
    image.putpixel((1, 0), (0, 255, 0, 0))
    result = photo_pixels.pixels(photo_pixels.encoded(image, "TIFF", icc_profile=profile))
    magenta = skimage.color.lab2rgb([[[50.2, 70, -10]]])[0, 0] * 255
    np.testing.assert_allclose(result[0], [(255, 255, 255), magenta], atol=6)


def test_a_profile_for_other_pixels_is_reported_and_ignored():
    picture = files.read(
        photo_pixels.encoded(photo_pixels.GRAY, "PNG", icc_profile=color_profiles.icc_profile(b"RGB ", 1.0))
    )
    np.testing.assert_array_equal(np.asarray(picture.image), photo_pixels.GRAY)
    assert picture.notes == ["color profile ignored (it is for RGB pixels)"]
