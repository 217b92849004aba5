"""The largest thing of uncertain color: the page's modules in Node find what Python finds."""

import numpy as np
import pytest
import skimage.color
import skimage.data
import web_browser
from PIL import Image

from tf_colorize import Colorizer
from tf_colorize.color import lab
from tf_colorize.inference import insight, likely

CODE = """
    import { largest } from "./src/worker/region.js";
    const [palette, places, count, logits, lightness, ab, values] = given;
    console.log(JSON.stringify(largest({ lightness, ab, logits, features: { places, count, values } }, palette)));
"""


def on_the_page(see, seen, lightness):
    """What the page finds. A network gives it distributions at twice the places, and ab for each pixel."""
    logits = enlarged(np.log(np.maximum(seen.likely, 1e-30)), 2)
    ab = enlarged(seen.ab, lightness.shape[1] // insight.GRID)
    count = seen.features.shape[-1]
    arrays = (logits, lightness, ab, seen.features)
    return web_browser.in_node(CODE, see.palette.tolist(), insight.GRID**2, count, *arrays)


def enlarged(values, times):
    return values.repeat(times, axis=0).repeat(times, axis=1)


def is_the_same(found, expected):
    assert (found["x"], found["y"]) == pytest.approx(expected.place)
    assert found["colors"] == list(expected.colors)
    assert found["share"] == pytest.approx(expected.share)


def test_things_are_told_apart_by_their_features(monkeypatch):
    # Two uncertain things side by side, of the same likely colors, on a ground that is certain.
    side, palette = insight.GRID, np.stack(np.meshgrid(*2 * [np.arange(-60, 61, 10.0)]), axis=-1).reshape(-1, 2)
    thing = np.zeros((side, side), int)
    thing[4:15, 6:14] = thing[9, 3:6] = 1
    thing[4:15, 14:20] = 2
    shares = {(0, 0): 0.4, (50, 10): 0.25, (0, -40): 0.2, (10, 0): 0.15}
    unsure = np.array([shares.get(tuple(entry), 1e-6) for entry in palette.astype(int).tolist()])
    sure = np.where((palette == (20, 20)).all(axis=1), 1.0, 1e-6)
    distribution = np.where(thing[..., np.newaxis] > 0, unsure / unsure.sum(), sure / sure.sum()).astype(np.float32)
    random = np.random.default_rng(0)
    ab = np.tile(np.float32([2, 1]) / 110, (side, side, 1))
    lightness = random.uniform(-0.3, 0.5, (1, 56, 56, 1)).astype(np.float32)
    features = (np.eye(3)[thing] + 0.05 * random.normal(0, 1, (side, side, 3))).astype(np.float32)

    seen = insight.Seen(features, ab, distribution)

    def see(_):
        return seen

    see.palette = palette / lab.AB_SCALE
    monkeypatch.setattr(insight, "shipped", lambda: see)
    expected = likely.largest(lightness)
    assert expected.share == (thing == 1).mean() and len(expected.colors) >= 2
    is_the_same(on_the_page(see, seen, lightness), expected)


@pytest.mark.parametrize(
    "name",
    ["coffee", "camera", *(pytest.param(name, marks=pytest.mark.slow) for name in ("astronaut", "chelsea", "rocket"))],
)
def test_what_the_shipped_network_sees_gives_the_same_thing(name):
    photo = getattr(skimage.data, name)()
    gray = np.uint8(255 * skimage.color.rgb2gray(photo)) if photo.ndim == 3 else photo
    lightness = Colorizer.load(threads=1).lightness(Image.fromarray(gray))
    see = insight.shipped()
    is_the_same(on_the_page(see, see(lightness), lightness), likely.largest(lightness))
