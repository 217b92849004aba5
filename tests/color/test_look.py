"""The look: what a person wants of the colors, as one value."""

import argparse
import dataclasses

import numpy as np
import pytest

import tf_colorize
from tf_colorize import hints
from tf_colorize.color import lab
from tf_colorize.color.look import UNCHANGED, Look
from tf_colorize.commands import look_options

LOOKS = [Look(), Look(vividness=0.4), Look(vividness=1.7)]


def colors(count=4000):
    rgb = np.random.default_rng(0).integers(0, 256, (1, count, 3)).astype(np.uint8)
    return lab.rgb_to_lightness_ab(rgb)


def test_a_look_is_a_value():
    assert tf_colorize.Look is Look and Look() == UNCHANGED and hash(Look()) == hash(UNCHANGED)
    with pytest.raises(dataclasses.FrozenInstanceError):
        UNCHANGED.vividness = 2
    lightness, ab = colors()
    np.testing.assert_array_equal(UNCHANGED.applied(lightness, ab), ab)


@pytest.mark.parametrize("field", dataclasses.fields(Look), ids=lambda field: field.name)
@pytest.mark.parametrize("value", [-5, 5, float("nan")])
def test_what_is_out_of_range_is_refused(field, value):
    with pytest.raises(ValueError, match=f"`{field.name}` must be in .* Received: {field.name}={value}"):
        Look(**{field.name: value})


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_what_is_undone_comes_back(look):
    lightness, ab = colors()
    back = look.applied(lightness, look.undone(lightness, ab))
    difference = 110 * np.linalg.norm(back - ab, axis=-1)
    # Vividness slows down towards the gamut's boundary, so that the last colors come back in many small steps.
    assert np.percentile(difference, 99) < 0.5 and difference.max() < 4


def test_no_color_cannot_be_undone():
    with pytest.raises(ValueError, match="`vividness` must be over 0"):
        Look(vividness=0).undone(*colors())


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_places_without_a_hint_stay_without_one(look):
    painted = hints.raster([hints.hint((3, 4, "#7a4b2c"))], (32, 32), 32)
    given = hints.before_look(painted, np.zeros((1, 32, 32, 1), np.float32), look)
    assert given.dtype == np.float32 and (given[painted[..., 2] == 0] == 0).all()
    np.testing.assert_array_equal(given[..., 2], painted[..., 2])


def test_there_is_an_option_for_each_adjustment():
    parser = argparse.ArgumentParser()
    look_options.add_to(parser)
    assert look_options.look_of(parser.parse_args([])) == UNCHANGED
    for field in dataclasses.fields(Look):
        for value in Look.range_of(field.name):
            parsed = parser.parse_args([f"--{field.name}={value:g}"])
            assert look_options.look_of(parsed) == Look(**{field.name: value})


def test_vividness_is_an_argument_of_its_own_too():
    def reddish(lightness):
        return np.full((*lightness.shape[:-1], 2), 0.2, np.float32)

    colorizer = tf_colorize.Colorizer(reddish, 16)
    gray = np.full((8, 8), 120, np.uint8)
    plain, vivid = colorizer(gray), colorizer(gray, look=Look(vividness=1.5))
    np.testing.assert_array_equal(colorizer(gray, vividness=1.5), vivid)
    assert (plain != vivid).any()
