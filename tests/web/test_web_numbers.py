"""The page calculates what Python calculates: its modules in Node, without a browser."""

import base64
import dataclasses

import numpy as np
import pytest
import skimage.data
import web_browser
import web_stage
from PIL import Image

from tf_colorize import hints as hints_module
from tf_colorize.color import colorfulness, lab
from tf_colorize.color.look import ADJUSTMENTS, Look
from tf_colorize.inference import predictor


def painted_by_the_page(hints, size, lightness, look):
    """What worker/painting.js paints, before and after `undoLook`, as `hints.raster` shapes it."""
    code = """
        import { paint, undoLook } from "./src/worker/painting.js";
        const [hints, [width, height], values, look] = given;
        const lightness = Float32Array.from(values);
        const painted = paint(hints, { width, height }, lightness);
        const before = [...painted];
        undoLook(painted, lightness, look);
        console.log(JSON.stringify([before, [...painted]]));
    """
    pair = web_browser.in_node(code, hints, size, lightness.ravel().tolist(), dataclasses.asdict(look))
    return [np.float32(values).reshape(*lightness.shape[:3], 3) for values in pair]


@pytest.mark.parametrize(
    ("size", "look"),
    [((400, 300), Look()), ((31, 500), Look(1.6)), ((7, 3), Look(0.4, -0.7)), ((3000, 2000), Look(2.0, 0.5))],
    ids=str,
)
def test_hints_are_painted_as_python_paints_them(size, look):
    random = np.random.default_rng(4)
    colors = ["#7a4b2c", "#000080", "#808080", "#ff0000", "#0a0c05", "#fdfff0"]
    places = [(float(random.uniform(0, size[0])), float(random.uniform(0, size[1]))) for _ in range(12)]
    places += [(0, 0), (size[0] - 1, size[1] - 1)]
    hints = [{"x": x, "y": y, "color": colors[index % len(colors)]} for index, (x, y) in enumerate(places)]
    hints[0]["size"] = size[0] / 4
    lightness = random.uniform(-0.95, 0.95, (1, 32, 32, 1)).astype(np.float32)
    before, after = painted_by_the_page(hints, size, lightness, look)
    expected = hints_module.raster([hints_module.Hint(**one) for one in hints], size, lightness)
    assert expected[..., 2].sum() > 20
    np.testing.assert_array_equal(before[..., 2], expected[..., 2])
    np.testing.assert_allclose(before, expected, atol=1e-5)
    np.testing.assert_allclose(after, hints_module.before_look(expected, lightness, look), atol=1e-4)


def test_colors_of_a_mixture_are_its_parts():
    random = np.random.default_rng(2)
    parts = {(60.0, 30.0): 0.5, (-40.0, 20.0): 0.3, (0.0, -50.0): 0.2}
    palette = np.concatenate([random.normal(center, 3, (30, 2)) for center in parts])
    shares = np.repeat([share / 30 for share in parts.values()], 30)
    code = """
        import { distinct } from "./src/worker/likely.js";
        console.log(JSON.stringify(distinct(...given)));
    """
    found = lab.AB_SCALE * np.array(web_browser.in_node(code, (palette / lab.AB_SCALE).tolist(), shares.tolist()))
    assert len(found) >= 3
    assert np.linalg.norm(found[:3] - np.array(list(parts)), axis=1).max() < 6


def test_without_a_palette_colors_of_equally_bright_places_are_suggested():
    lightness = np.repeat(np.float32([-0.6, 0.0, 0.6]), 32)[np.newaxis].repeat(96, axis=0)
    ab = np.stack([0.5 * lightness, 0.1 - 0.4 * lightness], axis=-1)
    code = """
        import { alike, distinct } from "./src/worker/likely.js";
        const [lightness, ab, size, here] = given;
        const { palette, shares } = alike(Float32Array.from(lightness), Float32Array.from(ab), size, here);
        console.log(JSON.stringify(distinct(palette, shares)));
    """
    for here in (-0.6, 0.6):
        found = web_browser.in_node(code, lightness.ravel().tolist(), ab.ravel().tolist(), 96, here)
        np.testing.assert_allclose(found[0], [0.5 * here, 0.1 - 0.4 * here], atol=1e-5)


def test_a_suggested_color_has_its_hue_and_chroma_at_any_lightness():
    palette = lab.ab_palette()[::9]
    cases = [(lightness, ab.tolist()) for lightness in (-0.1, 0.3, 0.7) for ab in palette]
    code = """
        import { hexOf } from "./src/photo/lab.js";
        console.log(JSON.stringify(given[0].map(([lightness, ab]) => hexOf(lightness, ab))));
    """
    received = web_stage.ab_of(web_browser.in_node(code, cases))
    wanted = np.array([ab for _, ab in cases])
    distance = np.linalg.norm(received - wanted, axis=-1) * lab.AB_SCALE
    # A bin of the palette has a color that sRGB has, but its center, up to 7 units away, may be none.
    assert np.mean(distance < 1.5) > 0.8 and distance.max() < 12


LOOKS = [Look(0.0), Look(0.45, 0.2), Look(1.0, -1.0), Look(1.0, 1.0), Look(1.7, 0.35), Look(2.0, -0.15)]


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_a_look_gives_the_colors_that_it_gives_in_python(look):
    rgb = np.random.default_rng(5).integers(0, 256, (1, 3000, 3)).astype(np.uint8)
    lightness, ab = lab.rgb_to_lightness_ab(rgb)
    code = """
        import { applied } from "./src/photo/look.js";
        const [lightness, ab, look] = given;
        console.log(JSON.stringify(packed(applied(lightness, ab, look))));
    """
    expected = look.applied(lightness, ab)
    found = web_browser.in_node(code, lightness, ab, dataclasses.asdict(look)).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, atol=2e-5)
    shown = lab.lightness_ab_to_rgb(lightness, found)
    assert np.abs(shown.astype(int) - lab.lightness_ab_to_rgb(lightness, expected)).max() <= 1


def test_the_page_has_all_adjustments_with_their_ranges():
    code = """
        import { PLAIN, checked } from "./src/photo/look.js";
        const isTaken = (look) => { try { return Boolean(checked(look)); } catch { return false; } };
        console.log(JSON.stringify([PLAIN, given[0].map(isTaken)]));
    """
    edges = [{name: value} for name in ADJUSTMENTS for value in Look.range_of(name)]
    outside = [
        {name: value}
        for name in ADJUSTMENTS
        for value in (Look.range_of(name)[0] - 0.01, Look.range_of(name)[1] + 0.01, "1")
    ]
    plain, taken = web_browser.in_node(code, edges + outside)
    assert plain == {**{name: getattr(Look(), name) for name in ADJUSTMENTS}, "reference": []}
    assert taken == [True] * len(edges) + [False] * len(outside)


def judged_by_the_page(photos):
    """The distance from a single tone and the verdict for each photo, from one process of Node for all of them."""
    code = """
        import { ColorJudge } from "./src/worker/color_judge.js";
        const judged = ([width, height, bytes]) => {
            const judge = new ColorJudge(width, height);
            const data = Uint8ClampedArray.from(Buffer.from(bytes, "base64"));
            for (let row = 0; row < height; row++) judge.push(data, row * width);
            return [judge.toneDistance(), judge.hasColor()];
        };
        console.log(JSON.stringify(given.map(judged)));
    """
    pixels = [np.asarray(photo.convert("RGBA")) for photo in photos]
    given = [(rgba.shape[1], rgba.shape[0], base64.b64encode(rgba.tobytes()).decode()) for rgba in pixels]
    return web_browser.in_node(code, *given)


def around_the_threshold():
    """Photos between sepia and their own colors, of several sizes and kinds."""
    coffee = skimage.data.coffee()
    gray = np.asarray(Image.fromarray(coffee).convert("L"), float)[..., np.newaxis]
    sepia = gray * [1.0, 0.85, 0.65] + [12, 6, 0]
    for share in (0.0, 0.1, 0.15, 0.2, 0.22, 0.24, 0.26, 0.28, 0.35, 1.0):
        mixture = Image.fromarray((sepia + share * (coffee - sepia)).clip(0, 255).astype(np.uint8))
        yield f"coffee {share}", mixture
        yield f"small coffee {share}", mixture.resize((97, 61))
    yield "one pixel", Image.new("RGB", (1, 1), (200, 30, 30))
    yield "one color", Image.new("RGB", (300, 200), (200, 30, 30))
    yield "gray in RGB", Image.fromarray(skimage.data.camera()).convert("RGB")
    yield "narrow", Image.fromarray(coffee).resize((3000, 7))
    photo = Image.fromarray(coffee)
    photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    yield "transparent", photo
    stamp = Image.fromarray(skimage.data.camera()).convert("RGB")
    for side in (30, 50, 60, 70, 90):
        stamped = stamp.copy()
        stamped.paste((180, 20, 30), (10, 10, 10 + side, 10 + side))
        yield f"a stamp of {side} pixels", stamped


def test_page_and_command_share_one_rule_for_color():
    names, photos = zip(*around_the_threshold())
    verdicts, distances = [], []
    for name, photo, (distance, has_color) in zip(names, photos, judged_by_the_page(photos), strict=True):
        verdicts.append(colorfulness.has_color(photo))
        distances.append(colorfulness.tone_distance(photo))
        assert has_color == verdicts[-1] and distance == pytest.approx(distances[-1], abs=0.01), name
    # They are on both sides of the threshold, and many of them are near it.
    assert 8 < sum(verdicts) < len(verdicts) - 8 and np.sum(np.abs(np.array(distances) - 6) < 2) >= 8


def test_the_size_of_a_photo_is_the_one_that_python_chooses():
    model = predictor.Predictor(224, abs, larger_sizes=(320, 416))
    random = np.random.default_rng(0)
    photos = [(320, 320), (319, 320), (321, 319), (416, 416), (415, 416), (20000, 5), (20000, 9), (1, 1)]
    photos += random.integers(1, 900, (200, 2)).tolist()
    code = """
        import { sizeFor } from "./src/worker/sizes.js";
        const [photos, sides, gigabytes] = given;
        console.log(JSON.stringify(photos.map(([width, height]) => sizeFor({ width, height }, sides, gigabytes))));
    """
    expected = [model.size_for(width, height) for width, height in photos]
    assert len(set(expected)) == 3
    assert web_browser.in_node(code, photos, [224, 320, 416], 4) == expected
    # Phones with little memory.
    assert web_browser.in_node(code, photos, [224, 320, 416], 2) == [min(side, 320) for side in expected]
    assert set(web_browser.in_node(code, photos, [224, 320, 416], 0.5)) == {224}


@pytest.mark.parametrize(("side", "size"), [(320, 224), (416, 224), (64, 224), (224, 224)])
def test_squares_are_resized_as_pillow_does(side, size):
    square = np.random.default_rng(side).uniform(-1, 1, (side, side)).astype(np.float32)
    code = """
        import { resized } from "./src/worker/resample.js";
        console.log(JSON.stringify(packed(resized(given[0], given[1]))));
    """
    found = web_browser.in_node(code, square, size).reshape(size, size)
    expected = np.asarray(Image.fromarray(square).resize((size, size), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(found, expected, atol=1e-6)
