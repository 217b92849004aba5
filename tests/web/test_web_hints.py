"""Colors by hand on the page: dots, the panel, and pixels that are those of `Colorizer` with the same hints."""

import io
import json
import re
import zipfile

import numpy as np
import pytest
import web_browser
import web_stage
from ai_edge_litert import interpreter as litert
from playwright import sync_api

from tf_colorize import Colorizer, model_metadata
from tf_colorize import hints as hints_module
from tf_colorize.color import lab

pytest_plugins = ["web_fixtures"]


@pytest.fixture
def visitor(colorized):
    return colorized


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
    expected = colorizer(web_stage.CAMERA, hints=hints, vividness=percent / 100)
    assert web_browser.share_that_agrees(received, expected) >= 0.995
    assert (
        np.mean(np.abs(expected.astype(int) - colorizer(web_stage.CAMERA, vividness=percent / 100)).max(axis=-1) > 10)
        > 0.2
    )


def test_likely_colors_are_the_modes_of_the_networks_distribution(visitor, hinting_model):
    dot = visitor.puts_dot(0.7, 0.3)
    swatches = visitor.page.locator("#likely .swatch")
    sync_api.expect(swatches.first).to_be_visible()
    colors = swatches.evaluate_all("all => all.map(({value}) => value)")
    offered = lab.AB_SCALE * web_stage.ab_of(colors)
    palette, shares = distribution(hinting_model, web_stage.CAMERA, 358, 90)
    squares = np.square(palette[:, np.newaxis] - palette).sum(axis=-1)
    density = np.exp(-squares / (2 * 10**2)) @ shares
    assert np.linalg.norm(offered[0] - palette[density.argmax()]) < 1.5  # bytes round
    assert 2 <= len(colors) <= 6
    distances = np.linalg.norm(offered[:, np.newaxis] - offered, axis=-1)
    assert distances[np.triu_indices(len(colors), 1)].min() > 15
    swatches.nth(1).click()
    sync_api.expect(dot).to_have_attribute("aria-label", f"Dot 1: {colors[1]} at 358, 90")
    sync_api.expect(swatches.nth(1)).to_have_attribute("aria-pressed", "true")
    sync_api.expect(swatches.nth(1)).to_have_attribute("aria-label", re.compile(f"^[a-z ]+, {colors[1]}$"))


def distribution(path, gray, x, y):
    """Palette in Lab units and probabilities at a place of a photo, by LiteRT in Python."""
    metadata = model_metadata.of_tflite(path)
    interpreter = litert.Interpreter(str(path))
    interpreter.allocate_tensors()
    lightness, hints = sorted(interpreter.get_input_details(), key=lambda detail: detail["shape"][-1])
    interpreter.set_tensor(lightness["index"], Colorizer.from_tflite(path).lightness(gray))
    interpreter.set_tensor(hints["index"], np.zeros(hints["shape"], np.float32))
    interpreter.invoke()
    (logits,) = (one for one in interpreter.get_output_details() if one["shape"][-1] > 2)
    _, rows, columns, _ = logits["shape"]
    here = interpreter.get_tensor(logits["index"])[0, y * rows // gray.shape[0], x * columns // gray.shape[1]]
    shares = np.exp((here - here.max()) * metadata["palette_temperature"])
    return np.array(metadata["palette"]), shares / shares.sum()


def test_hints_are_saved_and_opened_as_python_does(visitor, tmp_path, colorizer):
    visitor.puts_dot(0.7, 0.3)
    visitor.page.fill("#code", "#2040c0")
    with visitor.page.expect_download() as download:
        visitor.page.click("#save-hints")
    assert download.value.suggested_filename == "photo.hints.json"
    download.value.save_as(tmp_path / "photo.hints.json")
    written = [hints_module.Hint(358, 90, "#2040c0")]
    assert hints_module.read(tmp_path / "photo.hints.json") == written
    hints_module.write(written, tmp_path / "python.json")
    assert (tmp_path / "photo.hints.json").read_text() == (tmp_path / "python.json").read_text()
    given = [("25%", "60%", "teal"), (400, "100%", "#a52"), ("100%", 7.6, "rgb(200, 90, 30)")]
    entries = [dict(zip(("x", "y", "color"), one)) for one in given]
    content = json.dumps({"version": 1, "hints": entries}).encode()
    visitor.hands_over("drop", "photo.hints.json", content)
    labels = ["Dot 1: #008080 at 128, 180", "Dot 2: #aa5522 at 400, 299", "Dot 3: #c85a1e at 511, 7"]
    for index, label in enumerate(labels):
        sync_api.expect(visitor.page.locator(".dot").nth(index)).to_have_attribute("aria-label", label)
    _, received = visitor.downloads()
    assert web_browser.share_that_agrees(received, colorizer(web_stage.CAMERA, hints=given)) >= 0.995
    visitor.page.click("#undo")
    sync_api.expect(visitor.page.locator(".dot")).to_have_attribute("aria-label", "Dot 1: #2040c0 at 358, 90")


BAD_FILES = [
    ("{", "It is not valid JSON ("),
    ("[]", 'It is not a hints file. It must be like {"version": 1'),
    ({"version": 2, "hints": []}, "It has version 2; this page reads 1."),
    ({"hints": []}, "It has version none; this page reads 1."),
    ({"version": 1, "hints": [{"x": 1}]}, 'The hint {"x":1} must be like'),
    ({"version": 1, "hints": [{"x": 512, "y": 2, "color": "red"}]}, "The hint at 512, 2 is not inside the photo"),
    (
        {"version": 1, "hints": [{"x": 1, "y": "101%", "color": "red"}]},
        "The hint at 1, 101% is not inside the photo, which has 512 × 300",
    ),
    ({"version": 1, "hints": [{"x": 1, "y": 2, "color": "#12"}]}, 'The hint color "#12" must be like #7a4b2c'),
    (
        {"version": 1, "hints": [{"x": 1, "y": 2, "color": "red"}] * 10_000},
        "It has 10000 hints; a photo can have 500.",
    ),
]


def test_a_bad_hints_file_is_reported_in_one_line_and_nothing_is_lost(visitor):
    dot = visitor.puts_dot(0.7, 0.3)
    label = dot.get_attribute("aria-label")
    for content, message in BAD_FILES:
        text = content if isinstance(content, str) else json.dumps(content)
        visitor.choose(("bad.hints.json", text.encode()))
        visitor.sees(".notice", f"bad.hints.json: {message}")
        assert visitor.page.locator(".notice").count() == 1
        assert visitor.page.locator(".dot").evaluate_all("all => all.map((one) => one.ariaLabel)") == [label]
        visitor.page.click(".notice button")


def test_the_left_side_shows_the_colors_without_dots(visitor):
    page = visitor.page
    options = page.locator("#left-look option")
    sync_api.expect(options).to_have_text(["Black and white"])
    visitor.puts_dot(0.3, 0.3)
    page.fill("#code", "#2040c0")
    sync_api.expect(options).to_have_text(["Black and white", "Without dots"])
    page.select_option("#left-look", "automatic")
    visitor.until(lambda: np.ptp(visitor.seen(0.25, 0.28), axis=-1).mean() > 5)
    without = visitor.seen(0.25, 0.28)
    page.click("#close-panel")
    page.locator("#split").press("Home")
    visitor.until(lambda: np.abs(visitor.seen(0.25, 0.28) - without).mean() > 10)
    page.select_option("#left-look", "gray")


def test_dots_stay_with_their_photo(visitor):
    visitor.puts_dot(0.7, 0.3)
    visitor.page.fill("#code", "#2040c0")
    content = json.dumps({"version": 1, "hints": [{"x": "10%", "y": "20%", "color": "#108030"}] * 2}).encode()
    visitor.choose(("other.hints.json", content), ("other.png", web_stage.PHOTO))
    visitor.sees("#info", "other.png")
    sync_api.expect(visitor.page.locator(".dot")).to_have_count(2)
    sync_api.expect(visitor.page.locator("#hint-panel")).to_be_hidden()
    visitor.waits_for_all(2)
    visitor.page.get_by_role("button", name="photo.png", exact=True).click()
    sync_api.expect(visitor.page.locator(".dot")).to_have_attribute("aria-label", "Dot 1: #2040c0 at 358, 90")
    _, received = visitor.downloads("#download-all")
    with zipfile.ZipFile(io.BytesIO(received)) as archive:
        names = ["photo.color.png", "photo.hints.json", "other.color.png", "other.hints.json"]
        assert archive.namelist() == names
        assert json.loads(archive.read("other.hints.json"))["hints"][0] == {"x": 51, "y": 60, "color": "#108030"}


def test_a_model_without_hints_shows_a_message_and_offers_no_dots(new_visitor):
    visitor = new_visitor().wait_until_ready()
    visitor.colors("photo.png", web_stage.PHOTO)
    visitor.sees("#hint-line", "The model colorizer takes no hints, so you cannot set colors yourself.")
    visitor.page.mouse.click(*visitor.place(0.7, 0.3))
    visitor.page.wait_for_timeout(500)
    assert visitor.page.locator(".dot").count() == 0
    for selector in ("#hint-panel", "#point", "#save-hints"):
        sync_api.expect(visitor.page.locator(selector)).to_be_hidden()


# Milliseconds from a change of the picked color to the drawing on the right canvas, several times.
