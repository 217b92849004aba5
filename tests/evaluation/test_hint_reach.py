"""How far a hint reaches, measured on models whose reach is known."""

import numpy as np
import pytest
import skimage.color
from PIL import Image, ImageColor

from tf_colorize import Colorizer, hints
from tf_colorize.color import oklab
from tf_colorize.evaluation import hint_reach

SIZE = 64
LEVEL = 110


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for name in ("even.png", "gray.png"):
        Image.new("L", (120, 90), LEVEL).save(folder / name)
    (folder / "broken.png").write_bytes(b"nothing")
    return sorted(folder.iterdir())


def painter(share_at):
    """A colorizer whose automatic result is gray, and which takes a share of a hint's color at each distance."""

    def with_hints(lightness, given):
        mask = given[0, ..., 2]
        color = given[0][mask > 0][0, :2]
        rows, columns = np.nonzero(mask)
        down, across = np.mgrid[:SIZE, :SIZE].astype(float)
        away = np.hypot((down - rows.mean()) / SIZE, (across - columns.mean()) / SIZE)
        return (share_at(away)[..., None] * color)[None].astype(np.float32)

    automatic = np.zeros((1, SIZE, SIZE, 2), np.float32)
    return Colorizer(hints.WithHints(lambda lightness: automatic, with_hints), SIZE)


def chroma(color):
    """What a hint asks for at the lightness of the photos."""
    level = skimage.color.rgb2lab(np.full((1, 1, 3), LEVEL, np.uint8))[0, 0, 0]
    return 110 * float(np.hypot(*oklab.ab_of_thing(np.uint8(ImageColor.getrgb(color)), level / 50 - 1)))


def test_a_model_that_keeps_to_the_dot_moves_nothing_far_away(photos):
    means = hint_reach.evaluate(painter(lambda away: np.float64(away < 0.15)), photos).means()
    for color in hint_reach.COLORS:
        assert means[color]["far_share"] == means[color]["far"] == 0
        assert means[color]["near"] == pytest.approx(chroma(color), abs=0.1)
        assert means[color]["near_share"] == pytest.approx(1, abs=1e-5)


def test_a_model_that_floods_the_picture_moves_all_of_it(photos):
    reach = hint_reach.evaluate(painter(lambda away: np.full_like(away, 0.5)), photos)
    assert reach.far.shape == (2, len(hint_reach.COLORS))  # a photo that cannot be read is left out
    means = reach.means()
    for color in hint_reach.COLORS:
        assert means[color]["far_share"] == 1.0
        assert means[color]["far"] == pytest.approx(chroma(color) / 2, abs=0.1)
        assert means[color]["near_share"] == pytest.approx(0.5, abs=1e-5)
    assert means["mean"]["near"] == pytest.approx(np.mean([means[color]["near"] for color in hint_reach.COLORS]))


def test_far_is_over_a_quarter_of_the_picture_away(photos):
    means = hint_reach.evaluate(painter(lambda away: np.float64(away < 0.4)), photos).means()
    expected = (0.4**2 - 0.25**2) * np.pi / (1 - 0.25**2 * np.pi)  # of what is far, a ring is moved
    assert means["navy"]["far_share"] == pytest.approx(expected, abs=0.03)


def test_wrong_arguments_are_refused(photos):
    plain = Colorizer(lambda lightness: np.zeros((1, SIZE, SIZE, 2), np.float32), SIZE)
    with pytest.raises(ValueError, match="`colorizer` must take hints"):
        hint_reach.evaluate(plain, photos)
    with pytest.raises(ValueError, match="`photos` must contain a readable photo"):
        hint_reach.evaluate(painter(np.zeros_like), [photos[0]])
