"""Photos of the page lend their colors: dragged from the shelf onto "Colors from…", or chosen from a list."""

import json
import pathlib

import numpy as np
import pytest
import skimage.data
import web_browser
from PIL import Image
from playwright import sync_api

from tf_colorize import Look, look_files

pytest_plugins = ["web_fixtures"]

GRAY = np.asarray(Image.fromarray(skimage.data.coffee()[:300, :400]).convert("L"))
OTHER = np.asarray(Image.fromarray(skimage.data.coffee()[60:360, 100:500]).convert("L"))
PHOTO, LENDER = (web_browser.encoded(Image.fromarray(photo)) for photo in (GRAY, OTHER))
COLOR = web_browser.encoded(Image.fromarray(skimage.data.coffee()[:300, :400]))
IS_OUTLINED = "() => getComputedStyle(document.getElementById('lender')).outlineStyle === 'dashed'"
IS_WIDER = "() => document.documentElement.scrollWidth > innerWidth"
# Buttons of the list that are cut off, or too small for a finger.
MISFITS = """() => [...document.querySelectorAll("#lenders button")].filter((button) => {
    const [box, dialog] = [button.getBoundingClientRect(), button.closest("dialog").getBoundingClientRect()];
    const list = button.closest("ul") ?? dialog;
    return box.left < dialog.left || box.right > dialog.right || list.scrollWidth > list.clientWidth
        || Math.min(box.width, box.height) < 40;
}).length"""


@pytest.fixture
def visitor(lending_visitor):
    """A visitor whose last photo is on the stage."""
    for name, data in (("color.png", COLOR), ("gray.png", LENDER), ("photo.png", PHOTO)):
        lending_visitor.colors(name, data)
    yield lending_visitor
    lending_visitor.tidies_up()
    assert lending_visitor.errors == []


def thumb(visitor, name):
    return visitor.page.locator("#photos").get_by_role("button", name=name, exact=True)


def drags(visitor, name, target="#borrow", is_dropped=True):
    """Drags a photo of the shelf with the mouse, as a user does."""
    thumb(visitor, name).hover()
    visitor.page.mouse.down()
    box = visitor.page.locator(target).bounding_box()
    for share in (0.3, 0.5, 0.6):
        visitor.page.mouse.move(box["x"] + share * box["width"], box["y"] + share * box["height"])
    if is_dropped:
        visitor.page.mouse.up()


def has_colors_from(visitor, name):
    sync_api.expect(visitor.page.locator("#lent-name")).to_have_text(name)


def has_none(visitor):
    sync_api.expect(visitor.page.locator("#lent")).to_be_hidden()


def saved_look(visitor, folder):
    with visitor.page.expect_download() as download:
        visitor.page.click("#save-look")
    path = folder / "look.json"
    path.write_bytes(pathlib.Path(download.value.path()).read_bytes())
    return Look(**look_files.read(path))


def test_a_photo_in_color_lends_those_of_its_file(visitor, lending_colorizer, tmp_path):
    drags(visitor, "color.png")
    has_colors_from(visitor, "color.png")
    look = saved_look(visitor, tmp_path)
    assert look.reference == (look_files.open_reference(COLOR),)
    _, received = visitor.downloads()
    expected = lending_colorizer(GRAY, look=look)
    assert np.abs(expected.astype(int) - lending_colorizer(GRAY)).mean() > 1
    assert web_browser.share_that_agrees(received, expected) >= 0.995  # an untrained branch amplifies rounding
    assert visitor.page.locator("#photos li").count() == 3


def test_a_gray_photo_lends_the_colors_that_it_has_on_the_page(visitor, lending_colorizer, tmp_path):
    thumb(visitor, "gray.png").click()
    visitor.puts_dot(0.6, 0.4)
    visitor.page.fill("#code", "#3060a0")
    visitor.page.keyboard.press("Enter")
    visitor.sets_vividness(140)
    thumb(visitor, "photo.png").click()
    visitor.sees("#info", "photo.png")
    drags(visitor, "gray.png")
    has_colors_from(visitor, "gray.png")
    (reference,) = saved_look(visitor, tmp_path).reference
    expected = lending_colorizer(OTHER, look=Look(vividness=1.4), hints=[(240, 120, "#3060a0")])
    assert reference.rgb.shape == expected.shape
    assert np.mean(np.abs(reference.rgb.astype(int) - expected).max(axis=-1) <= 1) >= 0.995


def test_it_is_undone_redone_saved_and_kept(visitor):
    page = visitor.page
    drags(visitor, "color.png")
    has_colors_from(visitor, "color.png")
    page.keyboard.press("Control+z")
    has_none(visitor)
    page.keyboard.press("Control+y")
    has_colors_from(visitor, "color.png")
    with page.expect_download() as download:
        page.click("#save-hints")
    content = json.loads(pathlib.Path(download.value.path()).read_text())
    assert [one["name"] for one in content["look"]["reference"]] == ["color.png"]
    thumb(visitor, "color.png").hover()
    page.get_by_role("button", name="Remove color.png").click()  # its colors stay
    has_colors_from(visitor, "color.png")
    page.wait_for_timeout(100)
    page.reload()
    visitor.sees("#info", "photo.png")
    visitor.waits_for_all(2)
    has_colors_from(visitor, "color.png")


def test_nothing_happens_elsewhere_or_with_the_photo_itself(visitor):
    drags(visitor, "color.png", is_dropped=False)
    assert visitor.page.evaluate(IS_OUTLINED)
    visitor.page.keyboard.press("Escape")
    visitor.page.mouse.up()
    drags(visitor, "photo.png", is_dropped=False)
    assert not visitor.page.evaluate(IS_OUTLINED)
    visitor.page.mouse.up()
    drags(visitor, "color.png", target="#stage")
    assert not visitor.page.evaluate(IS_OUTLINED)
    has_none(visitor)
    sync_api.expect(visitor.page.locator("#undo")).to_be_disabled()
    assert visitor.page.locator("#photos li").count() == 3


def test_without_color_it_says_so(visitor):
    thumb(visitor, "gray.png").click()
    visitor.sets_vividness(0)
    thumb(visitor, "photo.png").click()
    visitor.sees("#info", "photo.png")
    drags(visitor, "gray.png")
    visitor.sees(".notice", "gray.png: It is gray or has a single tone. Only a photo in color can lend its colors.")
    has_none(visitor)


def test_keys_choose_from_the_list(visitor):
    page = visitor.page
    page.locator("#borrow").press("Enter")
    names = page.locator("#lenders-list button")
    sync_api.expect(names).to_have_text(["color.png", "gray.png"])
    assert visitor.violations() == []
    page.keyboard.press("Escape")
    sync_api.expect(page.locator("#borrow")).to_be_focused()
    has_none(visitor)
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    has_colors_from(visitor, "color.png")
    page.locator("#borrow").press("Enter")
    with page.expect_file_chooser():
        page.click("#lender-file")
    sync_api.expect(page.locator("#lenders")).to_be_hidden()


@pytest.mark.slow
def test_fingers_and_mice_choose_on_a_narrow_screen(chromium, lending_server):
    options = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    context = chromium.new_context(**web_browser.CALM, **options)
    visitor = web_browser.Visitor(context.new_page(), lending_server.url).wait_until_ready()
    page = visitor.page
    long = f"a long name {'x' * 60}.png"
    for name, data in ((long, COLOR), ("color.png", COLOR), ("photo.png", PHOTO)):
        visitor.colors(name, data)
    page.locator("#borrow").tap()
    assert not page.evaluate(IS_WIDER) and page.evaluate(MISFITS) == 0
    assert visitor.violations() == []
    page.locator("#lenders-list button").first.tap()
    has_colors_from(visitor, long)
    page.locator("#borrow").scroll_into_view_if_needed()
    page.locator("#shelf").scroll_into_view_if_needed()
    drags(visitor, "color.png")
    has_colors_from(visitor, "color.png")
    assert visitor.violations() == [] and visitor.errors == []
    context.close()
