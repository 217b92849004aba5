"""Colors at other lightnesses: the same hue and chroma, seen through another path of the definition."""

import numpy as np
import pytest

from tf_colorize.color import lab, oklab

# From X, Y and Z instead of linear sRGB, as Ottosson published it first.
CONES = np.array(
    [
        [0.8189330101, 0.3618667424, -0.1288597137],
        [0.0329845436, 0.9293118715, 0.0361456387],
        [0.0482003018, 0.2643662691, 0.6338517070],
    ]
)
OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
WHITE = np.array([0.95047, 1.0, 1.08883])


def to_oklab(lightness, ab):
    """OKLab of normalized CIE Lab, `(..., 3)`."""
    fy = (50 * (np.asarray(lightness) + 1) + 16) / 116
    a, b = 110 * np.moveaxis(np.asarray(ab, np.float64), -1, 0)
    curves = np.stack([fy + a / 500, fy, fy - b / 200], axis=-1)
    xyz = WHITE * np.where(curves > 6 / 29, curves**3, (curves - 16 / 116) / 7.787)
    return np.cbrt(xyz @ CONES.T) @ OKLAB.T


def hue_and_chroma(values):
    return np.degrees(np.arctan2(values[..., 2], values[..., 1])), np.hypot(values[..., 1], values[..., 2])


def test_at_its_own_lightness_a_color_is_unchanged():
    rgb = np.random.default_rng(0).integers(0, 256, (3000, 3), np.uint8)
    lightness, ab = lab.rgb_to_lightness_ab(rgb)
    found = oklab.ab_of_thing(rgb, lightness[..., 0])
    assert found.dtype == np.float32
    np.testing.assert_allclose(110 * found, 110 * ab, atol=0.01)


def test_hue_remains_and_so_does_chroma_within_the_gamut():
    random = np.random.default_rng(1)
    rgb = random.integers(0, 256, (3000, 3), np.uint8)
    own, ab = lab.rgb_to_lightness_ab(rgb)
    lightness = random.uniform(-0.5, 0.5, len(rgb))
    (hue, chroma), (was_hue, was_chroma) = (
        hue_and_chroma(to_oklab(*pair)) for pair in ((lightness, oklab.ab_of_thing(rgb, lightness)), (own[..., 0], ab))
    )
    assert (chroma <= was_chroma + 2e-3).all() and (chroma >= was_chroma - 2e-3).mean() > 0.4
    turned = np.abs((hue - was_hue + 180) % 360 - 180)[chroma > 0.02]
    assert len(turned) > 2000 and turned.max() < 2


def test_a_reduced_color_is_at_the_boundary_of_the_gamut():
    random = np.random.default_rng(2)
    rgb = random.integers(0, 256, (1000, 3), np.uint8)
    lightness = random.uniform(-0.5, 0.5, len(rgb))
    ab = oklab.ab_of_thing(rgb, lightness)
    own, own_ab = lab.rgb_to_lightness_ab(rgb)
    chroma, before = (hue_and_chroma(to_oklab(*pair))[1] for pair in ((lightness, ab), (own[..., 0], own_ab)))
    fine = lab.lightness_ab_to_fine_rgb(np.float32(lightness)[:, np.newaxis], ab)
    at_boundary = (fine < 0.01).any(axis=0) | (fine > 0.995).any(axis=0)
    is_reduced = chroma < before - 5e-3
    assert is_reduced.sum() > 100 and at_boundary[is_reduced].all()


def test_a_dark_fold_and_a_highlight_give_their_thing_enough_chroma():
    rgb = np.broadcast_to(np.uint8([0, 0, 128]), (4, 3))
    ab = oklab.ab_of_thing(rgb, np.array([4, 25, 75, 96]) / 50 - 1)
    np.testing.assert_allclose(ab[3], ab[2])
    assert np.linalg.norm(110 * ab, axis=-1).min() > 30
    own = lab.rgb_to_lightness_ab(rgb[0])[0][0]
    np.testing.assert_allclose(ab[0], oklab.ab_of_thing(rgb[0], own))  # navy itself is darker than 25


@pytest.mark.parametrize("level", [35, 50, 65, 80])
def test_navy_stays_blue_where_cie_lab_makes_it_violet(level):
    lightness = level / 50 - 1
    straight = lab.rgb_to_lightness_ab(np.uint8([0, 0, 128]))[1]
    for ab, is_blue in (
        (oklab.ab_of_thing(np.uint8([0, 0, 128]), np.float64(lightness)), True),
        (straight, level < 50),
    ):
        red, green, blue = lab.lightness_ab_to_rgb(np.float32([lightness]), np.float32(ab)).astype(int)
        assert blue > 1.2 * max(red, green)
        assert (red <= green + 10) == is_blue or level < 50


@pytest.mark.parametrize(
    "color", [(0, 0, 0), (255, 255, 255), (128, 128, 128), (255, 255, 0), (0, 0, 255), (255, 0, 0)]
)
def test_all_lightnesses_are_possible(color):
    lightness = np.linspace(-1, 1, 201)
    ab = oklab.ab_of_thing(np.broadcast_to(np.uint8(color), (201, 3)), lightness)
    assert np.isfinite(ab).all() and np.abs(ab).max() < 1
    assert np.abs(np.diff(ab, axis=0)).max() < 0.3  # no leap, though yellow ends in a sharp tip
    if len(set(color)) == 1:
        assert np.abs(ab).max() < 1e-3
