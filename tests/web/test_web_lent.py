"""Colors from another photo on the page: chosen, dropped, undone, kept, saved, and those of the command."""

import json
import pathlib

import numpy as np
import pytest
import skimage.data
import web_browser
from PIL import Image
from playwright import sync_api

from tf_colorize import Colorizer, Look, hints, look_files
from tf_colorize.color import lab

pytest_plugins = ["web_fixtures"]

SHIPPED = pathlib.Path(__file__).parents[2] / "saved_models" / "colorizer.tflite"
COLOR = skimage.data.coffee()[:300, :400]
GRAY = lab.lightness_ab_to_rgb(lab.rgb_to_lightness(COLOR), np.zeros((300, 400, 2), np.float32))[..., 0]
PHOTO = web_browser.encoded(Image.fromarray(GRAY))
LENDER = web_browser.encoded(Image.fromarray(COLOR))
DROP = """([selector, name, bytes]) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([new Uint8Array(bytes)], name));
    const init = {bubbles: true, cancelable: true, dataTransfer};
    document.querySelector(selector).dispatchEvent(new DragEvent("drop", init));
}"""


@pytest.fixture
def visitor(lending_visitor):
    lending_visitor.colors("photo.png", PHOTO)
    yield lending_visitor
    lending_visitor.tidies_up()
    assert lending_visitor.errors == []


def drops(visitor, name, data, selector="#borrow"):
    visitor.page.evaluate(DROP, [selector, name, list(data)])


def has_colors_from(visitor, name):
    sync_api.expect(visitor.page.locator("#lent-name")).to_have_text(name)
    assert visitor.page.locator("#lent-picture").evaluate(
        "picture => picture.decode().then(() => picture.naturalWidth)"
    )


def has_none(visitor):
    sync_api.expect(visitor.page.locator("#lent")).to_be_hidden()


def saved(visitor, button, folder):
    """A file that a button saves."""
    with visitor.page.expect_download() as download:
        visitor.page.click(button)
    path = folder / download.value.suggested_filename
    path.write_bytes(pathlib.Path(download.value.path()).read_bytes())
    return path


def test_the_result_and_the_files_are_those_of_the_command(visitor, lending_colorizer, tmp_path):
    plain = lending_colorizer(GRAY).astype(int)
    visitor.page.set_input_files("#lender-input", [{"name": "other.png", "mimeType": "", "buffer": LENDER}])
    has_colors_from(visitor, "other.png")
    look = look_files.read(saved(visitor, "#save-look", tmp_path))
    (reference,) = look["reference"]
    assert reference == look_files.open_reference(LENDER)
    expected = lending_colorizer(GRAY, look=Look(**look))
    assert np.abs(expected - plain).mean() > 3
    _, received = visitor.downloads()
    assert web_browser.share_that_agrees(received, expected, gray_levels=1) >= 0.995
    visitor.puts_dot(0.8, 0.2)
    visitor.page.fill("#code", "#5a6080")  # at the boundary of the gamut, rounding counts more
    visitor.page.keyboard.press("Enter")
    visitor.sets_vividness(140)
    _, received = visitor.downloads()
    dots, look = hints.read_with_look(saved(visitor, "#save-hints", tmp_path))
    assert len(dots) == 1 and look["vividness"] == 1.4
    expected = lending_colorizer(GRAY, hints=dots, look=Look(**look))
    assert web_browser.share_that_agrees(received, expected, gray_levels=1) >= 0.995


@pytest.mark.slow
def test_large_ones_are_reduced_and_the_model_that_ships_takes_them(new_visitor, page_folder, tmp_path):
    large = Image.fromarray(COLOR).resize((1600, 1200), Image.Resampling.BICUBIC)
    with web_browser.served(page_folder, [SHIPPED]) as server:
        visitor = new_visitor(server.url).wait_until_ready()
        visitor.colors("photo.png", PHOTO)
        drops(visitor, "large.jpg", web_browser.encoded(large, "JPEG"))
        has_colors_from(visitor, "large.jpg")
        look = Look(**look_files.read(saved(visitor, "#save-look", tmp_path)))
        assert look.reference[0].size == (512, 384)
        _, received = visitor.downloads()
    # Its int8 kernels are not the same in browsers.
    expected = Colorizer.load(SHIPPED, threads=1)(GRAY, look=look)
    assert web_browser.share_that_agrees(received, expected, gray_levels=3) >= 0.97


def test_it_is_undone_redone_and_kept_with_its_photo(visitor):
    page = visitor.page
    drops(visitor, "dropped.png", LENDER)
    has_colors_from(visitor, "dropped.png")
    assert page.locator("#photos li").count() == 1  # it is no photo to color
    page.keyboard.press("Control+z")
    has_none(visitor)
    page.keyboard.press("Control+y")
    has_colors_from(visitor, "dropped.png")
    visitor.colors("second.png", PHOTO)
    has_none(visitor)
    page.get_by_role("button", name="photo.png", exact=True).click()
    has_colors_from(visitor, "dropped.png")
    page.wait_for_timeout(100)
    page.reload()
    visitor.sees("#info", "photo.png")
    visitor.waits_for_all(2)
    has_colors_from(visitor, "dropped.png")
    page.locator("#return").focus()
    page.keyboard.press("Enter")
    has_none(visitor)
    assert page.evaluate("() => document.activeElement.id") == "borrow"
    page.click("#undo")
    has_colors_from(visitor, "dropped.png")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (PHOTO, "It is gray or has a single tone. Only a photo in color can lend its colors."),
        (LENDER[:3000], "The picture is incomplete"),
        (b"no picture", "This is not a picture"),
    ],
    ids=["gray", "cut", "text"],
)
def test_an_unusable_reference_is_reported_in_one_line(visitor, data, reason):
    drops(visitor, "wrong.png", data)
    notices = visitor.page.locator(".notice")
    sync_api.expect(notices).to_have_count(1)
    assert notices.inner_text().startswith("wrong.png: ")
    if reason.endswith("."):
        visitor.sees(".notice", reason)
    has_none(visitor)
    sync_api.expect(visitor.page.locator("#undo")).to_be_disabled()


def test_files_with_references_are_opened(visitor, tmp_path):
    reference = look_files.open_reference(LENDER)
    look_files.write({"vividness": 1.2, "reference": (reference,)}, tmp_path / "look.json")
    content = json.loads((tmp_path / "look.json").read_text())
    content["look"]["reference"].append("beside/it.jpg")
    visitor.choose(("look.json", json.dumps(content).encode()))
    has_colors_from(visitor, "another photo")
    visitor.sees("#vividness-value", "120%")
    visitor.sees(".notice", "look.json: This page does not use “reference”, but saves it again with the hints.")
    assert json.loads(saved(visitor, "#save-look", tmp_path).read_text())["look"]["reference"][1:] == ["beside/it.jpg"]
    drops(visitor, "own.png", LENDER)  # replaces all
    has_colors_from(visitor, "own.png")
    assert len(json.loads(saved(visitor, "#save-look", tmp_path).read_text())["look"]["reference"]) == 1
    broken = {"version": 1, "look": {"reference": ["data:image/png;base64,aGk="]}}
    visitor.choose(("broken.json", json.dumps(broken).encode()))
    visitor.sees(".notice >> nth=1", "broken.json: ")
    has_colors_from(visitor, "own.png")


@pytest.mark.slow
def test_a_narrow_phone_has_room_and_fingers_and_keys_reach_it(chromium, lending_server):
    options = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
    context = chromium.new_context(**web_browser.CALM, **options)
    visitor = web_browser.Visitor(context.new_page(), lending_server.url).wait_until_ready()
    page = visitor.page
    visitor.colors("photo.png", PHOTO)
    with page.expect_file_chooser() as chooser:
        page.locator("#borrow").tap()
    chooser.value.set_files([{"name": f"a long name of a photo {'x' * 60}.png", "mimeType": "", "buffer": LENDER}])
    sync_api.expect(page.locator("#lent")).to_be_visible()
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    for selector in ("#borrow", "#return", "#save-look"):
        box = page.locator(selector).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 360 and min(box["width"], box["height"]) >= 40
    assert visitor.violations() == []
    page.locator("#return").tap()
    has_none(visitor)
    with page.expect_file_chooser():
        page.locator("#borrow").press("Enter")
    assert visitor.errors == []
    context.close()


def test_a_model_without_features_says_so(hinting_visitor):
    hinting_visitor.colors("photo.png", PHOTO)
    hinting_visitor.sees("#lender-line", "The model's file brings no features")
    sync_api.expect(hinting_visitor.page.locator("#borrow")).to_be_hidden()
    drops(hinting_visitor, "other.png", LENDER, selector="#lender")
    sync_api.expect(hinting_visitor.page.locator("#lent")).to_be_hidden()
