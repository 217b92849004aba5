"""Colors by hand on the page: dots, the panel, and pixels that are those of `Colorizer` with the same hints."""

import io
import json
import re
import zipfile

import numpy as np
import pytest
import skimage.data
import web_browser
from ai_edge_litert import interpreter as litert
from PIL import Image
from playwright import sync_api

from tf_colorize import Colorizer
from tf_colorize import hints as hints_module
from tf_colorize.color import lab
from tf_colorize.inference import runtimes

pytest_plugins = ["web_fixtures"]

CAMERA = skimage.data.camera()[:300]
PHOTO = web_browser.encoded(Image.fromarray(CAMERA))


@pytest.fixture(scope="module")
def colorizer(hinting_model):
    return Colorizer.from_tflite(hinting_model)


@pytest.fixture(scope="module")
def arrived(chromium, hinting_server):
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, service_workers="block")
    yield web_browser.Visitor(context.new_page(), hinting_server.url).wait_until_ready()
    context.close()


@pytest.fixture
def visitor(arrived):
    """A visitor with a colorized photo on a page whose model takes hints."""
    arrived.colors("photo.png", PHOTO)
    yield arrived
    arrived.tidies_up()
    assert arrived.errors == []


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


def test_likely_colors_are_the_modes_of_the_networks_distribution(visitor, hinting_model):
    dot = visitor.puts_dot(0.7, 0.3)
    swatches = visitor.page.locator("#likely .swatch")
    sync_api.expect(swatches.first).to_be_visible()
    colors = swatches.evaluate_all("all => all.map(({value}) => value)")
    offered = lab.AB_SCALE * np.array([hints_module.Hint(0, 0, color).ab() for color in colors])
    palette, shares = distribution(hinting_model, CAMERA, 358, 90)
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
    metadata = runtimes._tflite_metadata(path)
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


def test_the_keyboard_alone_is_enough(visitor):
    page, press = visitor.page, visitor.page.keyboard.press
    page.locator("#split").focus()
    press("Tab")
    point = page.locator("#point")
    sync_api.expect(point).to_be_focused()
    for key in ["ArrowRight"] * 3 + ["ArrowUp", "Shift+ArrowUp"]:
        press(key)
    sync_api.expect(point).to_have_attribute("aria-label", re.compile(r"^Point at 2[67]\d, 14\d: Enter puts a dot"))
    press("Enter")
    dot = page.locator(".dot")
    sync_api.expect(page.locator("#hint-panel")).to_be_visible()
    sync_api.expect(page.locator("#hint-panel :focus")).to_have_count(1)
    page.locator("#code").focus()
    press("Control+A")
    page.keyboard.type("#2040c0")
    press("Escape")
    sync_api.expect(page.locator("#hint-panel")).to_be_hidden()
    sync_api.expect(dot).to_be_focused()
    sync_api.expect(dot).to_have_attribute("aria-label", re.compile("^Dot 1: #2040c0"))
    before = place_of(dot)
    press("ArrowLeft")
    assert place_of(dot)[0] < before[0] and place_of(dot)[1] == before[1]
    press("Enter")
    sync_api.expect(page.locator("#hint-panel")).to_be_visible()
    press("Escape")
    press("Delete")
    sync_api.expect(dot).to_have_count(0)
    press("Control+z")
    sync_api.expect(dot).to_have_count(1)
    press("Control+z")
    assert place_of(dot) == before
    press("Control+Shift+z")
    press("Control+y")
    sync_api.expect(dot).to_have_count(0)


def place_of(dot):
    x, y = re.search(r"at (\d+), (\d+)$", dot.get_attribute("aria-label")).groups()
    return int(x), int(y)


def test_a_dot_is_dragged_undone_and_redone(visitor):
    dot = visitor.puts_dot(0.7, 0.3)
    visitor.page.fill("#code", "#2040c0")
    visitor.page.mouse.move(*visitor.place(0.7, 0.3))
    visitor.page.mouse.down()
    for share in (0.65, 0.6, 0.55):
        visitor.page.mouse.move(*visitor.place(share, 0.4))
    visitor.page.mouse.up()
    x, y = place_of(dot)
    assert (x, y) == (pytest.approx(0.55 * 512, abs=2), pytest.approx(0.4 * 300, abs=2))
    assert split_of(visitor) == 50  # the divider stays
    undo, redo = visitor.page.locator("#undo"), visitor.page.locator("#redo")
    undo.click()
    assert place_of(dot) == (358, 90)
    undo.click()
    sync_api.expect(dot).not_to_have_attribute("aria-label", re.compile("#2040c0"))
    undo.click()
    sync_api.expect(dot).to_have_count(0)
    sync_api.expect(undo).to_be_disabled()
    for _ in range(3):
        redo.click()
    assert place_of(dot) == (x, y)
    sync_api.expect(redo).to_be_disabled()
    dot.press("Delete")
    sync_api.expect(dot).to_have_count(0)


def split_of(visitor):
    return visitor.page.locator("#frame").evaluate("frame => parseFloat(frame.style.getPropertyValue('--split'))")


def test_a_double_click_zooms_and_leaves_no_dot(visitor):
    visitor.page.mouse.dblclick(*visitor.place(0.7, 0.3))
    sync_api.expect(visitor.page.locator("#zoom-fit")).not_to_have_text("Fit")
    visitor.page.wait_for_timeout(300)
    assert visitor.page.locator(".dot").count() == 0
    sync_api.expect(visitor.page.locator("#undo")).to_be_disabled()
    visitor.page.click("#zoom-fit")


def test_the_result_follows_while_a_color_is_being_picked(visitor):
    visitor.puts_dot(0.7, 0.3)
    picker = visitor.page.locator("#any-color")
    for color in ("#d02010", "#2040c0"):
        picker.evaluate("(input, color) => { input.value = color; input.dispatchEvent(new Event('input')) }", color)
        if color == "#d02010":
            visitor.until(lambda: is_bluer_than_red(-visitor.seen(0.66, 0.69)))
    visitor.until(lambda: is_bluer_than_red(visitor.seen(0.66, 0.69)))
    picker.evaluate("input => input.dispatchEvent(new Event('change'))")
    visitor.page.click("#undo")  # all of it was one change
    sync_api.expect(picker).not_to_have_value("#2040c0")
    sync_api.expect(picker).not_to_have_value("#d02010")


# Changes the color of a dot much faster than the network runs, and counts the pictures that come after the last change.
FAST_CHANGES = """async (colors) => {
    const prototype = ImageBitmapRenderingContext.prototype, transfer = prototype.transferFromImageBitmap;
    const wait = (time) => new Promise((resolve) => setTimeout(resolve, time));
    let count = 0, latest = 0;
    prototype.transferFromImageBitmap = function (bitmap) {
        transfer.call(this, bitmap);
        if (this.canvas.id === "right") [count, latest] = [count + 1, performance.now()];
    };
    const input = document.getElementById("any-color");
    for (const color of colors) {
        input.value = color;
        input.dispatchEvent(new Event("input"));
        await wait(5);
    }
    const during = count;
    latest = performance.now();
    while (performance.now() < latest + 3000) await wait(100);
    prototype.transferFromImageBitmap = transfer;
    return count - during;
}"""


def test_changes_that_come_faster_than_pictures_do_not_queue(visitor):
    visitor.puts_dot(0.7, 0.3)
    after = visitor.page.evaluate(FAST_CHANGES, [*(f"#d0{step:02x}10" for step in range(40)), "#2040c0"])
    assert 1 <= after < 10  # those in the making and that of the last change; 41 if they queued
    assert is_bluer_than_red(visitor.seen(0.66, 0.69))


def test_the_eyedropper_takes_a_color_from_the_photo(visitor):
    visitor.puts_dot(0.3, 0.7)
    visitor.page.fill("#code", "#2040c0")
    visitor.puts_dot(0.8, 0.2)
    visitor.page.click("#pick")
    sync_api.expect(visitor.page.locator("#pick")).to_have_attribute("aria-pressed", "true")
    visitor.page.mouse.click(*visitor.place(0.33, 0.8))
    sync_api.expect(visitor.page.locator("#pick")).to_have_attribute("aria-pressed", "false")
    assert visitor.page.locator(".dot").count() == 2
    _, received = visitor.downloads()
    expected = "#{:02x}{:02x}{:02x}".format(*np.asarray(web_browser.opened(received))[240, 168])
    # The color was taken before the dot spread it.
    taken = hints_module.Hint(0, 0, visitor.page.input_value("#code")).ab()
    assert np.linalg.norm(taken - hints_module.Hint(0, 0, expected).ab()) < 0.25
    visitor.page.locator("#used .swatch").click()
    sync_api.expect(visitor.page.locator("#code")).to_have_value("#2040c0")


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
    assert web_browser.share_that_agrees(received, colorizer(CAMERA, hints=given)) >= 0.995
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


def test_a_bad_hints_file_is_one_line_and_nothing_is_lost(visitor):
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
    visitor.choose(("other.hints.json", content), ("other.png", PHOTO))
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


def test_a_model_without_hints_says_so_and_offers_no_dots(new_visitor):
    visitor = new_visitor().wait_until_ready()
    visitor.colors("photo.png", PHOTO)
    visitor.sees("#hint-line", "The model colorizer takes no hints, so colors cannot be set by hand.")
    visitor.page.mouse.click(*visitor.place(0.7, 0.3))
    visitor.page.wait_for_timeout(500)
    assert visitor.page.locator(".dot").count() == 0
    for selector in ("#hint-panel", "#point", "#history", "#save-hints"):
        sync_api.expect(visitor.page.locator(selector)).to_be_hidden()


def test_fingers_put_choose_and_drag_on_a_narrow_screen(new_visitor, hinting_server):
    options = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
    visitor = new_visitor(hinting_server.url, **options).wait_until_ready()
    page = visitor.page
    visitor.colors("photo.png", PHOTO)
    page.touchscreen.tap(*visitor.place(0.8, 0.3))
    panel = page.locator("#hint-panel")
    sync_api.expect(panel).to_be_visible()
    sync_api.expect(page.locator("#likely .swatch").first).to_be_visible()
    page.locator("#likely .swatch").nth(1).tap()
    color = page.locator("#likely .swatch").nth(1).get_attribute("value")
    dot = page.locator(".dot")
    sync_api.expect(dot).to_have_attribute("aria-label", re.compile(f"^Dot 1: {color}"))
    # The photo is not covered, and everything is large enough for a finger.
    frame, box = page.locator("#frame").bounding_box(), panel.bounding_box()
    assert frame["y"] >= 0 and frame["y"] + frame["height"] <= box["y"] + 1
    for selector in ("#hint-panel button", "#hint-panel input", ".dot", "#undo"):
        for part in page.locator(selector).all():
            size = part.bounding_box()
            assert min(size["width"], size["height"]) >= 40, selector
    before = place_of(dot)
    x, y = visitor.place(0.8, 0.3)
    visitor.touches(*([{"x": x - step, "y": y + step, "id": 1}] for step in (0, 10, 40)))
    visitor.until(lambda: place_of(dot)[0] < before[0] - 20 and place_of(dot)[1] > before[1] + 20)
    page.locator("#remove-dot").tap()
    sync_api.expect(dot).to_have_count(0)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_no_barrier_with_dots_and_panel_on_any_screen(visitor):
    visitor.puts_dot(0.7, 0.3)
    visitor.puts_dot(0.3, 0.6)
    visitor.page.locator("#likely .swatch").nth(1).click()
    try:
        for width in (360, 1280, 2560):
            for scheme in ("light", "dark"):
                visitor.page.set_viewport_size({"width": width, "height": width * 5 // 8 + 400})
                visitor.page.emulate_media(color_scheme=scheme)
                assert visitor.violations() == []
                assert visitor.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    finally:
        visitor.page.set_viewport_size({"width": 1280, "height": 900})
        visitor.page.emulate_media(color_scheme="light")


# Milliseconds from a change of the picked color to the drawing on the right canvas, several times.
