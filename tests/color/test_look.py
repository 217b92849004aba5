"""The look: all adjustments of the colors as one value."""

import argparse
import dataclasses

import numpy as np
import pytest
import skimage

import tf_colorize
from tf_colorize import hints
from tf_colorize.color import lab
from tf_colorize.color.look import ADJUSTMENTS, UNCHANGED, Look
from tf_colorize.commands import look_options

LOOKS = [
    Look(),
    Look(vividness=0.4),
    Look(vividness=1.7),
    Look(warmth=1),
    Look(warmth=-1),
    Look(0.7, 0.4),
    Look(1.3, -0.3),
]


def colors(count=4000):
    rgb = np.random.default_rng(0).integers(0, 256, (1, count, 3)).astype(np.uint8)
    return lab.rgb_to_lightness_ab(rgb)


def test_a_look_is_a_value():
    assert tf_colorize.Look is Look and Look() == UNCHANGED and hash(Look()) == hash(UNCHANGED)
    with pytest.raises(dataclasses.FrozenInstanceError):
        UNCHANGED.vividness = 2
    lightness, ab = colors()
    np.testing.assert_array_equal(UNCHANGED.applied(lightness, ab), ab)


@pytest.mark.parametrize("name", ADJUSTMENTS)
@pytest.mark.parametrize("value", [-5, 5, float("nan"), "1", None])
def test_values_out_of_range_are_rejected(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be in .* Received: {name}={value!r}"):
        Look(**{name: value})


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_undoing_restores_the_colors(look):
    lightness, ab = colors()
    back = look.applied(lightness, look.undone(lightness, ab))
    difference = 110 * np.linalg.norm(back - ab, axis=-1)
    # Vividness slows down towards the gamut's boundary, so that the last colors come back in many small steps.
    assert np.percentile(difference, 99) < 0.5 and difference.max() < 4


def test_a_look_without_color_cannot_be_undone():
    with pytest.raises(ValueError, match="`vividness` must be over 0"):
        Look(vividness=0).undone(*colors())


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_places_without_a_hint_stay_without_one(look):
    lightness = np.zeros((1, 32, 32, 1), np.float32)
    painted = hints.raster([hints.hint((3, 4, "#7a4b2c"))], (32, 32), lightness)
    given = hints.before_look(painted, lightness, look)
    assert given.dtype == np.float32 and (given[painted[..., 2] == 0] == 0).all()
    np.testing.assert_array_equal(given[..., 2], painted[..., 2])


def test_there_is_an_option_for_each_adjustment():
    parser = argparse.ArgumentParser()
    look_options.add_to(parser)
    assert look_options.asked(parser.parse_args([])) == {}
    for name in ADJUSTMENTS:
        for value in Look.range_of(name):
            parsed = parser.parse_args([f"--{name}={value:g}"])
            assert look_options.asked(parsed) == {name: value}


def test_vividness_is_an_argument_of_its_own_too():
    def reddish(lightness):
        return np.full((*lightness.shape[:-1], 2), 0.2, np.float32)

    colorizer = tf_colorize.Colorizer(reddish, 16)
    gray = np.full((8, 8), 120, np.uint8)
    plain, vivid = colorizer(gray), colorizer(gray, look=Look(vividness=1.5))
    np.testing.assert_array_equal(colorizer(gray, vividness=1.5), vivid)
    assert (plain != vivid).any()


def grays(*values):
    return np.array(values, np.float32)[:, np.newaxis] / 50 - 1, np.zeros((len(values), 2), np.float32)


@pytest.mark.parametrize(("name", "kelvin"), [("D50", 5003), ("D55", 5503), ("D75", 7504)])
def test_warmth_is_daylight_of_another_temperature(name, kelvin):
    warmth = (1e6 / kelvin - 1e6 / 6504) / (1e6 / 4000 - 1e6 / 6504)
    lightness, ab = grays(50)
    shown = 110 * Look(warmth=warmth).applied(lightness, ab)[0]
    luminance = ((50 + 16) / 116) ** 3
    lit = skimage.color.xyz2lab(luminance * skimage.color.xyz_tristimulus_values(illuminant=name, observer="2"))
    np.testing.assert_allclose(shown, lit[1:], atol=0.15)


@pytest.mark.parametrize("warmth", [-1.0, -0.3, 0.3, 1.0])
def test_black_and_white_and_lightness_stay(warmth):
    lightness, ab = grays(0, 100)
    np.testing.assert_array_equal(Look(warmth=warmth).applied(lightness, ab), ab)
    lightness, ab = grays(*range(0, 101))
    rgb = lab.lightness_ab_to_rgb(lightness, Look(warmth=warmth).applied(lightness, ab))
    assert np.abs(skimage.color.rgb2lab(rgb)[:, 0] - range(0, 101)).max() < 0.5
    red, green, blue = rgb[20:96].astype(int).T
    assert (np.sign(red - blue) == np.sign(warmth)).all() and (np.abs(green - (red + blue) / 2) < 15).all()


def test_a_white_shirt_turns_ivory_and_not_orange():
    lightness, ab = grays(92)
    a, b = 110 * Look(warmth=1).applied(lightness, ab)[0]
    ivory = skimage.color.rgb2lab(np.array([[255, 255, 240]], np.uint8))[0]
    orange = skimage.color.rgb2lab(np.array([[255, 165, 0]], np.uint8))[0]
    assert 0.7 * np.hypot(*ivory[1:]) < np.hypot(a, b) < 1.5 * np.hypot(*ivory[1:]) < 0.2 * np.hypot(*orange[1:])


def test_warmth_changes_nothing_of_a_hint():
    def network(lightness, hints=None):
        return np.zeros((*lightness.shape[:-1], 2), np.float32) if hints is None else hints[..., :2]

    colorizer = tf_colorize.Colorizer(hints.WithHints(network, network), 16)
    gray = np.full((16, 16), 140, np.uint8)
    plain, warm = (colorizer(gray, hints=[(8, 8, "#7a4b2c")], look=look) for look in (UNCHANGED, Look(warmth=0.8)))
    assert (
        np.abs(plain[8, 8].astype(int) - warm[8, 8]).max()
        <= 1
        < 10
        < np.abs(plain[0, 0].astype(int) - warm[0, 0]).max()
    )
