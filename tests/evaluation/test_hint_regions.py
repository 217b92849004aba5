"""How hints fill outlined things, measured on models whose effect is known."""

import dataclasses
import math

import numpy as np
import pytest
import scipy.ndimage
import scipy.spatial.distance
import skimage.color
import skimage.transform
from PIL import Image, ImageColor

from tf_colorize import Colorizer, hints
from tf_colorize.color import oklab
from tf_colorize.evaluation import hint_reach, hint_regions, outlines

SIDE = 32  # of the network
WIDTH, HEIGHT = 80, 48
GRAY = 110
AUTOMATIC = np.array([0.1, -0.05])
POINT = (24, 18)
INSIDE = np.s_[6:31, 8:61]  # of the polygon, with its outline


@pytest.fixture(scope="module")
def region(tmp_path_factory):
    photo = tmp_path_factory.mktemp("photos") / "gray.png"
    Image.new("L", (WIDTH, HEIGHT), GRAY).save(photo)
    return outlines.Region(photo, "coat", ((8, 6), (60, 6), (60, 30), (8, 30)), POINT, "coat")


def share_at(count):
    """The share of a hint's color that the model below takes at each place: from less than nothing to too much."""
    return (np.linspace(-0.3, 0.9, SIDE) * (1 + 0.2 * count))[np.newaxis].repeat(SIDE, axis=0)


def sloped():
    """A colorizer with the color `AUTOMATIC`, which takes more of a hint's the farther right and the more hints."""

    def with_hints(lightness, given):
        mask = given[0, ..., 2] > 0
        color = given[0][mask][:, :2].mean(axis=0)
        share = share_at(scipy.ndimage.label(mask)[1])
        return (AUTOMATIC + share[..., np.newaxis] * (color - AUTOMATIC))[np.newaxis].astype(np.float32)

    automatic = np.broadcast_to(AUTOMATIC.astype(np.float32), (1, SIDE, SIDE, 2))
    return Colorizer(hints.WithHints(lambda lightness: automatic, with_hints), SIDE)


def ab_of(color):
    """What a hint asks for at the lightness of the photo."""
    level = skimage.color.rgb2lab(np.full((1, 1, 3), GRAY, np.uint8))[0, 0, 0]
    return oklab.ab_of_thing(np.uint8(ImageColor.getrgb(color)), level / 50 - 1)


def wish_of(color):
    return 110 * (ab_of(color) - AUTOMATIC)


def test_measures_are_those_of_a_model_whose_effect_is_known(region):
    done = []
    filling = hint_regions.evaluate(sloped(), [region], progress=lambda: done.append(1))
    assert filling.taken.shape == (1, len(hint_reach.COLORS), len(hint_regions.COUNTS)) and len(done) == 1
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[INSIDE] = True
    places = hint_regions.hint_places(inside, POINT, 5)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for i, color in enumerate(hint_reach.COLORS):
        for k, count in enumerate((1, 2, 3, 5)):
            share = skimage.transform.resize(share_at(count), (HEIGHT, WIDTH), order=1, mode="edge")
            moved = np.abs(share) * np.linalg.norm(wish_of(color)) > 5
            away = [np.hypot((rows - y) / HEIGHT, (columns - x) / WIDTH) for x, y in places[:count]]
            far = ~inside & (np.min(away, axis=0) > 0.25)
            expected = [
                np.clip(share[inside], 0, 1).mean(),
                (share[inside] >= 0.8).mean(),
                moved[~inside].mean(),
                moved[far].mean(),
            ]
            found = [filling.taken, filling.filled, filling.outside, filling.far]
            assert [table[0, i, k] for table in found] == pytest.approx(expected, abs=0.01)


def test_a_pixel_is_to_have_the_color_of_the_nearest_hint(region, tmp_path):
    """The same color asks for another ab in the light than in the dark."""
    ramp = np.linspace(60, 190, WIDTH).astype(np.uint8)
    Image.fromarray(np.tile(ramp, (HEIGHT, 1))).save(tmp_path / "ramp.png")

    def with_hints(lightness, given):
        nearest = scipy.ndimage.distance_transform_edt(
            given[0, ..., 2] == 0, sampling=(HEIGHT, WIDTH), return_indices=True, return_distances=False
        )
        return given[0][tuple(nearest)][np.newaxis, ..., :2]

    automatic = np.zeros((1, SIDE, SIDE, 2), np.float32)
    colorizer = Colorizer(hints.WithHints(lambda lightness: automatic, with_hints), SIDE)
    dark = dataclasses.replace(region, photo=tmp_path / "ramp.png", point=(10, 18))
    filling = hint_regions.evaluate(colorizer, [dark])
    np.testing.assert_allclose(filling.taken, 1, atol=0.01)
    assert (filling.filled > 0.98).all()


def test_further_hints_are_as_far_as_possible_from_those_before():
    inside = np.zeros((60, 90), bool)
    inside[5:55, 10:40], inside[35:55, 40:80] = True, True  # an L
    places = hint_regions.hint_places(inside, (12.9, 7.2), 5)
    assert places[0] == (12, 7)
    border, pixels = np.argwhere(~inside), np.argwhere(inside)
    depth = scipy.spatial.distance.cdist(pixels, border).min(axis=1)
    assert depth.max() > 12  # so that a quarter is over 3 pixels
    deep = pixels[depth >= depth.max() / 4][:, ::-1]
    for count in range(1, 5):
        nearest = scipy.spatial.distance.cdist(deep, places[:count]).min(axis=1)
        assert list(places[count]) in deep.tolist()
        assert min(math.dist(places[count], place) for place in places[:count]) == pytest.approx(nearest.max())


def test_a_region_of_one_pixel_has_its_hints_there():
    inside = np.zeros((9, 9), bool)
    inside[4, 5] = True
    assert hint_regions.hint_places(inside, (5, 4), 3) == [(5, 4)] * 3


def test_means_leave_out_what_has_no_pixels(region, tmp_path):
    table = np.arange(1.0, 1 + 2 * 5 * 4).reshape(2, 5, 4) / 100
    holes = table.copy()
    holes[0, 1] = holes[1, :, 3] = holes[:, 2, 0] = np.nan
    other = outlines.Region(region.photo, "sky", region.polygon, region.point, "sky")
    filling = hint_regions.Filling((region, other), holes, table, table, table)
    means = filling.means()
    color = hint_reach.COLORS[3]
    assert means["colors"][color]["filled"] == pytest.approx((table[0, 3] + table[1, 3]) / 2)
    assert means["regions"]["sky"]["far"] == pytest.approx(table[1].mean(axis=0))
    assert means["mean"]["taken"][3] == pytest.approx(np.mean([table[0, i, 3] for i in (0, 2, 3, 4)]))
    assert math.isnan(means["regions"]["sky"]["taken"][3])
    kept = hint_regions.record({"mine": filling})
    assert kept["counts"] == [1, 2, 3, 5] and kept["models"]["mine"]["regions"]["sky"]["taken"][3] is None
    assert kept["models"]["mine"]["each"]["coat"][color]["outside"] == pytest.approx(table[0, 3])
    titles, lines = hint_regions.rows({"mine": filling})
    assert [line[1] for line in lines] == ["coat", "sky", *hint_reach.COLORS, "mean"]
    assert lines[1][2].endswith(" -") and lines[1][3] == "29 30 31 32"
    assert {len(line) for line in lines} == {len(titles)}


def test_what_has_the_color_anyway_and_nothing_outside_do_not_count(region):
    """The whole photo is outlined, and its left part is navy without hints."""
    navy = ab_of("navy")

    def automatic(lightness):
        ab = np.zeros((1, SIDE, SIDE, 2), np.float32)
        ab[:, :, : SIDE // 2] = navy + 0.02
        return ab

    def with_hints(lightness, given):
        return automatic(lightness) * (np.arange(SIDE) < SIDE // 2)[:, np.newaxis] + 0.9 * navy * (
            np.arange(SIDE) >= SIDE // 2
        )[:, np.newaxis].astype(np.float32)

    corners = ((0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT))
    whole = outlines.Region(region.photo, "all", corners, POINT, "all")
    filling = hint_regions.evaluate(Colorizer(hints.WithHints(automatic, with_hints), SIDE), [whole])
    assert filling.taken[0, 0] == pytest.approx(0.9, abs=0.01)  # the left part would be under 0.5
    assert np.isnan(filling.outside).all() and np.isnan(filling.far).all()


def test_wrong_arguments_are_refused(region):
    plain = Colorizer(lambda lightness: np.zeros((1, SIDE, SIDE, 2), np.float32), SIDE)
    with pytest.raises(ValueError, match="`colorizer` must take hints"):
        hint_regions.evaluate(plain, [region])
    with pytest.raises(ValueError, match="`regions` must contain a region"):
        hint_regions.evaluate(sloped(), [])
