"""Wishes for another color: hints that lie on one thing, and what should come of them."""

import numpy as np
import pytest

from tf_colorize.data import simulated_wishes as wishes

HEIGHT, WIDTH = 64, 96
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
# Three things, each with edges on the grid of 4 pixels: a red square, meadow on the left and sea on the right.
SQUARE = (ROWS >= 20) & (ROWS < 48) & (COLUMNS >= 36) & (COLUMNS < 64)
THINGS = {"square": SQUARE, "meadow": ~SQUARE & (COLUMNS < 48), "sea": ~SQUARE & (COLUMNS >= 48)}
COLORS = {"square": (0.5, 0.3), "meadow": (-0.3, 0.3), "sea": (0.0, -0.4)}


def edges(thing):
    """Where bilinear enlargement mixes a thing with what is beside it."""
    padded = np.pad(thing, 4, mode="edge")
    shifted = [padded[4 + y : 4 + y + HEIGHT, 4 + x : 4 + x + WIDTH] for y in (-4, 0, 4) for x in (-4, 0, 4)]
    return np.any(shifted, axis=0) & ~np.all(shifted, axis=0)


@pytest.fixture(scope="module")
def photo():
    """The three of them, with light and shade."""
    lightness = np.float32(0.1 + 0.1 * np.sin(ROWS / 9))[..., None]
    ab = sum(THINGS[name][..., None] * np.float32(COLORS[name]) for name in THINGS)
    return lightness, ab.astype(np.float32)


def drawn(photo, count=40):
    return [wishes.simulate(*photo, np.random.default_rng(seed)) for seed in range(count)]


def test_a_wish_covers_one_whole_thing_and_nothing_else(photo):
    found = set()
    for hints, target in drawn(photo):
        assert hints.shape == target.shape == (HEIGHT, WIDTH, 3) and hints.dtype == target.dtype == np.float32
        share = target[..., 2]
        name = max(THINGS, key=lambda name: share[THINGS[name]].mean())
        found.add(name)
        clear = ~edges(THINGS[name])
        assert share[THINGS[name] & clear].mean() > 0.9 and share[~THINGS[name] & clear].max() == 0
        assert 0 <= share.min() <= share.max() <= 1
    assert found == set(THINGS)


def test_all_hints_of_a_wish_have_its_color_and_are_on_the_thing(photo):
    numbers = []
    for hints, target in drawn(photo):
        is_hint = hints[..., 2] > 0
        assert is_hint.any() and set(np.unique(hints[..., 2])) == {0.0, 1.0} and not hints[~is_hint].any()
        np.testing.assert_allclose(hints[is_hint][:, :2], target[is_hint][:, :2])
        chroma = 110 * np.linalg.norm(target[0, 0, :2])
        assert chroma == 0 or wishes.CHROMA[0] <= chroma <= wishes.CHROMA[1] + 1e-3
        assert (target[..., :2] == target[0, 0, :2]).all()
        assert target[is_hint][:, 2].mean() > 0.6  # squares may stand over the edge
        numbers.append(chroma)
    assert 0 in numbers and len(set(numbers)) > 20


def test_the_same_numbers_give_the_same_wish(photo):
    for one, other in zip(drawn(photo, 3), drawn(photo, 3)):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_without_an_object_there_is_no_wish():
    random = np.random.default_rng(0)
    noise = np.kron(random.uniform(-0.9, 0.9, (16, 24, 2)), np.ones((4, 4, 1))).astype(np.float32)
    hints, target = wishes.simulate(np.zeros((HEIGHT, WIDTH, 1), np.float32), noise, random)
    assert not hints.any() and not target[..., 2].any()
    even = np.zeros((HEIGHT, WIDTH, 2), np.float32)  # and one thing that is the whole photo is none either
    hints, target = wishes.simulate(np.zeros((HEIGHT, WIDTH, 1), np.float32), even, random)
    assert not hints.any() and not target[..., 2].any()


@pytest.mark.parametrize("size", [(30, 41), (4, 4), (7, 64)])
def test_any_size_is_accepted(photo, size):
    lightness, ab = (part[: size[0], : size[1]] for part in photo)
    for seed in range(20):
        hints, target = wishes.simulate(lightness, ab, np.random.default_rng(seed))
        assert hints.shape == target.shape == (*size, 3) and np.isfinite(target).all()
