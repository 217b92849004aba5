"""A PNG's gamma and primaries are applied as in browsers; profiles have precedence, then the sRGB chunk."""

import io
import struct

import numpy as np
import photo_bytes as made
import pytest
from PIL import Image, ImageCms

from tf_colorize.photos import files

SRGB_PRIMARIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
ADOBE_PRIMARIES = (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
# Published with Adobe RGB (1998), relative to D50.
ADOBE_D50 = np.array([[0.60974, 0.31111, 0.01947], [0.20528, 0.62567, 0.06087], [0.14919, 0.06322, 0.74457]]).T
# Of sRGB's profile (IEC 61966-2-1), relative to D50.
SRGB_D50 = np.array([[0.43607, 0.22249, 0.01392], [0.38515, 0.71687, 0.09708], [0.14307, 0.06061, 0.71410]]).T


def gamma(value):
    return made.chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def primaries(values):
    return made.chunk(b"cHRM", struct.pack(">8I", *values))


SRGB = made.chunk(b"sRGB", b"\0")


def png(pixels, *chunks):
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    return made.with_chunks(made.encoded(image, "PNG"), *chunks)


def read(data):
    picture = files.read(data)
    assert picture.notes == []
    return np.asarray(picture.image)


def srgb_of_linear(value):
    value = np.clip(value, 0, 1)
    return np.where(value > 0.0031308, 1.055 * value ** (1 / 2.4) - 0.055, 12.92 * value) * 255


LEVELS = np.arange(256, dtype=np.uint8)[np.newaxis].repeat(3, axis=0)
COLORS = np.dstack([LEVELS, LEVELS[:, ::-1], LEVELS // 2])


@pytest.mark.parametrize("value", [1.0, 0.55556, 0.3])
def test_gamma_is_applied(value):
    expected = srgb_of_linear((LEVELS / 255.0) ** (1 / value))
    np.testing.assert_allclose(read(png(LEVELS, gamma(value))), expected, atol=1)
    np.testing.assert_allclose(read(png(COLORS, gamma(value)))[..., 0], expected, atol=1)
    with_alpha = read(png(np.dstack([LEVELS, LEVELS]), gamma(value)))
    np.testing.assert_allclose(with_alpha[..., 0], expected, atol=1)
    np.testing.assert_array_equal(with_alpha[..., 1], LEVELS)
    with_alpha = read(png(np.dstack([COLORS, LEVELS]), gamma(value), primaries(SRGB_PRIMARIES)))
    np.testing.assert_allclose(with_alpha[..., 0], expected, atol=1)
    np.testing.assert_array_equal(with_alpha[..., 3], LEVELS)


def test_55_in_linear_light_is_127_6():
    assert abs(read(png(np.full((8, 8, 3), 55, np.uint8), gamma(1.0))).mean() - 127.6) < 0.7


def test_gamma_is_applied_to_16_bits_before_they_become_8():
    deep = np.arange(0, 65536, 97, dtype=np.uint16)[np.newaxis]
    expected = srgb_of_linear(deep / 65535.0)
    np.testing.assert_allclose(read(png(deep, gamma(1.0))), expected, atol=0.6)


def test_palettes_with_transparency():
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    palette.putpalette([55, 55, 55, 0, 0, 255])
    # Chunks that say what colors mean stand in front of the palette.
    data = made.with_chunks(made.encoded(palette, "PNG", transparency=1), gamma(1.0))
    assert read(data).tolist() == [[[128, 128, 128, 255], [0, 0, 255, 0]]]


@pytest.mark.parametrize("value", [0.45455, 0.45, 0.47])
def test_the_gamma_that_stands_for_srgb_changes_nothing(value):
    np.testing.assert_array_equal(read(png(COLORS, gamma(value))), COLORS)
    np.testing.assert_array_equal(read(png(COLORS, gamma(value), primaries(SRGB_PRIMARIES))), COLORS)


def test_precedence_of_color_chunks():
    np.testing.assert_array_equal(read(png(COLORS, gamma(1.0), primaries(ADOBE_PRIMARIES), SRGB)), COLORS)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = made.with_chunks(made.encoded(Image.fromarray(COLORS), "PNG", icc_profile=profile), gamma(1.0))
    np.testing.assert_array_equal(read(data), COLORS)
    cicp = made.chunk(b"cICP", bytes([1, 13, 0, 1]))
    np.testing.assert_array_equal(read(png(COLORS, cicp, gamma(1.0))), COLORS)


@pytest.mark.parametrize("value", [1.0, 1 / 2.2, None])
def test_primaries_are_applied(value):
    chunks = [primaries(ADOBE_PRIMARIES), *([gamma(value)] if value else [])]
    colors = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    share = colors / 255.0
    srgb = np.where(share > 0.04045, ((share + 0.055) / 1.055) ** 2.4, share / 12.92)
    # With primaries of its own, a gamma of 1 / 2.2 is within a level of sRGB's curve.
    linear = share if value == 1.0 else srgb
    expected = srgb_of_linear(linear @ (np.linalg.inv(SRGB_D50) @ ADOBE_D50).T)
    np.testing.assert_allclose(read(png(colors, *chunks)), expected, atol=2)


@pytest.mark.parametrize(
    "chunk",
    [
        gamma(0),
        made.chunk(b"gAMA", b"\xff\xff\xff\xff"),
        made.chunk(b"cHRM", bytes(32)),
        primaries((31270, 0, 64000, 33000, 30000, 60000, 15000, 6000)),
        primaries((31270, 32900, 30000, 30000, 30000, 30000, 30000, 30000)),
    ],
)
def test_invalid_values_are_ignored(chunk):
    np.testing.assert_array_equal(read(png(COLORS, chunk)), COLORS)


def test_color_tags_of_a_tiff_change_nothing():
    image = Image.fromarray(COLORS)
    chromaticities = {318: (0.3127, 0.329), 319: (0.64, 0.33, 0.21, 0.71, 0.15, 0.06), 301: tuple(range(768))}
    file = io.BytesIO()
    image.save(file, "TIFF", tiffinfo=chromaticities)
    np.testing.assert_array_equal(read(file.getvalue()), COLORS)
