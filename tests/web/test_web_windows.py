"""Two windows of one visitor: both show the same, and neither loses the other's changes."""

import pytest
import web_kept
import web_stage
from playwright import sync_api

pytest_plugins = ["web_fixtures"]

PHOTO = web_stage.PHOTO
# Messages of the other windows wait while `isHeld`, then come in the order that is asked for.
HOLD = """() => {
    const listen = BroadcastChannel.prototype.addEventListener;
    const held = [];
    BroadcastChannel.prototype.addEventListener = function (type, act, ...more) {
        const later = (event) => (window.isHeld ? held.push(() => act(event)) : act(event));
        return listen.call(this, type, later, ...more);
    };
    window.waiting = () => held.length;
    window.release = (isReversed) => {
        window.isHeld = false;
        for (const act of isReversed ? held.splice(0).reverse() : held.splice(0)) act();
    };
}"""


@pytest.fixture
def visitor(new_visitor, hinting_server):
    """A visitor with a browser of their own, on a page whose model takes hints."""
    visitor = new_visitor(hinting_server.url, lambda page: page.context.add_init_script(f"({HOLD})()"))
    visitor.wait_until_ready()
    yield visitor
    assert visitor.errors == []


@pytest.fixture
def other(visitor):
    """The visitor's other window, which shows the same photo."""
    visitor.colors("photo.png", PHOTO)
    web_kept.until_kept(visitor, 1)
    other = web_kept.another_page(visitor)
    other.waits_for_all(1)
    other.sees("#info", "Colorized")
    yield other
    assert other.errors == []


def agree(visitor, other, count):
    """Waits until both show the same dots, of this number; returns their labels."""
    for one in (visitor, other):
        sync_api.expect(one.page.locator(".dot")).to_have_count(count)
    visitor.until(lambda: web_kept.dots(visitor) == web_kept.dots(other))
    return web_kept.dots(visitor)


def holds(visitor):
    visitor.page.evaluate("() => { window.isHeld = true; }")


def gets(visitor, is_reversed=False, count=1):
    """Delivers the messages once there are this many."""
    visitor.until(lambda: visitor.page.evaluate("() => window.waiting()") >= count)
    visitor.page.evaluate("(isReversed) => window.release(isReversed)", is_reversed)


def test_dots_of_two_windows_add_up(visitor, other):
    web_kept.puts_colored_dot(visitor, 0.7, 0.3, "#2040c0")
    web_kept.puts_colored_dot(other, 0.2, 0.6, "#c02040")
    shown = agree(visitor, other, 2)
    assert sorted(label.partition(" ")[0] for label in shown) == ["#2040c0", "#c02040"]
    other.sets_vividness(60)
    visitor.sees("#vividness-value", "60%")
    visitor.page.reload()
    visitor.sees("#info", "Colorized")
    before = agree(visitor, other, 2)
    visitor.page.locator(".dot").first.press("ArrowLeft")  # a dot that was stored
    visitor.until(lambda: web_kept.dots(visitor) != before)
    agree(visitor, other, 2)


@pytest.mark.slow
@pytest.mark.parametrize("is_reversed", [False, True], ids=["in order", "latest first"])
def test_a_late_message_leaves_the_dot_that_is_being_put(visitor, other, is_reversed):
    web_kept.puts_colored_dot(visitor, 0.7, 0.3, "#2040c0")
    agree(visitor, other, 1)
    holds(other)
    web_kept.puts_colored_dot(visitor, 0.4, 0.3, "#108030")
    visitor.sets_vividness(60)
    visitor.until(lambda: other.page.evaluate("() => window.waiting()") >= 3)
    other.puts_dot(0.2, 0.6)
    code = other.page.locator("#code")
    code.fill("#c0")  # on the way to a code
    gets(other, is_reversed, count=3)
    sync_api.expect(other.page.locator(".dot")).to_have_count(3)
    sync_api.expect(other.page.locator("#hint-panel")).to_be_visible()
    sync_api.expect(code).to_be_focused()
    code.press_sequentially("2040")
    code.blur()
    other.sees("#vividness-value", "60%")
    numbers = other.page.locator(".dot").evaluate_all("all => all.map(({ariaLabel}) => ariaLabel.slice(0, 6))")
    assert numbers == ["Dot 1:", "Dot 2:", "Dot 3:"]  # also for the Tab key
    shown = agree(visitor, other, 3)
    assert sorted(label.partition(" ")[0] for label in shown) == ["#108030", "#2040c0", "#c02040"]


@pytest.mark.slow
def test_the_dot_in_use_keeps_the_focus(visitor, other):
    web_kept.puts_colored_dot(visitor, 0.7, 0.3, "#2040c0")
    agree(visitor, other, 1)
    holds(other)
    web_kept.puts_colored_dot(visitor, 0.4, 0.3, "#108030")
    visitor.until(lambda: other.page.evaluate("() => window.waiting()") >= 1)
    other.puts_dot(0.2, 0.6)
    sync_api.expect(other.page.locator(".dot")).to_have_count(3)  # the store's answer has the other window's dot
    sync_api.expect(other.page.locator(".dot").nth(2)).to_be_focused()
    gets(other)


def test_the_later_of_two_changes_counts(visitor, other):
    web_kept.puts_colored_dot(visitor, 0.7, 0.3, "#2040c0")
    agree(visitor, other, 1)
    other.page.locator(".dot").click()
    holds(other)
    visitor.page.fill("#code", "#108030")
    visitor.page.locator("#code").blur()
    visitor.page.locator("#warmth").fill("40")
    visitor.until(lambda: other.page.evaluate("() => window.waiting()") >= 2)
    other.page.fill("#code", "#c02040")  # of the same dot, and later
    other.page.locator("#code").blur()
    gets(other, count=2)
    other.sees("#warmth-value", "40%")
    assert agree(visitor, other, 1)[0].startswith("#c02040")


@pytest.mark.slow
def test_undo_takes_back_only_what_was_done_in_the_window(visitor, other):
    web_kept.puts_colored_dot(other, 0.2, 0.6, "#c02040")
    agree(visitor, other, 1)
    web_kept.puts_colored_dot(visitor, 0.7, 0.3, "#2040c0")
    visitor.page.click("#close-panel")
    agree(visitor, other, 2)
    other.page.locator(".dot").first.press("Delete")
    agree(visitor, other, 1)
    other.page.click("#undo")
    agree(visitor, other, 2)
    for _ in range(3):  # its color, its first color, itself
        if other.page.locator("#undo").is_enabled():
            other.page.click("#undo")
    assert agree(visitor, other, 1)[0].startswith("#2040c0")
    sync_api.expect(other.page.locator("#undo")).to_be_disabled()


@pytest.mark.slow
def test_undo_brings_back_no_dot_that_was_removed_elsewhere(visitor, other):
    web_kept.puts_colored_dot(visitor, 0.7, 0.3, "#2040c0")
    agree(visitor, other, 1)
    other.page.locator(".dot").press("ArrowLeft")
    visitor.until(lambda: web_kept.dots(visitor) == web_kept.dots(other) and " 358, " not in web_kept.dots(visitor)[0])
    other.sets_vividness(60)
    visitor.sees("#vividness-value", "60%")
    visitor.page.locator(".dot").press("Delete")
    agree(visitor, other, 0)
    other.page.click("#undo")
    visitor.sees("#vividness-value", "100%")
    if other.page.locator("#undo").is_enabled():
        other.page.click("#undo")
    agree(visitor, other, 0)


@pytest.mark.slow
def test_a_notice_appears_if_the_open_dot_is_removed_elsewhere(visitor, other):
    web_kept.puts_colored_dot(visitor, 0.7, 0.3, "#2040c0")
    agree(visitor, other, 1)
    other.page.locator(".dot").click()
    visitor.page.locator(".dot").press("Delete")
    other.sees(".notice", "photo.png: The dot that was open here has been removed in another window.")
    sync_api.expect(other.page.locator("#hint-panel")).to_be_hidden()
    assert visitor.page.locator(".notice").count() == 0


def test_photos_removed_in_one_window_disappear_in_the_other(visitor):
    visitor.choose(("one.png", PHOTO), ("two.png", PHOTO))
    visitor.waits_for_all(2)
    web_kept.until_kept(visitor, 2)
    other = web_kept.another_page(visitor)
    other.waits_for_all(2)
    visitor.page.click("[aria-label='Remove one.png']")
    other.until(lambda: web_kept.names(other) == ["two.png"])
    web_kept.puts_colored_dot(other, 0.7, 0.3, "#2040c0")
    visitor.page.click("#forget")
    visitor.page.get_by_role("button", name="Forget all", exact=True).click()
    other.until(lambda: web_kept.names(other) == [])
    sync_api.expect(other.page.locator("#invite")).to_be_visible()
    other.colors("new.png", PHOTO)
    web_kept.until_kept(other, 1)
    assert other.errors == []


OPEN = """([name, version]) => new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    request.onsuccess = () => { request.result.close(); resolve("open"); };
    request.onblocked = () => resolve("blocked");
    request.onerror = () => reject(request.error);
})"""


@pytest.mark.slow
def test_a_later_version_in_another_window_is_not_held_up(visitor):
    visitor.colors("photo.png", PHOTO)
    web_kept.until_kept(visitor, 1)
    other = web_kept.another_page(visitor)
    assert other.page.evaluate(OPEN, [web_kept.DATABASE, 99]) == "open"
    visitor.sees("#kept", "A newer version of this page is open in another window. Reload this one.")
    web_kept.puts_colored_dot(visitor, 0.7, 0.3, "#2040c0")
    visitor.downloads()
    visitor.colors("another.png", PHOTO)
    assert web_kept.names(visitor) == ["photo.png", "another.png"] and visitor.page.locator(".notice").count() == 0
    visitor.page.reload()  # by an old build, which the browser may still have
    visitor.wait_until_ready()
    visitor.sees("#kept", "A newer version of this page has been used here: reload the page.")
    visitor.colors("photo.png", PHOTO)
    assert visitor.page.evaluate(web_kept.COUNT, web_kept.DATABASE) == [1, 1]  # for the later version
