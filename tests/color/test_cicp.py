"""The chunk cICP of a PNG says what its values mean, whatever other chunks say (PNG, third edition, 11.3.2.6)."""

import numpy as np
import photo_bytes as made
import pytest
from PIL import Image, ImageCms

from tf_colorize.photos import files

LEVELS = np.arange(256, dtype=np.uint8)[np.newaxis].repeat(3, axis=0)
COLORS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
# From linear Display P3 to linear sRGB, as published in CSS Color Module Level 4, 10.
P3 = np.array([[1.22494018, -0.22494018, 0], [-0.04205695, 1.04205695, 0], [-0.01963755, -0.07863605, 1.09827360]])


def read(pixels, *cicp, more=(), **options):
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    data = made.with_chunks(made.encoded(image, "PNG", **options), made.chunk(b"cICP", bytes(cicp)), *more)
    picture = files.read(data)
    return np.asarray(picture.image), picture.notes


def srgb_of_linear(value):
    value = np.clip(value, 0, 1)
    return np.where(value > 0.0031308, 1.055 * value ** (1 / 2.4) - 0.055, 12.92 * value) * 255


def linear_of_srgb(value):
    return np.where(value > 0.04045, ((value + 0.055) / 1.055) ** 2.4, value / 12.92)


@pytest.mark.parametrize(
    ("number", "light"),
    [
        (4, lambda v: v**2.2),
        (5, lambda v: v**2.8),
        (8, lambda v: v),
        (9, lambda v: np.where(v > 0, 10 ** (2 * v - 2), 0)),
        (17, lambda v: 52.37 / 48 * v**2.6),
    ],
)
def test_curves_of_one_formula(number, light):
    pixels, notes = read(LEVELS, 1, number, 0, 1)
    np.testing.assert_allclose(pixels, srgb_of_linear(light(LEVELS / 255)), atol=0.6)
    assert notes == []


@pytest.mark.parametrize("number", [1, 6, 11, 12, 14, 15])
def test_the_gray_card_of_television(number):
    """18 % of light is 40.9 % in BT.709, which a waveform shows, and 46.1 % in sRGB; the toe has a slope of 4.5."""
    deep = np.array([[round(0.409 * 65535), round(0.045 * 65535), 0, 65535]], np.uint16)
    pixels, _ = read(Image.fromarray(deep), 1, number, 0, 1)
    np.testing.assert_allclose(pixels[0] / 255, [0.461, 0.0998, 0, 1], atol=0.004)


def test_display_p3_has_other_primaries():
    pixels, notes = read(COLORS, 12, 13, 0, 1)
    np.testing.assert_allclose(pixels, srgb_of_linear(linear_of_srgb(COLORS / 255) @ P3.T), atol=1)
    gray, _ = read(LEVELS, 12, 13, 0, 1)
    np.testing.assert_array_equal(gray, LEVELS)
    assert notes == []


@pytest.mark.parametrize(("number", "name", "white"), [(16, "PQ", 0.5807), (18, "HLG", 0.75)])
def test_high_dynamic_range_is_tone_mapped_with_a_notice(number, name, white):
    """BT.2408: paper white, 203 cd/m2, is 58 % of PQ and 75 % of HLG. It stays light, and leaves room above it."""
    for pixels in (LEVELS, np.dstack([LEVELS] * 3)):
        made, notes = read(pixels, 9, number, 0, 1)
        made = made.reshape(3, 256, -1)[0, :, 0]
        assert 0.85 < made[round(255 * white)] / 255 < 0.96
        assert made[0] == 0 and made[255] == 255 and (np.diff(made.astype(int)) >= 0).all()
        assert notes == [f"high dynamic range ({name}): tone-mapped to standard dynamic range"]


def test_a_narrow_range_is_spread():
    pixels, _ = read(LEVELS, 1, 13, 0, 0)
    assert (pixels[0, :17] == 0).all() and (pixels[0, 235:] == 255).all()
    np.testing.assert_allclose(pixels, np.clip((LEVELS.astype(float) - 16) / 219, 0, 1) * 255, atol=0.6)
    deep = np.array([[16 << 8, 235 << 8, 0]], np.uint16)
    assert read(Image.fromarray(deep), 1, 13, 0, 0)[0].tolist() == [[0, 255, 0]]


def test_it_wins_over_all_other_chunks():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    gamma = made.chunk(b"gAMA", (100_000).to_bytes(4, "big"))
    pixels, notes = read(COLORS, 1, 13, 0, 1, more=[gamma], icc_profile=profile)
    np.testing.assert_array_equal(pixels, COLORS)
    assert notes == []


@pytest.mark.parametrize("content", [(0, 13, 0, 1), (1, 3, 0, 1), (1, 255, 0, 1), (1, 13, 1, 1), (9, 16, 9, 0)])
def test_what_says_nothing_is_ignored_with_a_notice(content):
    pixels, notes = read(COLORS, *content)
    np.testing.assert_array_equal(pixels, COLORS)
    assert notes == [f"color description ignored (cICP {', '.join(map(str, content))})"]


def test_what_is_unspecified_is_ignored():
    for content in ((2, 2, 0, 1), (2, 13, 0, 1), (1, 2, 0, 1)):
        pixels, notes = read(COLORS, *content)
        np.testing.assert_array_equal(pixels, COLORS)
        assert notes == []
