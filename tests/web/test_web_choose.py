"""Variants of the photo on the stage: the nine looks of the command, other likely colors, chosen by tap or by key."""

import dataclasses
import functools
import json
import re

import numpy as np
import pytest
import web_browser
import web_kept
import web_stage
from playwright import sync_api

from tf_colorize import Colorizer, Look
from tf_colorize.albums import variants
from tf_colorize.commands import look_options
from tf_colorize.inference import insight, likely, runtimes

pytest_plugins = ["web_fixtures"]

IS_DRAWN = "() => document.querySelector('.variant.drawn') && !document.querySelector('.variant:not(.drawn)')"
IS_SETTLED = f"() => ({IS_DRAWN})() && !document.getElementById('likely-state').textContent.startsWith('Looking')"
MEAN_COLORS = """(canvases) => canvases.map((canvas) => {
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    const sums = [0, 0, 0];
    for (let at = 0; at < data.length; at++) if (at % 4 < 3) sums[at % 4] += data[at];
    return [canvas.height / canvas.width, ...sums.map((sum) => sum / (data.length / 4))];
})"""
# Labels that are wider than their tile, and tiles that are not all on the screen.
HIDDEN = """() => [...document.querySelectorAll(".variant")].filter((tile) => {
    const box = tile.getBoundingClientRect();
    const texts = [...tile.lastChild.children].map((text) => text.getBoundingClientRect());
    return box.left < 0 || box.top < 0 || box.right > innerWidth || box.bottom > innerHeight
        || texts.some(({left, right, bottom}) => left < box.left || right > box.right || bottom > box.bottom);
}).map(({ariaLabel}) => ariaLabel)"""


@pytest.fixture(scope="module")
def _arrived_with_hints(chromium, lending_server):
    with web_browser.arrived(chromium, lending_server) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def colorizer(lending_model):
    return Colorizer.from_tflite(lending_model)


def opens(visitor, by=None):
    """Opens the view, by its button unless a function opens it, and waits for all pictures; returns the tiles."""
    if by is None:
        visitor.page.locator("#choose-look").click()
    else:
        by()
    visitor.page.wait_for_function(IS_SETTLED)
    return visitor.page.locator(".variant")


def sets_look(visitor, look):
    for name in ("vividness", "warmth"):
        visitor.page.locator(f"#{name}").fill(str(round(100 * getattr(look, name))))


def look_of(visitor):
    return tuple(int(visitor.page.locator(f"#{name}").input_value()) for name in ("vividness", "warmth"))


def options_of(label):
    """The label of a picture as options of the command."""
    numbers = re.fullmatch(r"Vividness (\d+)%, Warmth (−?\d+)%", label).groups()
    vividness, warmth = (int(number.replace("−", "-")) / 100 for number in numbers)
    return f"--vividness {vividness:g} --warmth {warmth:g}"


def labels(tiles):
    return tiles.evaluate_all("all => all.map(({ariaLabel}) => ariaLabel)")


def is_closed(visitor):
    sync_api.expect(visitor.page.locator("#variants")).to_be_hidden()


def test_the_nine_are_those_of_the_command():
    looks = [Look(), Look(1.9, 0.8), Look(0.1, -1), Look(2, 1), Look(0, 0.35)]
    code = """
        import { nine } from "./src/photo/variants.js";
        console.log(JSON.stringify(given.map((look) => nine(look))));
    """
    for look, found in zip(looks, web_browser.in_node(code, *map(dataclasses.asdict, looks)), strict=True):
        expected = [(one.look.vividness, one.look.warmth) for row in variants.rows(look) for one in row]
        assert [(one["vividness"], one["warmth"]) for one in found] == expected


@pytest.mark.parametrize("look", [Look(1.9, 0.8), Look(0, 0.35)], ids=str)
def test_the_view_shows_nine_looks_around_the_present_one(colorized, look):
    sets_look(colorized, look)
    tiles = opens(colorized)
    expected = [look_options.of_variant(variant) for row in variants.rows(look) for variant in row]
    assert [options_of(label) for label in labels(tiles)[:9]] == expected
    pressed = colorized.page.locator("#nine [aria-pressed=true]")
    assert [options_of(label) for label in labels(pressed)] == [look_options.of_variant(variants.Variant(look))]
    assert colorized.page.locator("#likely-colors").is_visible() == (look.vividness > 0)
    colorized.page.keyboard.press("Escape")


def test_each_picture_shows_its_look(colorized, colorizer):
    shown = opens(colorized).locator("canvas").evaluate_all(MEAN_COLORS)
    for variant, (shape, *color) in zip((one for row in variants.rows(Look()) for one in row), shown):
        assert shape == pytest.approx(300 / 512, abs=0.01)
        expected = colorizer(web_stage.CAMERA, look=variant.look).mean(axis=(0, 1))
        np.testing.assert_allclose(color, expected, atol=1.0)
    colorized.page.keyboard.press("Escape")


def test_a_chosen_look_is_applied_undone_redone_saved_and_kept(colorized, colorizer):
    page = colorized.page
    opens(colorized).nth(0).click()
    is_closed(colorized)
    assert look_of(colorized) == (60, -50)
    _, received = colorized.downloads()
    expected = colorizer(web_stage.CAMERA, look=Look(0.6, -0.5))
    assert web_browser.share_that_agrees(received, expected, gray_levels=1) >= 0.995
    page.click("#undo")
    colorized.sees("#vividness-value", "100%")
    assert look_of(colorized) == (100, 0)
    sync_api.expect(page.locator("#undo")).to_be_disabled()
    page.click("#redo")
    colorized.sees("#vividness-value", "60%")
    with page.expect_download() as download:
        page.click("#save-hints")
    with open(download.value.path(), encoding="utf-8") as file:
        assert json.load(file) == {"version": 1, "hints": [], "look": {"vividness": 0.6, "warmth": -0.5}}
    colorized.until(lambda: page.evaluate(web_kept.EDITS, web_kept.DATABASE)[0]["look"]["vividness"] == 0.6)
    page.reload()
    colorized.sees("#info", "Colorized")
    assert look_of(colorized) == (60, -50)
    pressed = opens(colorized).and_(page.locator("[aria-pressed=true]"))
    assert labels(pressed) == ["Vividness 60%, Warmth −50%"]
    page.keyboard.press("Escape")


def test_a_slider_is_one_step_of_undo(colorized):
    page = colorized.page
    sets_look(colorized, Look(1.5, 0.3))
    colorized.puts_dot(0.7, 0.3)
    for expected in ((150, 30), (150, 0), (100, 0)):
        page.keyboard.press("Control+z")
        assert look_of(colorized) == expected
    sync_api.expect(page.locator("#undo")).to_be_disabled()
    for expected, dots in (((150, 0), 0), ((150, 30), 0), ((150, 30), 1)):
        page.keyboard.press("Control+y")
        assert look_of(colorized) == expected
        sync_api.expect(page.locator(".dot")).to_have_count(dots)


def test_keys_open_move_and_choose(colorized):
    page = colorized.page

    def by_key():
        page.locator("#split").focus()
        page.keyboard.press("c")

    opens(colorized, by_key)
    focused = page.locator(".variant:focus")
    for key, label in (
        ("ArrowRight", "Vividness 140%, Warmth 0%"),
        ("ArrowDown", "Vividness 140%, Warmth 50%"),
        ("ArrowDown", "Vividness 140%, Warmth 50%"),
        ("ArrowLeft", "Vividness 100%, Warmth 50%"),
        ("ArrowUp", "Vividness 100%, Warmth 0%"),
        ("ArrowUp", "Vividness 100%, Warmth −50%"),
    ):
        page.keyboard.press(key)
        sync_api.expect(focused).to_have_attribute("aria-label", label)
    page.keyboard.press("Control+z")  # not below the view
    page.keyboard.press("Enter")
    is_closed(colorized)
    assert look_of(colorized) == (100, -50)
    sync_api.expect(page.locator("#split")).to_be_focused()


def test_escape_and_the_cross_change_nothing(colorized):
    for leave in (
        lambda: colorized.page.keyboard.press("Escape"),
        lambda: colorized.page.locator("#close-variants").click(),
    ):
        opens(colorized)
        colorized.page.keyboard.press("ArrowRight")
        leave()
        is_closed(colorized)
        assert look_of(colorized) == (100, 0)
        sync_api.expect(colorized.page.locator("#undo")).to_be_disabled()
        sync_api.expect(colorized.page.locator("#choose-look")).to_be_focused()


def test_another_photo_on_the_stage_closes_the_view(colorized):
    opens(colorized)
    colorized.hands_over("drop", "other.png", web_stage.PHOTO)
    is_closed(colorized)
    colorized.waits_for_all(2)


def test_a_likely_color_becomes_a_dot(colorized, colorizer):
    page = colorized.page
    tiles = opens(colorized)
    colors = [re.search("#[0-9a-f]{6}$", label)[0] for label in labels(tiles)[9:]]
    assert 1 <= len(set(colors)) == len(colors) <= 3
    tiles.nth(9).click()
    dot = page.locator(".dot")
    assert f": {colors[0]} at " in dot.get_attribute("aria-label")
    place = web_stage.place_of(dot)
    _, received = colorized.downloads()
    expected = colorizer(web_stage.CAMERA, hints=[(*place, colors[0])])
    assert web_browser.share_that_agrees(received, expected) >= 0.995
    pressed = opens(colorized).and_(page.locator("#likely-tiles [aria-pressed=true]"))
    assert [label[-7:] for label in labels(pressed)] == [colors[0]]
    page.locator("#likely-tiles .variant").last.click()  # takes the place of the first
    sync_api.expect(dot).to_have_attribute("aria-label", f"Dot 1: {colors[-1]} at {place[0]}, {place[1]}")
    for _ in range(1 if len(colors) == 1 else 2):
        page.click("#undo")
    sync_api.expect(dot).to_have_count(0)


@pytest.mark.parametrize("size", [(360, 640), pytest.param((640, 360), marks=pytest.mark.slow), (1280, 800)], ids=str)
def test_all_pictures_are_on_the_screen_and_chosen_by_a_tap(new_visitor, lending_server, size):
    is_phone = size[0] < 700
    options = {"viewport": dict(zip(("width", "height"), size)), "has_touch": is_phone, "is_mobile": is_phone}
    visitor = new_visitor(lending_server.url, **options).wait_until_ready()
    visitor.colors("photo.png", web_stage.PHOTO)
    tiles = opens(visitor)
    assert visitor.page.evaluate(HIDDEN) == []
    assert visitor.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert visitor.violations() == []
    tiles.nth(8).tap() if is_phone else tiles.nth(8).click()
    is_closed(visitor)
    assert look_of(visitor) == (140, 50)
    assert visitor.errors == []


def test_a_model_without_hints_offers_nine_looks_and_undo(visitor):
    visitor.colors("photo.png", web_stage.PHOTO)
    tiles = opens(visitor)
    assert len(labels(tiles)) == 9 and not visitor.page.locator("#likely-colors").is_visible()
    tiles.nth(2).click()
    assert look_of(visitor) == (140, -50)
    visitor.page.click("#undo")
    assert look_of(visitor) == (100, 0)
    visitor.page.locator("#warmth").fill("0")


def test_the_uncertain_thing_and_its_colors_are_those_of_the_command(colorized, colorizer, lending_model, monkeypatch):
    monkeypatch.setattr(runtimes, "default_model", lambda: lending_model)
    monkeypatch.setattr(insight, "shipped", functools.cache(insight.Insight))
    expected = likely.largest(colorizer.lightness(web_stage.CAMERA))
    tiles = opens(colorized)
    assert [label[-7:] for label in labels(tiles)[9:]] == list(expected.colors)
    tiles.nth(9).click()
    height, width = web_stage.CAMERA.shape
    x, y = (int(share * side) for share, side in zip(expected.place, (width, height)))
    assert web_stage.place_of(colorized.page.locator(".dot")) == (x, y)
