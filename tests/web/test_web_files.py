"""Files given to the page: how they arrive, and messages about those that it cannot use."""

import pytest
import skimage.data
import web_browser
import web_stage
from PIL import Image
from playwright import sync_api

pytest_plugins = ["web_fixtures"]


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_dropped_and_pasted_photos_are_colorized(visitor, event):
    visitor.hands_over(event, "given.png", web_stage.PHOTO)
    visitor.sees("#info", "512 × 300 · given.png")
    visitor.sees("#info", "Colorized in")


def test_unusable_files_are_reported_and_the_others_colorized(visitor):
    png = web_browser.encoded(Image.new("L", (40, 30), 90))
    jpeg = web_browser.encoded(Image.fromarray(skimage.data.camera()), "JPEG")
    frames = [Image.new("RGB", (40, 30), (80 * index, 0, 0)) for index in range(3)]
    several = {"save_all": True, "append_images": frames[1:]}
    unusable = {
        "notes.txt": (b"dear diary", "This is not a picture that the page can read, such as a JPEG, PNG, WebP"),
        "empty.jpg": (b"", "The file is empty."),
        "half.jpg": (jpeg[: len(jpeg) // 2], "The picture is truncated: its end is missing."),
        "half.png": (png[: len(png) // 2], "The picture is truncated"),
        "head.png": (png[:12], "The picture is truncated or broken."),
        "broken.png": (png[:41] + b"xxxxxxxx" + png[49:], "The picture is broken."),
        "moving.gif": (web_browser.encoded(frames[0], "GIF", **several), "This is an animation."),
        "moving.png": (web_browser.encoded(frames[0], "PNG", **several), "This is an animation."),
        "moving.webp": (web_browser.encoded(frames[0], "WEBP", **several), "This is an animation."),
        "scan.tif": (
            web_browser.encoded(frames[0], "TIFF"),
            "This browser cannot read TIFF pictures. Save it as JPEG, or in a terminal: tf-colorize scan.tif",
        ),
        "raw.CR2": (
            web_browser.encoded(frames[0], "TIFF"),
            "This browser cannot read TIFF pictures. Save it as JPEG or PNG.",
        ),
        "huge.png": (_png_that_claims(30000, 30000), "The picture has 900 megapixels"),
        "huge.webp": (_webp_that_claims_all("VP8 "), "The picture has 268 megapixels"),
        "huge-lossless.webp": (_webp_that_claims_all("VP8L", lossless=True), "The picture has 268 megapixels"),
        "huge-dated.webp": (_webp_that_claims_all("VP8X", exif=Image.Exif()), "The picture has 268 megapixels"),
        "huge.bmp": (_bmp_that_claims(30000, 30000), "The picture has 900 megapixels"),
        "huge.avif": (_avif_that_claims(30000, 30000), "The picture has 900 megapixels"),
    }
    visitor.choose(
        ("first.png", web_stage.PHOTO),
        *((name, data) for name, (data, _) in unusable.items()),
        ("last.png", web_stage.PHOTO),
    )
    visitor.waits_for_all(2)
    for name, (_, message) in unusable.items():
        visitor.sees(f".notice:has(strong:text-is('{name}:'))", message)
    assert visitor.page.locator(".notice").count() == len(unusable)
    assert visitor.page.locator("#photos .thumb").evaluate_all("all => all.map(one => one.title)") == [
        "first.png",
        "last.png",
    ]


def _png_that_claims(width, height):
    png = bytearray(web_browser.encoded(Image.new("L", (1, 1))))
    png[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return bytes(png)


def _webp_that_claims_all(kind, **options):
    """Sets the format's largest size, 16383 x 16383, in the header of a WebP."""
    webp = bytearray(web_browser.encoded(Image.new("RGB", (2, 2)), "WEBP", **options))
    assert webp[12:16] == kind.encode()
    at, size = {
        "VP8 ": (26, (0x3FFF | 0x3FFF << 16).to_bytes(4, "little")),
        "VP8L": (21, (0x3FFE | 0x3FFE << 14).to_bytes(4, "little")),
        "VP8X": (24, 2 * 0x3FFE.to_bytes(3, "little")),
    }[kind]
    webp[at : at + len(size)] = size
    return bytes(webp)


def _bmp_that_claims(width, height):
    bmp = bytearray(web_browser.encoded(Image.new("RGB", (1, 1)), "BMP"))
    bmp[18:26] = width.to_bytes(4, "little") + height.to_bytes(4, "little")
    return bytes(bmp)


def _avif_that_claims(width, height):
    avif = bytearray(web_browser.encoded(Image.new("RGB", (16, 16)), "AVIF"))
    size = avif.index(b"ispe") + 8
    avif[size : size + 8] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return bytes(avif)


def test_photos_can_be_removed(visitor):
    visitor.choose(("one.png", web_stage.PHOTO), ("two.png", web_stage.PHOTO))
    visitor.waits_for_all(2)
    visitor.page.click("[aria-label='Remove one.png']")
    visitor.sees("#info", "two.png")
    sync_api.expect(visitor.page.get_by_role("button", name="two.png", exact=True)).to_be_focused()
    visitor.page.click("[aria-label='Remove two.png']")
    sync_api.expect(visitor.page.locator("#invite")).to_be_visible()
    sync_api.expect(visitor.page.locator("#viewer")).to_be_hidden()


def test_a_color_photo_offers_its_own_colors(visitor):
    visitor.colors("coffee.png", web_browser.encoded(Image.fromarray(skimage.data.coffee())))
    options = visitor.page.locator("#left-look option")
    sync_api.expect(options).to_have_text(["Black and white", "Original"])
    visitor.until(lambda: web_stage.colorfulness(visitor, 0.05, 0.4) < 1)
    visitor.page.select_option("#left-look", "original")
    visitor.until(lambda: web_stage.colorfulness(visitor, 0.05, 0.4) > 20)


def test_many_messages_are_closed_at_once(visitor):
    close_all = visitor.page.locator("#close-notices")
    for count, name in enumerate(["one.txt", "two.txt", "three.txt"], start=1):
        visitor.choose((name, b"text"))
        sync_api.expect(visitor.page.locator(".notice")).to_have_count(count)
        sync_api.expect(close_all).to_be_visible(visible=count == 3)
    assert visitor.violations() == []
    visitor.page.click(".notice button >> nth=1")
    sync_api.expect(close_all).to_be_hidden()
    visitor.choose(("four.txt", b"text"))
    close_all.click()
    sync_api.expect(visitor.page.locator(".notice")).to_have_count(0)
    sync_api.expect(close_all).to_be_hidden()
