"""The page as people use it: ways in, the stage, models, messages, no network, every screen."""

import re

import numpy as np
import pytest
import skimage.data
import web_browser
from PIL import Image
from playwright import sync_api

from tf_colorize.commands import demo

pytest_plugins = ["web_fixtures"]

PHOTO = web_browser.encoded(Image.fromarray(skimage.data.camera()[:300]))


def split_of(visitor):
    return visitor.page.locator("#frame").evaluate("frame => parseFloat(frame.style.getPropertyValue('--split'))")


def colorfulness(visitor, left, right):
    """Mean difference between the largest and the smallest channel between two shares of the width."""
    return np.ptp(visitor.seen(left, right), axis=-1).mean()


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_dropped_and_pasted_photos_are_colorized(visitor, event):
    visitor.hands_over(event, "given.png", PHOTO)
    visitor.sees("#info", "512 × 300 · given.png")
    visitor.sees("#info", "Colorized in")


def test_samples_are_colorized(visitor):
    visitor.page.click("[data-sample='chelsea.jpg']")
    visitor.sees("#info", "451 × 300 · chelsea.jpg")
    visitor.sees("#info", "Colorized in")


def test_the_divider_follows_mouse_and_keyboard(visitor):
    visitor.colors("photo.png", PHOTO)
    split = visitor.page.locator("#split")
    split.focus()
    visitor.page.keyboard.press("Home")
    assert split_of(visitor) == 0
    visitor.page.keyboard.press("ArrowRight")
    assert split_of(visitor) == 1
    box = visitor.page.locator("#frame").bounding_box()
    middle = box["y"] + box["height"] / 2
    visitor.page.mouse.move(box["x"] + box["width"] * 0.3, middle)
    visitor.page.mouse.down()
    visitor.page.mouse.move(box["x"] + box["width"] * 0.75, middle)
    visitor.page.mouse.up()
    assert split_of(visitor) == pytest.approx(75, abs=1)
    assert split.input_value() == "75"
    visitor.until(lambda: colorfulness(visitor, 0.05, 0.7) < 1 and colorfulness(visitor, 0.8, 0.95) > 20)


def test_touch_drags_the_divider_pinches_and_moves(new_visitor):
    visitor = new_visitor(viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True).wait_until_ready()
    sync_api.expect(visitor.page.get_by_role("button", name="Take a photo")).to_be_visible()
    visitor.colors("photo.png", PHOTO)
    box = visitor.page.locator("#frame").bounding_box()
    middle = box["y"] + box["height"] / 2

    def across(share):
        return {"x": box["x"] + box["width"] * share, "y": middle, "id": 1}

    visitor.touches([across(0.5)], [across(0.4)], [across(0.2)])
    assert split_of(visitor) == pytest.approx(20, abs=1)
    other = {"x": box["x"] + box["width"] * 0.6, "y": middle, "id": 2}
    visitor.touches([across(0.5), other], [across(0.3), other], [across(0.1), other])
    sync_api.expect(visitor.page.locator("#zoom-fit")).to_have_text(re.compile(r"^\d+%$"))
    visitor.page.wait_for_timeout(500)
    shot = visitor.seen(0.3, 0.9)
    visitor.touches([across(0.8)], [across(0.6)], [across(0.4)])
    assert split_of(visitor) == pytest.approx(20, abs=1)
    visitor.until(lambda: np.abs(visitor.seen(0.3, 0.9) - shot).mean() > 5)


def test_a_finger_removes_only_what_shows_the_cross(new_visitor):
    visitor = new_visitor(viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True).wait_until_ready()
    visitor.choose(("one.png", PHOTO), ("two.png", PHOTO))
    visitor.waits_for_all(2)
    two = visitor.page.locator("#photos li").nth(1)
    two.scroll_into_view_if_needed()
    for still_there in (2, 1):  # the first tap selects
        box = two.bounding_box()
        visitor.page.touchscreen.tap(box["x"] + box["width"] - 12, box["y"] + 12)
        sync_api.expect(visitor.page.locator("#photos li")).to_have_count(still_there)
        visitor.page.wait_for_timeout(300)
    sync_api.expect(visitor.page.get_by_role("button", name="one.png", exact=True)).to_be_visible()


def test_vividness_changes_what_is_seen(visitor):
    visitor.colors("photo.png", PHOTO)
    visitor.page.locator("#split").press("Home")
    visitor.until(lambda: colorfulness(visitor, 0.1, 0.9) > 20)
    visitor.sets_vividness(0)
    visitor.sees("#vividness-value", "0%")
    visitor.until(lambda: colorfulness(visitor, 0.1, 0.9) < 1)


def test_zoom_shows_the_part_that_is_asked_for(visitor):
    # Black on the left, white on the right: the share of white tells which part is seen.
    halves = Image.new("L", (400, 400))
    halves.paste(255, (200, 0, 400, 400))
    visitor.colors("halves.png", web_browser.encoded(halves))
    for _ in range(5):
        visitor.page.click("#zoom-in")
    sync_api.expect(visitor.page.locator("#zoom-fit")).to_have_text(re.compile(r"^\d+%$"))
    visitor.page.locator("#split").focus()
    for _ in range(25):
        visitor.page.keyboard.press("Shift+ArrowRight")
    visitor.until(lambda: visitor.seen(0.1, 0.9).mean() > 230)
    for _ in range(50):
        visitor.page.keyboard.press("Shift+ArrowLeft")
    visitor.until(lambda: visitor.seen(0.1, 0.9).mean() < 25)
    visitor.page.keyboard.press("0")
    sync_api.expect(visitor.page.locator("#zoom-fit")).to_have_text("Fit")
    visitor.until(lambda: 90 < visitor.seen(0.05, 0.95).mean() < 165)


def test_zoom_shows_every_pixel_of_a_photo_that_is_larger_than_the_screen(visitor):
    # Made smaller, black and white rows are gray.
    rows = np.zeros((2000, 3000), np.uint8)
    rows[::2] = 255
    visitor.colors("rows.png", web_browser.encoded(Image.fromarray(rows)))
    visitor.until(lambda: visitor.seen(0.1, 0.4).std() < 10)
    visitor.page.click("#zoom-fit")
    sync_api.expect(visitor.page.locator("#zoom-fit")).to_have_text("100%")
    visitor.until(lambda: visitor.seen(0.1, 0.4).std() > 120)


def test_unusable_files_are_named_and_the_others_go_on(visitor):
    png = web_browser.encoded(Image.new("L", (40, 30), 90))
    jpeg = web_browser.encoded(Image.fromarray(skimage.data.camera()), "JPEG")
    frames = [Image.new("RGB", (40, 30), (80 * index, 0, 0)) for index in range(3)]
    several = {"save_all": True, "append_images": frames[1:]}
    unusable = {
        "notes.txt": (b"dear diary", "This is not a picture."),
        "empty.jpg": (b"", "The file is empty."),
        "half.jpg": (jpeg[: len(jpeg) // 2], "The picture is cut off: its end is missing."),
        "half.png": (png[: len(png) // 2], "The picture is cut off"),
        "head.png": (png[:12], "The picture is cut off or broken."),
        "broken.png": (png[:41] + b"xxxxxxxx" + png[49:], "The picture is broken."),
        "moving.gif": (web_browser.encoded(frames[0], "GIF", **several), "This is an animation."),
        "moving.png": (web_browser.encoded(frames[0], "PNG", **several), "This is an animation."),
        "moving.webp": (web_browser.encoded(frames[0], "WEBP", **several), "This is an animation."),
        "scan.tif": (web_browser.encoded(frames[0], "TIFF"), "This browser cannot read TIFF pictures."),
        "huge.png": (_png_that_claims(30000, 30000), "The picture has 900 megapixels"),
        "huge.webp": (_webp_that_claims_all("VP8 "), "The picture has 268 megapixels"),
        "huge-lossless.webp": (_webp_that_claims_all("VP8L", lossless=True), "The picture has 268 megapixels"),
        "huge-dated.webp": (_webp_that_claims_all("VP8X", exif=Image.Exif()), "The picture has 268 megapixels"),
        "huge.bmp": (_bmp_that_claims(30000, 30000), "The picture has 900 megapixels"),
        "huge.avif": (_avif_that_claims(30000, 30000), "The picture has 900 megapixels"),
    }
    visitor.choose(("first.png", PHOTO), *((name, data) for name, (data, _) in unusable.items()), ("last.png", PHOTO))
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
    """The format's largest size, 16383 x 16383, where a WebP of that kind has it."""
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
    visitor.choose(("one.png", PHOTO), ("two.png", PHOTO))
    visitor.waits_for_all(2)
    visitor.page.click("[aria-label='Remove one.png']")
    visitor.sees("#info", "two.png")
    sync_api.expect(visitor.page.get_by_role("button", name="two.png", exact=True)).to_be_focused()
    visitor.page.click("[aria-label='Remove two.png']")
    sync_api.expect(visitor.page.locator("#invite")).to_be_visible()
    sync_api.expect(visitor.page.locator("#viewer")).to_be_hidden()


def test_no_request_after_the_page_has_loaded(new_visitor, server):
    visitor = new_visitor().wait_until_ready()
    visitor.page.wait_for_load_state("networkidle")
    assert all(url.startswith((server.url, "blob:")) for url in visitor.requests)
    visitor.requests.clear()
    visitor.page.context.set_offline(True)
    visitor.colors("photo.png", PHOTO)
    visitor.page.click("[data-sample='rocket.jpg']")
    visitor.sees("#info", "rocket.jpg")
    visitor.sees("#info", "Colorized")
    visitor.sets_vividness(150)
    visitor.downloads()
    visitor.downloads("#download-all")
    assert [url for url in visitor.requests if not url.startswith("blob:")] == []


def test_the_model_is_kept_by_the_browser(new_visitor):
    visitor = new_visitor().wait_until_ready()
    assert sum(".tflite" in url for url in visitor.requests) == 1
    visitor.requests.clear()
    visitor.page.reload()
    visitor.wait_until_ready()
    visitor.colors("photo.png", PHOTO)
    assert not any(".tflite" in url for url in visitor.requests)


def test_photos_that_come_before_the_model_are_colorized_when_it_comes(new_visitor, server):
    waiting = []

    def hold(page):
        page.route("**/models.json", lambda route: waiting.append(route))

    visitor = new_visitor(prepare=hold)
    visitor.choose(("early.png", PHOTO))
    visitor.sees("#info", "early.png")
    assert "Colorized" not in visitor.page.locator("#info").inner_text()
    waiting[0].continue_()
    visitor.sees("#info", "Colorized in")
    visitor.waits_for_all(1)


def test_a_model_that_cannot_be_had_is_one_message(new_visitor):
    def arrive(page):
        page.route("**/*.tflite*", lambda route: route.fulfill(status=404))

    visitor = new_visitor(prepare=arrive)
    visitor.sees(".notice", "colorizer: It cannot be downloaded (404).")
    visitor.choose(("one.png", PHOTO), ("two.png", PHOTO))
    sync_api.expect(visitor.page.locator("#photos li")).to_have_count(2)
    assert visitor.page.locator(".notice").count() == 1
    visitor.page.unroute_all()
    visitor.page.get_by_role("button", name="two.png", exact=True).click()
    visitor.sees("#info", "Colorized in")


def test_models_are_compared(new_visitor, tmp_path):
    visitor = new_visitor().wait_until_ready()
    visitor.colors("photo.png", PHOTO)
    left = visitor.page.locator("#left-look option")
    sync_api.expect(left).to_have_text(["Black and white"])
    visitor.page.set_input_files("#model-input", web_browser.write_model(tmp_path / "other.tflite", seed=5))
    sync_api.expect(visitor.page.locator("#right-look")).to_have_value("other")
    sync_api.expect(left).to_have_text(["Black and white", "colorizer", "other"])
    visitor.page.select_option("#left-look", "colorizer")
    visitor.until(lambda: colorfulness(visitor, 0.05, 0.45) > 20)
    shot = visitor.seen(0.1, 0.4)
    visitor.page.select_option("#left-look", "other")
    visitor.until(lambda: np.abs(visitor.seen(0.1, 0.4) - shot).mean() > 10)


def test_a_color_photo_offers_its_own_colors(visitor):
    visitor.colors("coffee.png", web_browser.encoded(Image.fromarray(skimage.data.coffee())))
    options = visitor.page.locator("#left-look option")
    sync_api.expect(options).to_have_text(["Black and white", "Original"])
    visitor.until(lambda: colorfulness(visitor, 0.05, 0.4) < 1)
    visitor.page.select_option("#left-look", "original")
    visitor.until(lambda: colorfulness(visitor, 0.05, 0.4) > 20)


def test_wrong_models_are_refused(visitor, tmp_path):
    scales = web_browser.write_model(tmp_path / "scales.tflite", lightness_scale=100.0)
    visitor.hands_over("drop", "scales.tflite", scales.read_bytes())
    visitor.sees(".notice", "scales: It was made for lightness_scale 100, this page uses 50.")
    visitor.hands_over("drop", "noise.tflite", b"no model at all")
    visitor.sees(".notice >> nth=1", "noise: It is not a TFLite model that LiteRT can run.")
    visitor.colors("photo.png", PHOTO)


class _WithoutIsolation(demo.Server):
    headers = {}


def test_hosts_without_isolation_get_one_thread(new_visitor, page_folder, model):
    with web_browser.served(page_folder, [model], _WithoutIsolation) as server:
        visitor = new_visitor(server.url).wait_until_ready()
        visitor.colors("photo.png", PHOTO)
        visitor.sees("#info", "WebAssembly, 1 thread")


def test_a_page_without_a_model_says_so_and_takes_one(new_visitor, page_folder, model):
    with web_browser.served(page_folder) as server:
        visitor = new_visitor(server.url)
        visitor.sees(".notice", "No model comes with this page.")
        visitor.choose(("photo.png", PHOTO))
        visitor.sees("#info", "photo.png")
        visitor.hands_over("drop", "mine.tflite", model.read_bytes())
        visitor.sees("#info", "Colorized in")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280, 2560])
def test_no_barrier_and_no_shift_on_any_screen(new_visitor, width, scheme):
    visitor = new_visitor(
        viewport={"width": width, "height": width * 5 // 8 + 400}, color_scheme=scheme, reduced_motion="reduce"
    )
    visitor.page.evaluate(
        """() => {
            window.shifts = [];
            const nameOf = ({node}) => node?.id || node?.outerHTML?.slice(0, 80);
            const namesOf = (list) => list.getEntries().flatMap((entry) => entry.sources.map(nameOf));
            const observer = new PerformanceObserver((list) => window.shifts.push(...namesOf(list)));
            observer.observe({type: "layout-shift", buffered: true});
        }"""
    )
    visitor.wait_until_ready()
    assert visitor.violations() == []
    visitor.hands_over("drop", "photo.png", PHOTO)
    visitor.sees("#info", "Colorized")
    visitor.choose(
        ("a file with a long name, as cameras and scanners give them, 1936-03-09.txt", b"text"), ("b", PHOTO)
    )
    visitor.waits_for_all(2)
    assert visitor.violations() == []
    assert visitor.page.evaluate("() => window.shifts") == []
    assert visitor.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_own_script_and_style_are_small(page_folder):
    own = ["main.js", "worker.js", "style.css", "index.html"]
    assert sum((page_folder / name).stat().st_size for name in own) < 250_000


ENGINE = (web_browser.WEB / "src" / "page" / "engine.js").read_text()
TALK_TO_A_WORKER = """async ([engine, script]) => {
    const url = (text) => URL.createObjectURL(new Blob([text], {type: "text/javascript"}));
    const {Engine} = await import(url(engine));
    const worker = new Engine(url(script));
    const said = [];
    const ask = () => worker.ask("task", {}).then((result) => said.push(result), (error) => said.push(error.message));
    await new Promise((resolve) => setTimeout(resolve, 500));
    await Promise.race([ask().then(ask), new Promise((resolve) => setTimeout(resolve, 5000))]);
    return said;
}"""


@pytest.fixture
def blank_page(chromium):
    page = chromium.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    yield page
    page.close()


def test_a_worker_that_does_not_start_fails_every_request(blank_page):
    said = blank_page.evaluate(TALK_TO_A_WORKER, [ENGINE, "throw new Error('broken')"])
    assert len(said) == 2 and all("broken" in message for message in said)


def test_a_message_that_nobody_waits_for_is_left_aside(blank_page):
    script = "self.onmessage = ({data}) => { postMessage({id: -1, result: 0}); postMessage({id: data.id, result: 7}) }"
    assert blank_page.evaluate(TALK_TO_A_WORKER, [ENGINE, script]) == [7, 7]
    assert blank_page.errors == []
