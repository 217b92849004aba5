"""Choices for each photo: its own look, colors by name, matching files, sharing; films are refused."""

import io
import json
import zipfile

import numpy as np
import pytest
import skimage.data
import web_browser
from PIL import Image
from playwright import sync_api

from tf_colorize import Colorizer, Look, hints

pytest_plugins = ["web_fixtures"]

CAMERA = skimage.data.camera()[:300]
PHOTO = web_browser.encoded(Image.fromarray(CAMERA))
JPEG = web_browser.encoded(Image.fromarray(CAMERA), "JPEG")


@pytest.fixture
def visitor(hinting_visitor):
    return hinting_visitor


def selects(visitor, name):
    visitor.page.get_by_role("button", name=name, exact=True).click()
    visitor.sees("#info", name)


# Every look is compared in test_web_numbers.py.
@pytest.mark.parametrize(
    "look",
    [
        Look(1.4, -0.8),
        *(pytest.param(look, marks=pytest.mark.slow, id=str(look)) for look in (Look(0.6, 0.5), Look(1.0, 1.0))),
    ],
    ids=str,
)
def test_a_look_is_that_of_the_colorizer_with_and_without_dots(visitor, hinting_model, look):
    colorizer = Colorizer.from_tflite(hinting_model)
    visitor.colors("photo.png", PHOTO)
    visitor.page.locator("#vividness").fill(str(round(100 * look.vividness)))
    visitor.page.locator("#warmth").fill(str(round(100 * look.warmth)))
    _, received = visitor.downloads()
    assert web_browser.share_that_agrees(received, colorizer(CAMERA, look=look), gray_levels=1) >= 0.995
    visitor.puts_dot(0.8, 0.3)
    visitor.page.fill("#code", "#3060a0")
    _, received = visitor.downloads()
    expected = colorizer(CAMERA, look=look, hints=[(409, 90, "#3060a0")])
    assert web_browser.share_that_agrees(received, expected) >= 0.995


def test_each_photo_has_its_own_look(visitor):
    visitor.choose(("gray.png", PHOTO), ("vivid.png", PHOTO))
    visitor.waits_for_all(2)
    selects(visitor, "gray.png")
    visitor.sets_vividness(0)
    selects(visitor, "vivid.png")
    visitor.sees("#vividness-value", "100%")
    visitor.page.locator("#warmth").fill("40")
    selects(visitor, "gray.png")
    visitor.sees("#vividness-value", "0%")
    visitor.sees("#warmth-value", "0%")
    _, received = visitor.downloads("#download-all")
    with zipfile.ZipFile(io.BytesIO(received)) as archive:
        chroma = [
            np.ptp(np.asarray(web_browser.opened(archive.read(name))).astype(int), axis=-1).mean()
            for name in ("gray.color.png", "vivid.color.png")
        ]
        assert chroma[0] < 0.01 < 5 < chroma[1]
        assert json.loads(archive.read("vivid.hints.json"))["look"] == {"vividness": 1, "warmth": 0.4}
        assert json.loads(archive.read("gray.hints.json"))["look"] == {"vividness": 0, "warmth": 0}


def test_thumbnails_show_the_look(visitor):
    visitor.colors("photo.png", PHOTO)
    thumbnail = visitor.page.locator("#photos .thumb")

    def chroma():
        shot = Image.open(io.BytesIO(thumbnail.screenshot())).convert("RGB").crop((20, 20, 50, 50))
        return np.ptp(np.asarray(shot).astype(int), axis=-1).mean()

    visitor.until(lambda: chroma() > 5)
    visitor.sets_vividness(0)
    visitor.until(lambda: chroma() < 1)


def test_the_look_is_in_the_hints_file_which_python_reads(visitor, tmp_path):
    visitor.colors("photo.png", PHOTO)
    visitor.puts_dot(0.7, 0.3)
    visitor.page.fill("#code", "#2040c0")
    visitor.sets_vividness(140)
    with visitor.page.expect_download() as download:
        visitor.page.click("#save-hints")
    download.value.save_as(tmp_path / "photo.hints.json")
    assert hints.read(tmp_path / "photo.hints.json") == [hints.Hint(358, 90, "#2040c0")]
    visitor.sets_vividness(100)
    visitor.choose(("photo.hints.json", (tmp_path / "photo.hints.json").read_bytes()))
    visitor.sees("#vividness-value", "140%")
    bad = json.dumps({"version": 1, "hints": [], "look": {"vividness": 7}})
    visitor.choose(("photo.hints.json", bad.encode()))
    visitor.sees(".notice", "photo.hints.json: Its vividness 7 must be a number from 0 to 2.")
    sync_api.expect(visitor.page.locator(".dot")).to_have_count(1)
    visitor.sees("#vividness-value", "140%")


def test_files_of_photos_with_one_name_belong_together(visitor):
    content = json.dumps({"version": 1, "hints": [{"x": 5, "y": 5, "color": "red"}]}).encode()
    for name, data in (("a.jpg", JPEG), ("A.jpg", JPEG), ("a.png", PHOTO), ("a 2.jpg", JPEG)):
        count = visitor.page.locator("#photos li").count()
        visitor.colors(name, data)
        visitor.waits_for_all(count + 1)
        visitor.choose((f"{name.rpartition('.')[0]}.hints.json", content))
        sync_api.expect(visitor.page.locator(".dot")).to_have_count(1)
    _, received = visitor.downloads("#download-all", form="same")
    with zipfile.ZipFile(io.BytesIO(received)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert names == [
        *("a.color.jpg", "a.hints.json", "A 2.color.jpg", "A 2.hints.json"),
        *("a 3.color.png", "a 3.hints.json", "a 2 2.color.jpg", "a 2 2.hints.json"),
    ]
    assert len({name.lower() for name in names}) == len(names)


WORDS = [
    ("navy blue", "“navy blue” is not a color. Give a code such as #7a4b2c, or a CSS name such as navy."),
    ("Oldrose", "“Oldrose” is not a color. Give a code such as #7a4b2c, or a CSS name such as navy."),
    ("#12", "This code is not a color. Give a code such as #7a4b2c, or a CSS name such as navy."),
    ("rgb(1, 2, 3, 0.5)", "“rgb(1, 2, 3, 0.5)” is not a color."),
    ("", "Give a code such as #7a4b2c, or a CSS name such as navy."),
]
COLORS = {"dark blue": "#00008b", " Light  Sea Green ": "#20b2aa", "navy": "#000080", "#abc": "#aabbcc"}


def test_text_that_is_not_a_color_gets_a_message(visitor):
    visitor.colors("photo.png", PHOTO)
    dot = visitor.puts_dot(0.7, 0.3)
    code = visitor.page.locator("#code")
    problem = visitor.page.locator("#code-problem")
    before = dot.get_attribute("aria-label")
    for text, words in WORDS:
        code.fill(text)
        sync_api.expect(problem).to_contain_text(words)
        sync_api.expect(code).to_have_attribute("aria-invalid", "true")
        assert dot.get_attribute("aria-label") == before
    for text, color in (
        ("dark blue", "#00008b"),
        (" Light  Sea Green ", "#20b2aa"),
        ("navy", "#000080"),
        ("#abc", "#aabbcc"),
    ):
        code.fill(text)
        sync_api.expect(dot).to_have_attribute("aria-label", f"Dot 1: {color} at 358, 90")
        sync_api.expect(problem).to_have_text("")
        sync_api.expect(code).not_to_have_attribute("aria-invalid", "true")
        assert hints.Hint(0, 0, text).rgb() == hints.Hint(0, 0, color).rgb()


FILMS = {
    "clip.mp4": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2avc1",
    "clip": b"\x1a\x45\xdf\xa3" + bytes(40),
    "old.AVI": b"RIFF\0\0\0\0AVI LIST" + bytes(30),
    "family film.mov": b"\0\0\0\x08wide\0\0\0\0mdat",
    "recording.bin": (b"\x47" + bytes(187)) * 4,
    "empty.mkv": b"",
    "raw.dv": bytes(2000),
}


# One by its content, one by its name, one with a space.
QUICK_FILMS = ("clip", "empty.mkv", "family film.mov")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK_FILMS else [pytest.mark.slow]) for name in FILMS]
)
def test_a_film_is_sent_to_the_command(visitor, name):
    visitor.hands_over("drop", name, FILMS[name])
    given = f'"{name}"' if " " in name else name
    visitor.sees(
        ".notice", f"{name}: This is a film, and this page colorizes photos. In a terminal: tf-colorize film {given}"
    )
    assert visitor.page.locator("#photos li").count() == 0


def test_a_picture_is_recognized_under_any_name(visitor):
    visitor.colors("photo.mov", PHOTO)


SHARE = """(failures, most = Infinity) => {
    window.shared = [];
    navigator.canShare = ({files}) => files?.length > 0 && files[0].size < most;
    navigator.share = async ({files}) => {
        window.tried = true;
        if (failures.length > 0) throw new DOMException("no", failures.shift());
        window.shared.push([files[0].name, files[0].type, files[0].size]);
    };
}"""


@pytest.fixture
def sharing(new_visitor, hinting_server):
    """A function that gives a visitor with a photo, whose browser first fails to share as told, and the button."""
    visitors = []

    def arrive(*arguments):
        given = ", ".join(map(json.dumps, arguments))
        visitor = new_visitor(hinting_server.url, lambda page: page.add_init_script(f"({SHARE})({given})"))
        visitors.append(visitor.wait_until_ready())
        visitor.colors("photo.jpg", JPEG)
        return visitor, visitor.page.locator("#share")

    yield arrive
    assert [visitor.errors for visitor in visitors] == [[]]


@pytest.mark.parametrize("is_early", [pytest.param(False, marks=pytest.mark.slow), True])
def test_photos_are_shared_where_the_browser_can(sharing, is_early):
    visitor, share = sharing(["NotAllowedError"] if is_early else [])
    share.click()
    if is_early:  # making the file took longer than browsers allow after a click
        visitor.sees(".notice", "photo.jpg: The photo is ready. Choose Share again.")
        visitor.page.evaluate("() => { Worker.prototype.postMessage = null; }")  # without making it again
        share.click()
    visitor.until(lambda: visitor.page.evaluate("() => window.shared.length") == 1)
    ((name, kind, size),) = visitor.page.evaluate("() => window.shared")
    assert (name, kind) == ("photo.color.jpg", "image/jpeg") and size > 1000
    sync_api.expect(share).to_have_text("Share")


def test_a_photo_is_shared_as_it_is_now(sharing):
    visitor, share = sharing(["NotAllowedError"])
    share.click()
    visitor.sees(".notice", "Choose Share again.")
    visitor.sets_vividness(0)
    share.click()
    visitor.until(lambda: visitor.page.evaluate("() => window.shared.length") == 1)
    _, received = visitor.downloads(form="same")
    assert visitor.page.evaluate("() => window.shared[0][2]") == len(received)


@pytest.mark.slow
def test_canceled_sharing_gives_no_message(sharing):
    visitor, share = sharing(["AbortError"])
    share.click()
    visitor.until(lambda: visitor.page.evaluate("() => window.tried"))
    sync_api.expect(share).to_have_text("Share")
    assert visitor.page.locator(".notice").count() == 0


@pytest.mark.slow
def test_a_file_that_cannot_be_shared_is_reported(sharing):
    visitor, share = sharing([], 100)
    share.click()
    visitor.sees(".notice", "This browser cannot share this file; download it.")
    sync_api.expect(share).to_have_text("Share")
    assert not visitor.page.evaluate("() => window.tried")


def test_without_sharing_there_is_no_share_button(visitor):
    visitor.colors("photo.png", PHOTO)
    can_share = visitor.page.evaluate("() => 'canShare' in navigator")
    sync_api.expect(visitor.page.locator("#share")).to_be_visible(visible=can_share)
