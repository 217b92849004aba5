"""Flat margins get no color on the page, as in Python."""

import mounts
import numpy as np
import pytest
import web_browser
from PIL import Image

from tf_colorize import hints as hints_module
from tf_colorize.color import margins

pytest_plugins = ["web_fixtures"]

PICTURES = {**mounts.with_margins(), **mounts.without_margins()}
# Every kind, with one photo: the others are compared at 65 pixels.
FEW = [name for name in PICTURES if not name.startswith(("astronaut", "coffee"))]
CAMERA = mounts.PHOTOS["camera"][130:380, 100:380]
MOUNT = mounts.mounted(CAMERA, 120, (60, 80, 70, 80))[0]


def shares_of_the_page(squares):
    code = """
        import { colorShare } from "./src/worker/margins.js";
        console.log(JSON.stringify(given.map((square) => packed(colorShare(square)))));
    """
    found = web_browser.in_node(code, *squares)
    return [share.reshape(square.shape) for share, square in zip(found, squares)]


@pytest.mark.parametrize("side", [224, 65])
def test_page_and_python_find_the_same_margins(side):
    names = [name for name in PICTURES if side == 65 or name in FEW]
    squares = [mounts.seen(PICTURES[name], side) for name in names]
    for name, square, share in zip(names, squares, shares_of_the_page(squares)):
        np.testing.assert_allclose(share, margins.color_share(square), atol=1e-6, err_msg=name)
        if side == 224:
            assert (share.min() < 1) == (name in mounts.with_margins()), name


def test_small_squares_keep_all_color():
    assert [
        share.min() for share in shares_of_the_page([np.zeros((side, side), np.float32) for side in (1, 2, 31)])
    ] == [1] * 3


def test_a_hint_in_a_margin_keeps_all_color():
    code = """
        import { withoutColorInMargins } from "./src/worker/margins.js";
        const [ab, share, ...hints] = given.map((values) => Float32Array.from(values));
        console.log(JSON.stringify(hints.map((painted) => [...withoutColorInMargins(ab, share, painted)])));
    """
    share = np.ones((8, 8), np.float32)
    share[:, :2] = 0
    ab = np.random.default_rng(0).normal(0, 0.3, (8, 8, 2)).astype(np.float32)
    painted = [
        hints_module.raster([hints_module.Hint(x, 4, "#884422")], (8, 8), np.zeros((1, 8, 8, 1)))[0]
        if x is not None
        else np.zeros((8, 8, 3))
        for x in (0, 6, None)
    ]
    found = web_browser.in_node(code, *(values.ravel().tolist() for values in (ab, share, *painted)))
    kept = ab * share[..., np.newaxis]
    for received, expected in zip(found, (ab, kept, kept)):
        np.testing.assert_allclose(np.reshape(received, ab.shape), expected, atol=1e-6)


def with_a_white_border():
    return mounts.mounted(CAMERA, 255, (30, 30, 30, 30))[0]


@pytest.mark.parametrize("picture", [MOUNT, with_a_white_border()], ids=["mount", "white border"])
def test_pixels_of_a_photo_with_a_margin_are_those_of_the_colorizer(hinting_visitor, colorizer, picture):
    hinting_visitor.colors("photo.png", web_browser.encoded(Image.fromarray(picture)))
    _, received = hinting_visitor.downloads()
    expected = colorizer(picture)
    assert web_browser.share_that_agrees(received, expected, gray_levels=1) >= 0.999
    shown = np.ptp(np.asarray(web_browser.opened(received)).astype(int), axis=-1)
    assert shown[:24].max() == 0 and shown[120:-120, 120:-120].mean() > 5


@pytest.mark.parametrize(("place", "is_gray"), [((0.05, 0.5), False), ((0.7, 0.5), True)], ids=["mount", "photo"])
def test_a_hint_in_the_mount_counts_as_in_python(hinting_visitor, colorizer, place, is_gray):
    hinting_visitor.colors("photo.png", web_browser.encoded(Image.fromarray(MOUNT)))
    dot = hinting_visitor.puts_dot(*place)
    hinting_visitor.page.fill("#code", "#884422")
    x, y = (int(number) for number in dot.get_attribute("aria-label").rsplit(" at ", 1)[1].split(", "))
    _, received = hinting_visitor.downloads()
    expected = colorizer(MOUNT, hints=[(x, y, "#884422")])
    assert web_browser.share_that_agrees(received, expected, gray_levels=1) >= 0.995
    shown = np.ptp(np.asarray(web_browser.opened(received)).astype(int), axis=-1)
    assert (shown[:40].max() == 0) == is_gray
