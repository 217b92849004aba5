"""Colors by hand on the page: dots, the panel, and pixels that are those of `Colorizer` with the same hints."""

import json
import subprocess

import numpy as np
import pytest
import skimage.data
import web_browser
from PIL import Image
from playwright import sync_api

from tf_colorize import Colorizer
from tf_colorize.inference import hints as hints_module

pytest_plugins = ["web_fixtures"]

CAMERA = skimage.data.camera()[:300]
PHOTO = web_browser.encoded(Image.fromarray(CAMERA))


@pytest.fixture(scope="module")
def colorizer(hinting_model):
    return Colorizer.from_tflite(hinting_model)


@pytest.fixture(scope="module")
def arrived(chromium, hinting_server):
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    yield web_browser.Visitor(context.new_page(), hinting_server.url).wait_until_ready()
    context.close()


@pytest.fixture
def visitor(arrived):
    """A visitor with a colorized photo on a page whose model takes hints."""
    arrived.colors("photo.png", PHOTO)
    yield arrived
    arrived.tidies_up()
    assert arrived.errors == []


def painted_by_the_page(hints, size, image_size, lightness, vividness):
    """What worker/hints.js paints, before and after `beforeVividness`, as `hints.raster` shapes it."""
    code = """
        import { paint, beforeVividness } from "./src/worker/hints.js";
        const [hints, [width, height], size, lightness, vividness] = JSON.parse(process.argv[1]);
        const painted = paint(hints, { width, height }, size);
        const before = [...painted];
        beforeVividness(painted, Float32Array.from(lightness), vividness);
        console.log(JSON.stringify([before, [...painted]]));
    """
    given = json.dumps([hints, size, image_size, lightness.ravel().tolist(), vividness])
    command = ["node", "--input-type=module", "--eval", code, given]
    printed = subprocess.run(command, cwd=web_browser.WEB, check=True, capture_output=True, text=True).stdout
    return [np.float32(values).reshape(1, image_size, image_size, 3) for values in json.loads(printed)]


@pytest.mark.parametrize(
    ("size", "vividness"), [((400, 300), 1.0), ((31, 500), 1.6), ((7, 3), 0.4), ((3000, 2000), 2.0)], ids=str
)
def test_hints_are_painted_as_python_paints_them(size, vividness):
    random = np.random.default_rng(4)
    colors = ["#7a4b2c", "#000080", "#808080", "#ff0000", "#0a0c05", "#fdfff0"]
    places = [(float(random.uniform(0, size[0])), float(random.uniform(0, size[1]))) for _ in range(12)]
    places += [(0, 0), (size[0] - 1, size[1] - 1)]
    hints = [{"x": x, "y": y, "color": colors[index % len(colors)]} for index, (x, y) in enumerate(places)]
    lightness = random.uniform(-0.95, 0.95, (1, 32, 32, 1)).astype(np.float32)
    before, after = painted_by_the_page(hints, size, 32, lightness, vividness)
    expected = hints_module.raster([hints_module.Hint(**one) for one in hints], size, 32)
    assert expected[..., 2].sum() > 20
    np.testing.assert_array_equal(before[..., 2], expected[..., 2])
    np.testing.assert_allclose(before, expected, atol=1e-5)
    np.testing.assert_allclose(after, hints_module.before_vividness(expected, lightness, vividness), atol=1e-4)


@pytest.mark.parametrize("percent", [100, 160])
def test_pixels_are_those_of_the_colorizer_with_the_same_hints(visitor, colorizer, percent):
    visitor.puts_dot(0.8, 0.3)
    visitor.page.fill("#code", "#3060a0")
    visitor.puts_dot(0.3, 0.8)
    visitor.page.fill("#code", "teal")
    visitor.sets_vividness(percent)
    saved_as, received = visitor.downloads()
    assert saved_as == "photo.color.png"
    hints = [(409, 90, "#3060a0"), (153, 240, "teal")]
    expected = colorizer(CAMERA, hints=hints, vividness=percent / 100)
    assert web_browser.share_that_agrees(received, expected) >= 0.995
    assert np.mean(np.abs(expected.astype(int) - colorizer(CAMERA, vividness=percent / 100)).max(axis=-1) > 10) > 0.2


def test_a_click_puts_a_dot_that_keeps_the_color_until_another_is_chosen(visitor, colorizer):
    dot = visitor.puts_dot(0.7, 0.3)
    automatic = colorizer(CAMERA)
    color = "#{:02x}{:02x}{:02x}".format(*automatic[90, 358])
    sync_api.expect(dot).to_have_attribute("aria-label", f"Dot 1: {color} at 358, 90")
    _, received = visitor.downloads()
    assert web_browser.share_that_agrees(received, automatic, gray_levels=12) > 0.98
    visitor.page.fill("#code", "#2040c0")
    sync_api.expect(dot).to_have_attribute("aria-label", "Dot 1: #2040c0 at 358, 90")
    visitor.until(lambda: is_bluer_than_red(visitor.seen(0.66, 0.69)))
    visitor.page.click("#keep-gray")
    _, received = visitor.downloads()
    assert np.ptp(np.asarray(web_browser.opened(received))[90, 358].astype(int)) <= 3


def is_bluer_than_red(pixels):
    return (pixels[..., 2] - pixels[..., 0]).mean() > 20
