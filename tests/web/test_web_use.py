"""The page as visitors use it: samples, the stage, models, messages, no network, every screen."""

import re

import numpy as np
import pytest
import web_browser
import web_stage
from PIL import Image
from playwright import sync_api

pytest_plugins = ["web_fixtures"]


# What the page animates from a script is the wipe that shows the colors of a photo.
COUNT_WIPES = """() => {
    const animate = Element.prototype.animate;
    window.wipes = 0;
    Element.prototype.animate = function (...given) {
        window.wipes += 1;
        return animate.apply(this, given);
    };
}"""


@pytest.fixture
def moving(visitor):
    """The visitor, to whom the page also shows its animations."""
    visitor.page.emulate_media(reduced_motion="no-preference")
    yield visitor
    visitor.page.emulate_media(reduced_motion="reduce")


def test_samples_are_colorized(visitor):
    visitor.page.click("[data-sample='chelsea.jpg']")
    visitor.sees("#info", "451 × 300 · chelsea.jpg")
    visitor.sees("#info", "Colorized in")


def test_the_divider_follows_mouse_and_keyboard(moving):
    moving.colors("photo.png", web_stage.PHOTO)
    split = moving.page.locator("#split")
    split.focus()
    moving.page.keyboard.press("Home")
    assert web_stage.split_of(moving) == 0
    moving.page.keyboard.press("ArrowRight")
    assert web_stage.split_of(moving) == 1
    box = moving.page.locator("#frame").bounding_box()
    middle = box["y"] + box["height"] / 2
    moving.page.mouse.move(box["x"] + box["width"] * 0.3, middle)
    moving.page.mouse.down()
    moving.page.mouse.move(box["x"] + box["width"] * 0.75, middle)
    moving.page.mouse.up()
    assert web_stage.split_of(moving) == pytest.approx(75, abs=1)
    assert split.input_value() == "75"
    moving.until(
        lambda: web_stage.colorfulness(moving, 0.05, 0.7) < 1 and web_stage.colorfulness(moving, 0.8, 0.95) > 20
    )


def test_colors_are_wiped_in_unless_the_visitor_wants_no_motion(moving):
    moving.page.evaluate(COUNT_WIPES)
    moving.colors("wiped.png", web_stage.PHOTO)
    assert moving.page.evaluate("() => window.wipes") == 1
    moving.page.emulate_media(reduced_motion="reduce")
    moving.colors("still.png", web_stage.PHOTO)
    assert moving.page.evaluate("() => window.wipes") == 1


def test_touch_drags_the_divider_pinches_and_moves(new_visitor):
    visitor = new_visitor(viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True).wait_until_ready()
    sync_api.expect(visitor.page.get_by_role("button", name="Take a photo")).to_be_visible()
    visitor.colors("photo.png", web_stage.PHOTO)
    box = visitor.page.locator("#frame").bounding_box()
    middle = box["y"] + box["height"] / 2

    def across(share):
        return {"x": box["x"] + box["width"] * share, "y": middle, "id": 1}

    visitor.touches([across(0.5)], [across(0.4)], [across(0.2)])
    assert web_stage.split_of(visitor) == pytest.approx(20, abs=1)
    other = {"x": box["x"] + box["width"] * 0.6, "y": middle, "id": 2}
    visitor.touches([across(0.5), other], [across(0.3), other], [across(0.1), other])
    sync_api.expect(visitor.page.locator("#zoom-fit")).to_have_text(re.compile(r"^\d+%$"))
    visitor.page.wait_for_timeout(500)
    shot = visitor.seen(0.3, 0.9)
    visitor.touches([across(0.8)], [across(0.6)], [across(0.4)])
    assert web_stage.split_of(visitor) == pytest.approx(20, abs=1)
    visitor.until(lambda: np.abs(visitor.seen(0.3, 0.9) - shot).mean() > 5)


def test_touch_removes_only_photos_with_a_visible_cross(new_visitor):
    visitor = new_visitor(viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True).wait_until_ready()
    visitor.choose(("one.png", web_stage.PHOTO), ("two.png", web_stage.PHOTO))
    visitor.waits_for_all(2)
    two = visitor.page.locator("#photos li").nth(1)
    two.scroll_into_view_if_needed()
    for still_there in (2, 1):  # the first tap selects
        box = two.bounding_box()
        visitor.page.touchscreen.tap(box["x"] + box["width"] - 12, box["y"] + 12)
        sync_api.expect(visitor.page.locator("#photos li")).to_have_count(still_there)
        visitor.page.wait_for_timeout(300)
    sync_api.expect(visitor.page.get_by_role("button", name="one.png", exact=True)).to_be_visible()


def test_vividness_changes_the_picture(visitor):
    visitor.colors("photo.png", web_stage.PHOTO)
    visitor.page.locator("#split").press("Home")
    visitor.until(lambda: web_stage.colorfulness(visitor, 0.1, 0.9) > 20)
    visitor.sets_vividness(0)
    visitor.sees("#vividness-value", "0%")
    visitor.until(lambda: web_stage.colorfulness(visitor, 0.1, 0.9) < 1)


def test_zoom_shows_the_requested_part(visitor):
    # Black on the left, white on the right: the share of white tells which part is seen.
    halves = Image.new("L", (400, 400))
    halves.paste(255, (200, 0, 400, 400))
    visitor.colors("halves.png", web_browser.encoded(halves))
    for _ in range(5):
        visitor.page.click("#zoom-in")
    sync_api.expect(visitor.page.locator("#zoom-fit")).to_have_text(re.compile(r"^\d+%$"))
    visitor.page.locator("#split").focus()
    for _ in range(25):
        visitor.page.keyboard.press("Shift+ArrowRight")
    visitor.until(lambda: visitor.seen(0.1, 0.9).mean() > 230)
    for _ in range(50):
        visitor.page.keyboard.press("Shift+ArrowLeft")
    visitor.until(lambda: visitor.seen(0.1, 0.9).mean() < 25)
    visitor.page.keyboard.press("0")
    sync_api.expect(visitor.page.locator("#zoom-fit")).to_have_text("Fit")
    visitor.until(lambda: 90 < visitor.seen(0.05, 0.95).mean() < 165)


def test_zoom_shows_every_pixel_of_a_photo_that_is_larger_than_the_screen(visitor):
    # Made smaller, black and white rows are gray.
    rows = np.zeros((2000, 3000), np.uint8)
    rows[::2] = 255
    visitor.colors("rows.png", web_browser.encoded(Image.fromarray(rows)))
    visitor.until(lambda: visitor.seen(0.1, 0.4).std() < 10)
    visitor.page.click("#zoom-fit")
    sync_api.expect(visitor.page.locator("#zoom-fit")).to_have_text("100%")
    visitor.until(lambda: visitor.seen(0.1, 0.4).std() > 120)


def test_no_request_after_the_page_has_loaded(new_visitor, server):
    visitor = new_visitor().wait_until_ready()
    visitor.page.wait_for_load_state("networkidle")
    assert all(url.startswith((server.url, "blob:")) for url in visitor.requests)
    visitor.requests.clear()
    visitor.page.context.set_offline(True)
    visitor.colors("photo.png", web_stage.PHOTO)
    visitor.page.click("[data-sample='rocket.jpg']")
    visitor.sees("#info", "rocket.jpg")
    visitor.sees("#info", "Colorized")
    visitor.sets_vividness(150)
    visitor.downloads()
    visitor.downloads("#download-all")
    assert [url for url in visitor.requests if not url.startswith("blob:")] == []


def in_both_schemes(visitor, function):
    found = []
    for scheme in ("dark", "light"):
        visitor.page.emulate_media(color_scheme=scheme)
        found.append(function())
    return found


@pytest.mark.parametrize("width", [360, 1280, pytest.param(2560, marks=pytest.mark.slow)])
def test_no_barrier_and_no_shift_on_any_screen(new_visitor, width):
    visitor = new_visitor(viewport={"width": width, "height": width * 5 // 8 + 400}, reduced_motion="reduce")
    visitor.page.evaluate(
        """() => {
            window.shifts = [];
            const nameOf = ({node}) => node?.id || node?.outerHTML?.slice(0, 80);
            const namesOf = (list) => list.getEntries().flatMap((entry) => entry.sources.map(nameOf));
            const observer = new PerformanceObserver((list) => window.shifts.push(...namesOf(list)));
            observer.observe({type: "layout-shift", buffered: true});
        }"""
    )
    visitor.wait_until_ready()
    assert in_both_schemes(visitor, visitor.violations) == [[], []]
    visitor.hands_over("drop", "photo.png", web_stage.PHOTO)
    visitor.sees("#info", "Colorized")
    visitor.choose(
        ("a file with a long name, as cameras and scanners give them, 1936-03-09.txt", b"text"), ("b", web_stage.PHOTO)
    )
    visitor.waits_for_all(2)
    assert in_both_schemes(visitor, visitor.violations) == [[], []]
    assert visitor.page.evaluate("() => window.shifts") == []
    assert visitor.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_own_script_and_style_are_small(page_folder):
    own = ["main.js", "worker.js", "style.css", "index.html"]
    assert sum((page_folder / name).stat().st_size for name in own) < 250_000
