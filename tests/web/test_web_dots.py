"""Dots on the page's photo: put, chosen, dragged and removed with mouse, keyboard and fingers."""

import re

import numpy as np
import pytest
import web_browser
import web_stage
from playwright import sync_api

from tf_colorize.color import lab, oklab

pytest_plugins = ["web_fixtures"]


@pytest.fixture
def visitor(colorized):
    return colorized


def test_a_click_puts_a_dot_that_keeps_the_color_until_another_is_chosen(visitor, colorizer):
    dot = visitor.puts_dot(0.7, 0.3)
    automatic = colorizer(web_stage.CAMERA)
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


def test_a_dot_shows_the_color_that_its_place_gets(visitor):
    dot = visitor.puts_dot(0.7, 0.3)  # a light place
    visitor.page.fill("#code", "#000080")
    lightness = lab.gray_to_lightness(web_stage.CAMERA[90, 358])
    ab = oklab.ab_of_thing(np.uint8([0, 0, 128]), lightness[0])
    expected = "rgb({}, {}, {})".format(*lab.lightness_ab_to_rgb(lightness, ab))
    sync_api.expect(dot).to_have_attribute("aria-label", "Dot 1: #000080 at 358, 90")
    visitor.until(lambda: shown_by(dot) == expected)
    sync_api.expect(visitor.page.locator("#code")).to_have_value("#000080")


def shown_by(dot):
    return dot.evaluate("dot => getComputedStyle(dot, '::before').backgroundColor")


def is_bluer_than_red(pixels):
    return (pixels[..., 2] - pixels[..., 0]).mean() > 20


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
    before = web_stage.place_of(dot)
    press("ArrowLeft")
    assert web_stage.place_of(dot)[0] < before[0] and web_stage.place_of(dot)[1] == before[1]
    press("Enter")
    sync_api.expect(page.locator("#hint-panel")).to_be_visible()
    press("Escape")
    press("Delete")
    sync_api.expect(dot).to_have_count(0)
    press("Control+z")
    sync_api.expect(dot).to_have_count(1)
    press("Control+z")
    assert web_stage.place_of(dot) == before
    press("Control+Shift+z")
    press("Control+y")
    sync_api.expect(dot).to_have_count(0)


def test_a_dot_is_dragged_undone_and_redone(visitor):
    dot = visitor.puts_dot(0.7, 0.3)
    visitor.page.fill("#code", "#2040c0")
    visitor.page.mouse.move(*visitor.place(0.7, 0.3))
    visitor.page.mouse.down()
    for share in (0.65, 0.6, 0.55):
        visitor.page.mouse.move(*visitor.place(share, 0.4))
    visitor.page.mouse.up()
    x, y = web_stage.place_of(dot)
    assert (x, y) == (pytest.approx(0.55 * 512, abs=2), pytest.approx(0.4 * 300, abs=2))
    assert web_stage.split_of(visitor) == 50  # the divider stays
    undo, redo = visitor.page.locator("#undo"), visitor.page.locator("#redo")
    undo.click()
    assert web_stage.place_of(dot) == (358, 90)
    undo.click()
    sync_api.expect(dot).not_to_have_attribute("aria-label", re.compile("#2040c0"))
    undo.click()
    sync_api.expect(dot).to_have_count(0)
    sync_api.expect(undo).to_be_disabled()
    for _ in range(3):
        redo.click()
    assert web_stage.place_of(dot) == (x, y)
    sync_api.expect(redo).to_be_disabled()
    dot.press("Delete")
    sync_api.expect(dot).to_have_count(0)


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
    taken, wanted = web_stage.ab_of([visitor.page.input_value("#code"), expected])
    assert np.linalg.norm(taken - wanted) < 0.25
    visitor.page.locator("#used .swatch").click()
    sync_api.expect(visitor.page.locator("#code")).to_have_value("#2040c0")


def test_fingers_put_choose_and_drag_on_a_narrow_screen(new_visitor, hinting_server):
    options = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
    visitor = new_visitor(hinting_server.url, **options).wait_until_ready()
    page = visitor.page
    visitor.colors("photo.png", web_stage.PHOTO)
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
    before = web_stage.place_of(dot)
    x, y = visitor.place(0.8, 0.3)
    visitor.touches(*([{"x": x - step, "y": y + step, "id": 1}] for step in (0, 10, 40)))
    visitor.until(lambda: web_stage.place_of(dot)[0] < before[0] - 20 and web_stage.place_of(dot)[1] > before[1] + 20)
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
