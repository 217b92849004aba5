"""Chromium on the page that is built from web/, and what a visitor does there."""

import base64
import contextlib
import importlib.util
import io
import json
import pathlib
import shutil
import subprocess
import threading
import time
import zipfile

import numpy as np
import pytest
from PIL import Image
from playwright import sync_api

from tf_colorize.commands import demo

WEB = pathlib.Path(__file__).resolve().parents[2] / "web"
IMAGE_SIZE = 64  # of the model below
PATIENCE_MS = 60_000  # a loaded machine; nothing here takes that long
_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Half of the time that a page needs to load would go into optimizing WebAssembly that small networks run only once.
    "--js-flags=--wasm-tiering-budget=200000000",
]
# A page without a service worker and without animations: where no graphics hardware draws their frames, those that
# show that a photo is waiting or has got its colors take much of the time of a test.
CALM = {"service_workers": "block", "reduced_motion": "reduce"}


def executable():
    """Path of the installed Chromium; skips the test where there is none."""
    # The shell has no windows and menus of its own, which have kept whole processors busy without end.
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    return path or pytest.skip("needs Chromium: apt-get install chromium-headless-shell")


def build(folder):
    """Builds the page into a folder; skips the test where npm's packages are missing."""
    if not (WEB / "node_modules" / "axe-core").is_dir() or not shutil.which("node"):
        pytest.skip("needs Node and its packages: make web")
    build_script().build_page(folder)
    return folder


def build_script():
    """The module web/build.py."""
    spec = importlib.util.spec_from_file_location("web_build", WEB / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Lists of numbers in JSON take hundreds of times as long.
_NODE = """
import { readFileSync } from "node:fs";
const unpacked = (_, value) => {
    if (value?.floats === undefined) return value;
    const bytes = Buffer.from(value.floats, "base64");
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};
const packed = ({ buffer, byteOffset, byteLength }) => (
    { floats: Buffer.from(buffer, byteOffset, byteLength).toString("base64") }
);
const given = JSON.parse(readFileSync(0), unpacked);
"""


def in_node(code, *arguments):
    """Runs JavaScript with the page's modules in Node; returns the JSON that it prints. `given` has its arguments.

    Arrays become a `Float32Array`, without their shape; what `packed` makes of one is an array here.
    """

    def pack(array):
        return {"floats": base64.b64encode(np.asarray(array, np.float32).tobytes()).decode()}

    def unpack(found):
        return np.frombuffer(base64.b64decode(found["floats"]), np.float32) if found.keys() == {"floats"} else found

    command = ["node", "--input-type=module", "--eval", _NODE + code]
    given = json.dumps(arguments, default=pack)
    process = subprocess.run(command, cwd=WEB, input=given, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout, object_hook=unpack)


@contextlib.contextmanager
def chromium():
    with sync_api.sync_playwright() as playwright, launched(playwright.chromium) as browser:
        yield browser


@contextlib.contextmanager
def launched(browser_type):
    """A new browser."""
    browser = browser_type.launch(executable_path=executable(), args=_ARGUMENTS)
    yield browser
    browser.close()


@contextlib.contextmanager
def megabytes_of_page(browser):
    """Gives a list that grows by the memory, ten times a second, of the browser's largest page with its workers.

    Proportional set size: what the process has for itself, and its part of what it shares.
    """
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    renderers = [process["id"] for process in processes if process["type"] == "renderer"]
    sizes, is_done = [], threading.Event()

    def watch():
        while not is_done.is_set():
            sizes.append(max(map(_proportional_megabytes, renderers)))
            is_done.wait(0.1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield sizes
    finally:
        is_done.set()
        watcher.join()


def _proportional_megabytes(process_id):
    with contextlib.suppress(OSError):  # it has ended
        rollup = pathlib.Path(f"/proc/{process_id}/smaps_rollup").read_text()
        return int(rollup.split("Pss:")[1].split()[0]) / 1000
    return 0


@contextlib.contextmanager
def served(page_folder, models=(), server_type=demo.Server):
    """Serves the page on a free port; yields the server."""
    with server_type(0, page_folder, models) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def write_model(path, seed=0, **metadata):
    """A model with all kinds of colors, including some outside sRGB."""
    import tensorflow as tf

    class Vivid(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, IMAGE_SIZE, IMAGE_SIZE, 1))])
        def predict_ab(self, lightness):
            kernel = np.random.default_rng(seed).normal(0, 0.7, (5, 5, 1, 2)).astype(np.float32)
            return 0.7 * tf.tanh(tf.nn.conv2d(lightness, kernel, 1, "SAME"))

    module = Vivid()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.predict_ab.get_concrete_function()], module)
    path.write_bytes(converter.convert())
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tf_colorize.json", json.dumps(metadata))
    return path


class Visitor:
    """A user of the page."""

    def __init__(self, page, url):
        self.page = page
        self.errors, self.requests = [], []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.set_default_timeout(PATIENCE_MS)
        page.goto(url)

    def wait_until_ready(self):
        self.sees("#info", "Ready")
        return self

    def sees(self, selector, text):
        sync_api.expect(self.page.locator(selector)).to_contain_text(text, timeout=PATIENCE_MS)

    def choose(self, *files):
        """Puts `(name, bytes)` into the file chooser."""
        payloads = [{"name": name, "mimeType": "", "buffer": data} for name, data in files]
        self.page.set_input_files("#file-input", payloads)

    def colors(self, name, data):
        """Chooses a photo and waits for its colors."""
        self.choose((name, data))
        self.sees("#info", name)
        self.sees("#info", "Colorized")

    def waits_for_all(self, count):
        sync_api.expect(self.page.locator("#photos li:not(.busy)")).to_have_count(count, timeout=PATIENCE_MS)

    def until(self, is_so, seconds=20):
        """Waits for a condition that the page does not announce."""
        end = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < end
            self.page.wait_for_timeout(50)

    def seen(self, left=0.0, right=1.0):
        """RGB pixels of the middle of the stage between two shares of the photo's width."""
        shot = Image.open(io.BytesIO(self.page.locator("#frame").screenshot())).convert("RGB")
        width, height = shot.size
        return np.asarray(shot.crop((int(left * width), height // 5, int(right * width), height * 3 // 4))).astype(int)

    def place(self, x, y):
        """Screen position of a place of the photo, given in shares of its sides."""
        box = self.page.locator("#frame").bounding_box()
        return box["x"] + box["width"] * x, box["y"] + box["height"] * y

    def puts_dot(self, x, y):
        """Clicks a place of the photo, in shares of its sides; returns the dot, whose panel is open."""
        dots = self.page.locator(".dot")
        count = dots.count()
        self.page.mouse.click(*self.place(x, y))
        sync_api.expect(dots.nth(count)).to_be_attached()  # another window's dots may come at the same time
        sync_api.expect(self.page.locator("#hint-panel")).to_be_visible()
        return dots.nth(count)

    def hands_over(self, event, name, data):
        """Drops or pastes a file."""
        self.page.evaluate(
            """([event, name, bytes]) => {
                const transfer = new DataTransfer();
                transfer.items.add(new File([new Uint8Array(bytes)], name));
                const init = {bubbles: true, cancelable: true, dataTransfer: transfer, clipboardData: transfer};
                const type = event === "paste" ? ClipboardEvent : DragEvent;
                document.getElementById("stage").dispatchEvent(new type(event, init));
            }""",
            [event, name, list(data)],
        )

    def touches(self, *steps):
        """Puts fingers down, moves them and lifts them; each step is a list of points."""
        session = self.page.context.new_cdp_session(self.page)
        for kind, points in zip(["touchStart", *["touchMove"] * (len(steps) - 1), "touchEnd"], [*steps, []]):
            if kind == "touchEnd":
                # Lifted in full movement, a finger flings the page, and all that the next tap does is stop it.
                self.page.wait_for_timeout(200)
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def sets_vividness(self, percent):
        self.page.locator("#vividness").fill(str(percent))

    def downloads(self, button="#download", form="image/png"):
        """Clicks a download button; returns the file's name and bytes."""
        self.page.select_option("#format", form)
        with self.page.expect_download() as download:
            self.page.click(button)
        return download.value.suggested_filename, pathlib.Path(download.value.path()).read_bytes()

    def violations(self):
        """What axe-core finds, as lines."""
        # The page's policy forbids injected scripts; the debugger's evaluation is exempt.
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate((WEB / "node_modules" / "axe-core" / "axe.min.js").read_text())
        found = self.page.evaluate("() => axe.run().then((result) => result.violations)")
        return [f"{item['id']}: {node['html']} {node['failureSummary']}" for item in found for node in item["nodes"]]

    def tidies_up(self):
        """Closes messages and removes photos, so that the page is as at the start."""
        if self.page.locator("#hint-panel").is_visible():
            self.page.click("#close-panel")
        if not self.page.locator("#controls").evaluate("form => form.inert"):
            self.sets_vividness(100)
        for selector in (".notice button", ".remove"):
            while self.page.locator(selector).count():
                # The cross of a photo that is not on the stage shows only under a mouse.
                self.page.locator(selector).first.dispatch_event("click")


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def opened(data):
    """A picture file as Pillow opens it."""
    return Image.open(io.BytesIO(data)).convert("RGB")


def share_that_agrees(received, expected, gray_levels=3):
    """Share of the pixels whose channels all differ by at most some gray levels."""
    picture = np.asarray(opened(received)).astype(int)
    assert picture.shape == expected.shape
    return np.mean(np.abs(picture - expected).max(axis=-1) <= gray_levels)


@contextlib.contextmanager
def arrived(browser, server, **options):
    """A visitor on a server's page, which is ready."""
    context = browser.new_context(**{**CALM, "viewport": {"width": 1280, "height": 900}, **options})
    yield Visitor(context.new_page(), server.url).wait_until_ready()
    context.close()
