"""Nothing is covered on phones, tablets and desktops, and the download is above the fold."""

import pytest
import skimage.data
import web_browser
from PIL import Image
from playwright import sync_api

pytest_plugins = ["web_fixtures"]

WIDE = web_browser.encoded(Image.fromarray(skimage.data.camera()[:300]))
TALL = web_browser.encoded(Image.fromarray(skimage.data.camera()[:, 100:350]))
SCREENS = {"small phone": (360, 640), "phone": (390, 844), "tablet": (768, 1024), "desktop": (1280, 800)}

# What stands under the middle of each control, once that is scrolled to: itself, or what covers it.
COVERED = """(selectors) => [...document.querySelectorAll(selectors.join())].filter((element) => {
    if (!element.checkVisibility({visibilityProperty: true})) return false;
    element.scrollIntoView({block: "center", inline: "center"});
    const box = element.getBoundingClientRect();
    const there = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return !element.contains(there) && !there?.contains(element);
}).map(({id, className}) => id || className)"""
CONTROLS = ["#side button", "#side input", "#side select", "#shelf button.thumb", "#add", "#forget", ".tools button"]


MIDDLE = ("phone", "tablet")  # which lie between the other two


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=[pytest.mark.slow] * (name in MIDDLE)) for name in SCREENS]
)
def arrived(request, chromium, hinting_server):
    """A visitor on a screen."""
    width, height = SCREENS[request.param]
    is_phone = width < 700
    options = {"viewport": {"width": width, "height": height}, "has_touch": is_phone, "is_mobile": is_phone}
    with web_browser.arrived(chromium, hinting_server, **options) as visitor:
        yield visitor


@pytest.fixture
def visitor(arrived):
    """A visitor with two photos, one of them on the stage."""
    arrived.page.evaluate("() => scrollTo(0, 0)")
    arrived.choose(("wide.png", WIDE), ("tall.png", TALL))
    arrived.waits_for_all(2)
    arrived.sees("#info", "Colorized")
    yield arrived
    arrived.tidies_up()
    assert arrived.errors == []


def bottom_of(visitor, selector):
    box = visitor.page.locator(selector).bounding_box()
    return box["y"] + box["height"]


def test_download_stands_above_the_fold(visitor):
    assert visitor.page.evaluate("() => scrollY") == 0
    assert bottom_of(visitor, "#download") <= visitor.page.viewport_size["height"]


def test_download_stands_above_the_fold_of_a_phone_on_its_side(new_visitor, hinting_server):
    options = {"viewport": {"width": 640, "height": 360}, "has_touch": True, "is_mobile": True}
    visitor = new_visitor(hinting_server.url, **options).wait_until_ready()
    invitation = visitor.page.locator("#invite .hint").bounding_box()
    assert invitation["y"] + invitation["height"] <= bottom_of(visitor, "#stage")
    visitor.colors("tall.png", TALL)
    assert visitor.page.evaluate("() => scrollY") == 0
    assert bottom_of(visitor, "#download") <= 360
    assert visitor.page.evaluate(COVERED, CONTROLS) == []


def test_the_panel_moves_nothing_on_a_desktop(new_visitor, hinting_server):
    visitor = new_visitor(hinting_server.url).wait_until_ready()
    visitor.colors("wide.png", WIDE)
    selectors = ["#frame", "#download", "#vividness", "#save-hints", "#shelf", "#kept"]
    places = [visitor.page.locator(one).bounding_box() for one in selectors]
    visitor.puts_dot(0.7, 0.3)
    sync_api.expect(visitor.page.locator("#likely .swatch").first).to_be_visible()
    assert [visitor.page.locator(one).bounding_box() for one in selectors] == places


@pytest.mark.parametrize("photo", ["wide.png", "tall.png"])
def test_the_panel_covers_nothing(visitor, photo):
    page = visitor.page
    page.get_by_role("button", name=photo, exact=True).click()
    visitor.sees("#info", photo)
    page.evaluate("() => scrollTo(0, 0)")
    visitor.puts_dot(0.7, 0.3)
    sync_api.expect(page.locator("#likely .swatch").first).to_be_visible()
    frame, panel = page.locator("#frame").bounding_box(), page.locator("#hint-panel").bounding_box()
    height = page.viewport_size["height"]
    assert frame["y"] >= 0 and frame["y"] + frame["height"] <= height  # photo and panel are seen at once
    assert panel["y"] >= 0 and panel["y"] + panel["height"] <= height
    page.fill("#code", "no such color")
    assert bottom_of(visitor, "#hint-panel") <= height  # with what is wrong with it
    assert page.evaluate(COVERED, [*CONTROLS, ".dot"]) == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert visitor.violations() == []


def test_own_photos_come_before_the_samples(visitor):
    order = visitor.page.locator("#shelf .thumb").evaluate_all(
        "all => all.map((one) => one.dataset.sample ?? one.title)"
    )
    assert order[:3] == ["wide.png", "tall.png", "chelsea.jpg"]
    own = visitor.page.locator("#photos .thumb").first.bounding_box()
    sample = visitor.page.locator("#samples .thumb").first.bounding_box()
    assert (own["y"], own["x"]) < (sample["y"], sample["x"])


@pytest.mark.parametrize("arrived", ["small phone", "desktop"], indirect=True)
def test_many_photos_leave_everything_in_its_place(visitor):
    page = visitor.page
    places = [page.locator(selector).bounding_box() for selector in ("#stage", "#samples", "#kept", "#vividness")]
    visitor.choose(*((f"{number}.png", WIDE) for number in range(12)))
    visitor.waits_for_all(14)
    assert [page.locator(one).bounding_box() for one in ("#stage", "#samples", "#kept", "#vividness")] == places
    page.locator("#photos .thumb").last.click()
    visitor.sees("#info", "11.png")
    assert page.evaluate(COVERED, CONTROLS) == []
