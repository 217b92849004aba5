"""Photos, dots and looks outlast the page until the visitor removes them; where nothing can be kept, nothing breaks."""

import re

import pytest
import skimage.data
import web_browser
from PIL import Image
from playwright import sync_api

pytest_plugins = ["web_fixtures"]

PHOTO = web_browser.encoded(Image.fromarray(skimage.data.camera()[:300]))
DATABASE = "tf-colorize-photos"


@pytest.fixture
def visitor(new_visitor, hinting_server):
    """A visitor with a browser of their own, on a page whose model takes hints."""
    visitor = new_visitor(hinting_server.url).wait_until_ready()
    yield visitor
    assert visitor.errors == []


def another_page(visitor):
    """The same visitor in another window."""
    return web_browser.Visitor(visitor.page.context.new_page(), visitor.page.url)


def names(visitor):
    return visitor.page.locator("#photos .thumb").evaluate_all("all => all.map(({title}) => title)")


def puts_colored_dot(visitor, x, y, color):
    visitor.puts_dot(x, y)
    visitor.page.fill("#code", color)
    visitor.page.locator("#code").blur()


def dots(visitor):
    return visitor.page.locator(".dot").evaluate_all("all => all.map(({ariaLabel}) => ariaLabel.slice(7))")


def until_kept(visitor, count):
    visitor.sees("#kept", "1 photo (" if count == 1 else f"{count} photos (")


def test_photos_dots_and_sliders_come_back(visitor):
    visitor.choose(("one.png", PHOTO), ("two.png", PHOTO))
    visitor.waits_for_all(2)
    visitor.page.get_by_role("button", name="two.png", exact=True).click()
    puts_colored_dot(visitor, 0.7, 0.3, "#2040c0")
    visitor.sets_vividness(150)
    until_kept(visitor, 2)
    expected = dots(visitor)
    _, before = visitor.downloads()
    visitor.page.reload()
    later = another_page(visitor)
    visitor.page.close()
    for _ in range(2):
        later.waits_for_all(2)
        later.sees("#info", "two.png")  # what was on the stage
        sync_api.expect(later.page.locator("#controls")).not_to_have_attribute("inert", "")
        sync_api.expect(later.page.locator(".dot")).to_have_count(1)
        assert names(later) == ["one.png", "two.png"] and dots(later) == expected
        assert later.page.locator("#vividness").input_value() == "150"
        later.sees("#vividness-value", "150%")
        _, after = later.downloads()
        assert after == before
        later.page.reload()
    later.waits_for_all(2)
    later.page.get_by_role("button", name="one.png", exact=True).click()
    later.sees("#vividness-value", "100%")
    assert dots(later) == []


EDITS = """(name) => new Promise((resolve) => {
    const request = indexedDB.open(name);
    request.onsuccess = () => {
        const database = request.result, edits = database.transaction("edits").objectStore("edits").getAll();
        edits.onsuccess = () => { database.close(); resolve(edits.result); };
    };
})"""


def test_an_unfinished_change_is_kept(visitor):
    visitor.colors("photo.png", PHOTO)
    visitor.puts_dot(0.7, 0.3)
    visitor.page.fill("#code", "#2040c0")  # and the field still has the focus

    def color():
        return visitor.page.evaluate(EDITS, DATABASE)[0]["hints"][0]["color"]

    visitor.until(lambda: color() == "#2040c0")
    visitor.page.reload()
    visitor.sees("#info", "Colorized")
    sync_api.expect(visitor.page.locator(".dot")).to_have_attribute("aria-label", re.compile("#2040c0"))


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
    until_kept(visitor, 2)
    visitor.page.click("[aria-label='Remove one.png']")
    until_kept(visitor, 1)
    visitor.page.reload()
    visitor.waits_for_all(1)
    assert names(visitor) == ["two.png"]


def test_one_button_forgets_all(visitor):
    page = visitor.page
    visitor.choose(("one.png", PHOTO), ("two.png", PHOTO))
    visitor.waits_for_all(2)
    until_kept(visitor, 2)
    page.click("#forget")
    visitor.sees("#forget-text", "2 photos and all dots will be removed")
    assert visitor.violations() == []
    page.keyboard.press("Escape")
    page.click("#forget")
    page.get_by_role("button", name="Keep them").click()
    assert names(visitor) == ["one.png", "two.png"]
    page.click("#forget")
    page.get_by_role("button", name="Forget all", exact=True).click()
    sync_api.expect(page.locator("#invite")).to_be_visible()
    sync_api.expect(page.locator("#forget")).to_be_hidden()
    sync_api.expect(page.locator("#invite [data-choose]")).to_be_focused()
    assert names(visitor) == []
    visitor.sees("#kept", "until you remove them")
    page.reload()
    visitor.wait_until_ready()
    assert names(visitor) == []
    assert page.evaluate(COUNT, DATABASE) == [0, 0]


COUNT = """(name) => new Promise((resolve, reject) => {
    const request = indexedDB.open(name);
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
        const database = request.result, stores = [...database.objectStoreNames];
        const transaction = database.transaction(stores);
        const counts = stores.map((one) => transaction.objectStore(one).count());
        const close = () => { database.close(); resolve(counts.map(({result}) => result)); };
        transaction.oncomplete = close;
    };
})"""


def test_dots_of_two_windows_add_up(visitor):
    visitor.colors("photo.png", PHOTO)
    until_kept(visitor, 1)
    other = another_page(visitor)
    other.waits_for_all(1)
    other.sees("#info", "Colorized")
    puts_colored_dot(visitor, 0.7, 0.3, "#2040c0")
    sync_api.expect(other.page.locator(".dot")).to_have_attribute("aria-label", re.compile("#2040c0"))
    other.page.wait_for_timeout(1000)  # a late message about the same dot would close the panel of the new one
    puts_colored_dot(other, 0.2, 0.6, "#c02040")
    visitor.until(lambda: len(dots(visitor)) == 2)
    other.sets_vividness(60)
    visitor.sees("#vividness-value", "60%")
    visitor.page.reload()
    visitor.sees("#info", "Colorized")
    sync_api.expect(visitor.page.locator(".dot")).to_have_count(2)
    assert dots(visitor) == dots(other)


def test_photos_removed_in_one_window_disappear_in_the_other(visitor):
    visitor.choose(("one.png", PHOTO), ("two.png", PHOTO))
    visitor.waits_for_all(2)
    until_kept(visitor, 2)
    other = another_page(visitor)
    other.waits_for_all(2)
    visitor.page.click("[aria-label='Remove one.png']")
    other.until(lambda: names(other) == ["two.png"])
    puts_colored_dot(other, 0.7, 0.3, "#2040c0")
    visitor.page.click("#forget")
    visitor.page.get_by_role("button", name="Forget all", exact=True).click()
    other.until(lambda: names(other) == [])
    sync_api.expect(other.page.locator("#invite")).to_be_visible()
    other.colors("new.png", PHOTO)
    until_kept(other, 1)
    assert other.errors == []


REFUSE = "Object.defineProperty(self, '{0}', {{ get() {{ throw new DOMException('denied', 'SecurityError'); }} }})"


def test_without_storage_the_page_works_and_shows_a_notice(new_visitor, hinting_server):
    def refuse(page):
        for name in ("indexedDB", "localStorage"):
            page.add_init_script(REFUSE.format(name))

    visitor = new_visitor(hinting_server.url, refuse).wait_until_ready()
    visitor.sees("#kept", "This browser keeps nothing, as in a private window")
    visitor.colors("photo.png", PHOTO)
    puts_colored_dot(visitor, 0.7, 0.3, "#2040c0")
    visitor.sets_vividness(150)
    visitor.downloads()
    visitor.page.click("[aria-label='Remove photo.png']")
    sync_api.expect(visitor.page.locator("#invite")).to_be_visible()
    assert visitor.page.locator(".notice").count() == 0 and visitor.errors == []


# As browsers do where the disk is full. (Chromium, with a profile on a full disk, did.)
FILL = """() => {
    const add = IDBObjectStore.prototype.add;
    IDBObjectStore.prototype.add = function (...values) {
        if (window.isFull) throw new DOMException("full", "QuotaExceededError");
        return add.apply(this, values);
    };
    window.isFull = true;
}"""


def test_a_full_browser_loses_nothing_and_reports_what_is_not_kept(visitor):
    visitor.colors("first.png", PHOTO)
    until_kept(visitor, 1)
    visitor.page.evaluate(FILL)
    visitor.choose(("second.png", PHOTO), ("third.png", PHOTO))
    visitor.waits_for_all(3)
    visitor.sees(".notice", "second.png: There is no space left for it in this browser.")
    visitor.sees("#kept", "2 photos are not, and will be gone when the page is closed.")
    assert visitor.page.locator(".notice").count() == 1
    visitor.page.get_by_role("button", name="second.png", exact=True).click()
    sync_api.expect(visitor.page.locator("#controls")).not_to_have_attribute("inert", "")
    assert len(visitor.downloads()[1]) > 10_000
    visitor.page.evaluate("() => { window.isFull = false; }")
    puts_colored_dot(visitor, 0.7, 0.3, "#2040c0")  # which tries again
    visitor.sees("#kept", "2 photos (")
    visitor.sees("#kept", "1 photo is not, and will be gone")
    visitor.page.reload()
    visitor.waits_for_all(2)
    assert names(visitor) == ["first.png", "second.png"]
    visitor.sees("#info", "second.png")
    sync_api.expect(visitor.page.locator(".dot")).to_have_count(1)


OPEN = """([name, version]) => new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    request.onsuccess = () => { request.result.close(); resolve("open"); };
    request.onblocked = () => resolve("blocked");
    request.onerror = () => reject(request.error);
})"""


def test_a_later_version_in_another_window_is_not_held_up(visitor):
    visitor.colors("photo.png", PHOTO)
    until_kept(visitor, 1)
    other = another_page(visitor)
    assert other.page.evaluate(OPEN, [DATABASE, 99]) == "open"
    visitor.sees("#kept", "A newer version of this page is open in another window. Reload this one.")
    puts_colored_dot(visitor, 0.7, 0.3, "#2040c0")
    visitor.downloads()
    visitor.colors("another.png", PHOTO)
    assert names(visitor) == ["photo.png", "another.png"] and visitor.page.locator(".notice").count() == 0
    visitor.page.reload()  # by an old build, which the browser may still have
    visitor.wait_until_ready()
    visitor.sees("#kept", "A newer version of this page has been used here: reload the page.")
    visitor.colors("photo.png", PHOTO)
    assert visitor.page.evaluate(COUNT, DATABASE) == [1, 1]  # for the later version


def test_invalid_stored_looks_become_plain(visitor):
    visitor.colors("photo.png", PHOTO)
    visitor.sets_vividness(150)
    until_kept(visitor, 1)
    spoil = """(name) => new Promise((resolve) => {
        const request = indexedDB.open(name);
        request.onsuccess = () => {
            const database = request.result, transaction = database.transaction("edits", "readwrite");
            const look = {vividness: "very", of: "a later version"};
            transaction.objectStore("edits").put({key: 1, hints: [], look});
            transaction.oncomplete = () => { database.close(); resolve(); };
        };
    })"""
    visitor.page.evaluate(spoil, DATABASE)
    visitor.page.reload()
    visitor.waits_for_all(1)
    visitor.sees("#info", "Colorized")
    visitor.sees("#vividness-value", "100%")
