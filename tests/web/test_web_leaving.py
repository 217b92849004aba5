"""The page is reloaded, put aside or emptied at a bad time: nothing is lost without a question, nothing comes back."""

import pytest
import web_kept
import web_stage
from playwright import sync_api

pytest_plugins = ["web_fixtures"]

PHOTO = web_stage.PHOTO
# The worker opens no photo while `holdsOpening`; while `isFrozen`, nothing happens later than at once.
HOLD = """(() => {
    const post = Worker.prototype.postMessage, later = window.setTimeout, held = [];
    Worker.prototype.postMessage = function (message, ...more) {
        const go = () => post.call(this, message, ...more);
        if (window.holdsOpening && message.task === "open") held.push(go);
        else go();
    };
    window.letOpen = () => {
        window.holdsOpening = false;
        for (const go of held.splice(0)) go();
    };
    new BroadcastChannel("tf-colorize-photos").addEventListener("message", ({ data }) => {
        window.edited = (window.edited ?? 0) + (data.type === "edited");
    });
    window.setTimeout = (act, time, ...more) => (window.isFrozen && time > 0 ? 0 : later(act, time, ...more));
})()"""


@pytest.fixture
def visitor(new_visitor, hinting_server):
    """A visitor whose photos can be kept from being opened."""
    visitor = new_visitor(hinting_server.url, lambda page: page.context.add_init_script(HOLD)).wait_until_ready()
    visitor.page.mouse.click(5, 5)  # browsers ask only people who have done something
    yield visitor
    assert visitor.errors == []


def is_asked(visitor):
    """Reloads the page; whether the browser asks first. The visitor then stays."""
    with visitor.page.expect_event("dialog") as asked:
        visitor.page.evaluate("() => { setTimeout(() => location.reload()); }")
    kind = asked.value.type
    asked.value.dismiss()
    return kind == "beforeunload"


def reloads_unasked(visitor):
    questions = []
    visitor.page.on("dialog", lambda dialog: (questions.append(dialog.type), dialog.accept()))
    visitor.page.reload()
    assert questions == []


def stored_colors(visitor):
    return [dot["color"] for dot in visitor.page.evaluate(web_kept.EDITS, web_kept.DATABASE)[0]["hints"]]


def test_photos_that_are_not_open_yet_are_not_lost_without_a_question(visitor):
    visitor.page.evaluate("() => { window.holdsOpening = true; }")
    visitor.choose(("one.png", PHOTO), ("two.png", PHOTO))
    assert is_asked(visitor)
    visitor.page.evaluate("() => window.letOpen()")
    visitor.waits_for_all(2)
    web_kept.until_kept(visitor, 2)
    visitor.page.reload()
    visitor.waits_for_all(2)
    assert web_kept.names(visitor) == ["one.png", "two.png"]


def test_unkept_photos_are_not_lost_without_a_question(visitor):
    visitor.page.evaluate(web_kept.FILL)
    visitor.colors("photo.png", PHOTO)
    visitor.sees(".notice", "There is no space left")
    visitor.sees("#kept", "1 photo cannot be kept in this browser, and will be gone when the page is closed.")
    assert is_asked(visitor)
    visitor.page.click("[aria-label='Remove photo.png']")
    reloads_unasked(visitor)


@pytest.mark.parametrize("is_put_aside", [False, True])
def test_what_was_just_typed_is_kept(visitor, is_put_aside):
    visitor.colors("photo.png", PHOTO)
    visitor.puts_dot(0.7, 0.3)
    visitor.until(lambda: len(stored_colors(visitor)) == 1)
    visitor.page.evaluate("() => { window.isFrozen = true; }")
    visitor.page.fill("#code", "#2040c0")  # and the field still has the focus
    if is_put_aside:
        visitor.page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    else:
        assert is_asked(visitor)
    visitor.until(lambda: stored_colors(visitor) == ["#2040c0"])
    visitor.page.evaluate("() => { window.isFrozen = false; }")
    reloads_unasked(visitor)


def test_every_kind_of_change_is_kept(visitor):
    visitor.colors("photo.png", PHOTO)
    visitor.puts_dot(0.7, 0.3)
    visitor.until(lambda: len(stored_colors(visitor)) == 1)
    visitor.page.click("#keep-gray")
    visitor.until(lambda: stored_colors(visitor) == ["#808080"])
    visitor.page.locator(".dot").press("Delete")
    visitor.until(lambda: stored_colors(visitor) == [])
    visitor.page.click("#undo")
    visitor.until(lambda: stored_colors(visitor) == ["#808080"])
    content = b'{"version": 1, "hints": [{"x": 1, "y": 2, "color": "red"}]}'
    visitor.choose(("photo.hints.json", content))
    visitor.until(lambda: stored_colors(visitor) == ["#ff0000"])
    reloads_unasked(visitor)
    visitor.sees("#info", "Colorized")
    sync_api.expect(visitor.page.locator(".dot")).to_have_count(1)


def test_a_photo_forgotten_while_it_is_opened_does_not_come_back(visitor):
    visitor.colors("photo.png", PHOTO)
    web_kept.until_kept(visitor, 1)
    visitor.page.evaluate("() => { window.holdsOpening = true; }")
    visitor.choose(("private.png", PHOTO))
    visitor.page.click("#forget")
    visitor.page.get_by_role("button", name="Forget all", exact=True).click()
    sync_api.expect(visitor.page.locator("#invite")).to_be_visible()
    visitor.page.evaluate("() => window.letOpen()")
    visitor.colors("later.png", PHOTO)  # after which the other would be there
    web_kept.until_kept(visitor, 1)
    assert web_kept.names(visitor) == ["later.png"]


@pytest.mark.slow
def test_changes_of_another_window_reach_a_photo_that_is_not_open_yet(visitor):
    visitor.colors("photo.png", PHOTO)
    web_kept.until_kept(visitor, 1)
    visitor.page.context.add_init_script("window.holdsOpening = true;")
    other = web_kept.another_page(visitor)
    other.wait_until_ready()
    web_kept.puts_colored_dot(visitor, 0.7, 0.3, "#2040c0")
    visitor.until(lambda: stored_colors(visitor) == ["#2040c0"])
    visitor.until(lambda: other.page.evaluate("() => window.edited > 1"))
    other.page.evaluate("() => window.letOpen()")
    other.sees("#info", "Colorized")
    sync_api.expect(other.page.locator(".dot")).to_have_count(1)
    assert web_kept.dots(other) == web_kept.dots(visitor) and other.errors == []


@pytest.mark.slow
def test_the_browser_is_asked_to_keep_what_is_stored(new_visitor, hinting_server):
    def count(page):
        page.add_init_script("navigator.storage.persist = async () => { window.persists = true; return true; };")

    visitor = new_visitor(hinting_server.url, count).wait_until_ready()
    visitor.colors("photo.png", PHOTO)
    visitor.until(lambda: visitor.page.evaluate("() => window.persists === true"))


@pytest.mark.slow
def test_without_storage_no_question_is_asked(new_visitor, hinting_server):
    visitor = new_visitor(hinting_server.url, web_kept.refuse).wait_until_ready()
    visitor.page.mouse.click(5, 5)
    visitor.colors("photo.png", PHOTO)
    reloads_unasked(visitor)
