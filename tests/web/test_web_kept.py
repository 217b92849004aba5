"""Photos, dots and looks are kept until the visitor removes them; without storage, nothing breaks."""

import re

import pytest
import skimage.data
import web_browser
import web_kept
from PIL import Image
from playwright import sync_api

pytest_plugins = ["web_fixtures"]

PHOTO = web_browser.encoded(Image.fromarray(skimage.data.camera()[:300]))


@pytest.fixture
def visitor(new_visitor, hinting_server):
    """A visitor with a browser of their own, on a page whose model takes hints."""
    visitor = new_visitor(hinting_server.url).wait_until_ready()
    yield visitor
    assert visitor.errors == []


def test_photos_dots_and_sliders_come_back(visitor):
    visitor.choose(("one.png", PHOTO), ("two.png", PHOTO))
    visitor.waits_for_all(2)
    visitor.page.get_by_role("button", name="two.png", exact=True).click()
    web_kept.puts_colored_dot(visitor, 0.7, 0.3, "#2040c0")
    visitor.sets_vividness(150)
    web_kept.until_kept(visitor, 2)
    expected = web_kept.dots(visitor)
    _, before = visitor.downloads()
    visitor.page.reload()
    later = web_kept.another_page(visitor)
    visitor.page.close()
    for _ in range(2):
        later.waits_for_all(2)
        later.sees("#info", "two.png")  # what was on the stage
        sync_api.expect(later.page.locator("#controls")).not_to_have_attribute("inert", "")
        sync_api.expect(later.page.locator(".dot")).to_have_count(1)
        assert web_kept.names(later) == ["one.png", "two.png"] and web_kept.dots(later) == expected
        assert later.page.locator("#vividness").input_value() == "150"
        later.sees("#vividness-value", "150%")
        _, after = later.downloads()
        assert after == before
        later.page.reload()
    later.waits_for_all(2)
    later.page.get_by_role("button", name="one.png", exact=True).click()
    later.sees("#vividness-value", "100%")
    assert web_kept.dots(later) == []


@pytest.mark.slow
def test_an_unfinished_change_is_kept(visitor):
    visitor.colors("photo.png", PHOTO)
    visitor.puts_dot(0.7, 0.3)
    visitor.page.fill("#code", "#2040c0")  # and the field still has the focus

    def color():
        return visitor.page.evaluate(web_kept.EDITS, web_kept.DATABASE)[0]["hints"][0]["color"]

    visitor.until(lambda: color() == "#2040c0")
    visitor.page.reload()
    visitor.sees("#info", "Colorized")
    sync_api.expect(visitor.page.locator(".dot")).to_have_attribute("aria-label", re.compile("#2040c0"))


@pytest.mark.slow
def test_the_stored_amount_is_shown(visitor):
    visitor.sees("#kept", "Photos, dots and sliders are kept in this browser")
    visitor.colors("one.png", PHOTO)
    visitor.sees("#kept", f"1 photo ({len(PHOTO) / 1e3:.0f} kB) with its dots is kept in this browser, on this device")
    visitor.choose(("two.png", PHOTO))
    visitor.sees("#kept", "2 photos (")
    visitor.page.reload()
    visitor.sees("#kept", "2 photos (")


def test_removed_photos_do_not_return(visitor):
    visitor.choose(("one.png", PHOTO), ("two.png", PHOTO))
    visitor.waits_for_all(2)
    web_kept.until_kept(visitor, 2)
    visitor.page.click("[aria-label='Remove one.png']")
    web_kept.until_kept(visitor, 1)
    visitor.page.reload()
    visitor.waits_for_all(1)
    assert web_kept.names(visitor) == ["two.png"]


def test_one_button_removes_everything(visitor):
    page = visitor.page
    visitor.choose(("one.png", PHOTO), ("two.png", PHOTO))
    visitor.waits_for_all(2)
    web_kept.until_kept(visitor, 2)
    page.click("#forget")
    visitor.sees("#forget-text", "2 photos and all dots will be removed")
    assert visitor.violations() == []
    page.keyboard.press("Escape")
    page.click("#forget")
    page.get_by_role("button", name="Keep them").click()
    assert web_kept.names(visitor) == ["one.png", "two.png"]
    page.click("#forget")
    page.get_by_role("button", name="Forget all", exact=True).click()
    sync_api.expect(page.locator("#invite")).to_be_visible()
    sync_api.expect(page.locator("#forget")).to_be_hidden()
    sync_api.expect(page.locator("#invite [data-choose]")).to_be_focused()
    assert web_kept.names(visitor) == []
    visitor.sees("#kept", "until you remove them")
    page.reload()
    visitor.wait_until_ready()
    assert web_kept.names(visitor) == []
    assert page.evaluate(web_kept.COUNT, web_kept.DATABASE) == [0, 0]


def test_without_storage_the_page_works_and_shows_a_notice(new_visitor, hinting_server):
    visitor = new_visitor(hinting_server.url, web_kept.refuse).wait_until_ready()
    visitor.sees("#kept", "This browser keeps nothing, as in a private window")
    visitor.colors("photo.png", PHOTO)
    web_kept.puts_colored_dot(visitor, 0.7, 0.3, "#2040c0")
    visitor.sets_vividness(150)
    visitor.downloads()
    visitor.page.click("[aria-label='Remove photo.png']")
    sync_api.expect(visitor.page.locator("#invite")).to_be_visible()
    assert visitor.page.locator(".notice").count() == 0 and visitor.errors == []


def test_a_full_browser_loses_nothing_and_reports_what_is_not_kept(visitor):
    visitor.colors("first.png", PHOTO)
    web_kept.until_kept(visitor, 1)
    visitor.page.evaluate(web_kept.FILL)
    visitor.choose(("second.png", PHOTO), ("third.png", PHOTO))
    visitor.waits_for_all(3)
    visitor.sees(".notice", "second.png: There is no space left for it in this browser.")
    visitor.sees("#kept", "2 photos are not, and will be gone when the page is closed.")
    assert visitor.page.locator(".notice").count() == 1
    visitor.page.get_by_role("button", name="second.png", exact=True).click()
    sync_api.expect(visitor.page.locator("#controls")).not_to_have_attribute("inert", "")
    assert len(visitor.downloads()[1]) > 10_000
    visitor.page.evaluate("() => { window.isFull = false; }")
    web_kept.puts_colored_dot(visitor, 0.7, 0.3, "#2040c0")  # which tries again
    visitor.sees("#kept", "2 photos (")
    visitor.sees("#kept", "1 photo is not, and will be gone")
    visitor.page.reload()
    visitor.waits_for_all(2)
    assert web_kept.names(visitor) == ["first.png", "second.png"]
    visitor.sees("#info", "second.png")
    sync_api.expect(visitor.page.locator(".dot")).to_have_count(1)


def test_invalid_stored_looks_become_plain(visitor):
    visitor.colors("photo.png", PHOTO)
    visitor.sets_vividness(150)
    web_kept.until_kept(visitor, 1)
    spoil = """(name) => new Promise((resolve) => {
        const request = indexedDB.open(name);
        request.onsuccess = () => {
            const database = request.result, transaction = database.transaction("edits", "readwrite");
            const look = {vividness: "very", of: "a later version"};
            transaction.objectStore("edits").put({key: 1, hints: [], look});
            transaction.oncomplete = () => { database.close(); resolve(); };
        };
    })"""
    visitor.page.evaluate(spoil, web_kept.DATABASE)
    visitor.page.reload()
    visitor.waits_for_all(1)
    visitor.sees("#info", "Colorized")
    visitor.sees("#vividness-value", "100%")
