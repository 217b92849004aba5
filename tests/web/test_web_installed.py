"""The page as an app: it starts without a network, and an update installs either the whole new build or nothing."""

import http.server
import io
import json
import os
import re
import shutil
import threading

import pytest
import skimage.data
import web_browser
from PIL import Image
from playwright import sync_api

from tf_colorize.commands import demo

pytest_plugins = ["web_fixtures"]

PHOTO = web_browser.encoded(Image.fromarray(skimage.data.camera()[:300]))
STATE = """() => navigator.serviceWorker.getRegistration().then((found) => {
    const stateOf = (name) => found?.[name]?.state ?? null;
    return [stateOf("installing"), stateOf("waiting"), stateOf("active")];
})"""
UPDATE = "() => navigator.serviceWorker.getRegistration().then((found) => found.update()).then(() => true)"
BUILDS = "() => caches.keys().then((names) => names.filter((name) => name.startsWith('tf-colorize-page')))"


@pytest.fixture
def own_page(page_folder, tmp_path):
    """A page that a test may change."""
    return shutil.copytree(page_folder, tmp_path / "page")


def installed(new_visitor, url):
    visitor = new_visitor(url, service_workers="allow").wait_until_ready()
    visitor.until(lambda: visitor.page.evaluate(STATE)[2] == "activated", seconds=60)
    return visitor


def rebuild(page, title):
    """Changes two files of a page, as a later version would."""
    index, script = page / "index.html", page / "main.js"
    index.write_text(index.read_text().replace("Colorize:", f"{title}:"))
    script.write_text(script.read_text() + "\n// later")
    web_browser.build_script().write_service_worker(page)


def test_it_starts_and_colorizes_without_a_network(new_visitor, page_folder, model):
    with web_browser.served(page_folder, [model]) as server:
        visitor = installed(new_visitor, server.url)
    # The server is gone.
    visitor.page.reload()
    visitor.wait_until_ready()
    assert visitor.page.evaluate("() => crossOriginIsolated")
    visitor.colors("photo.png", PHOTO)
    visitor.sees("#info", "threads")
    visitor.page.click("[data-sample='rocket.jpg']")
    visitor.sees("#info", "rocket.jpg")
    visitor.downloads()
    assert visitor.errors == [] and visitor.page.locator(".notice").count() == 0


@pytest.mark.slow
def test_an_update_waits_until_the_page_is_idle(new_visitor, own_page, model):
    with web_browser.served(own_page, [model]) as server:
        visitor = installed(new_visitor, server.url)
        visitor.page.reload()
        visitor.wait_until_ready()
        visitor.colors("photo.png", PHOTO)
        (old,) = visitor.page.evaluate(BUILDS)
        rebuild(own_page, "Later")
        visitor.page.evaluate(UPDATE)
        visitor.until(lambda: visitor.page.evaluate(STATE)[1] == "installed", seconds=60)
        # Somebody is at work: the old build stays, and whatever it loads is of the old build.
        script = visitor.page.evaluate("() => fetch('main.js').then((response) => response.text())")
        assert "// later" not in script and visitor.page.title().startswith("Colorize:")
        visitor.page.reload()
        visitor.until(lambda: visitor.page.title().startswith("Later:"))
        visitor.sees("#info", "photo.png")  # the update keeps what was on the stage
        script = visitor.page.evaluate("() => fetch('main.js').then((response) => response.text())")
        assert "// later" in script
        visitor.until(lambda: old not in visitor.page.evaluate(BUILDS))
        assert len(visitor.page.evaluate(BUILDS)) == 1


class DatedHost(demo.Server):
    """A host that compares dates, as many do, and that can be made to delay a script while sending it."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.is_held, self.goes_on = threading.Event(), threading.Event()
        self.goes_on.set()

        class Handler(self.RequestHandlerClass):
            def send_head(self):
                return http.server.SimpleHTTPRequestHandler.send_head(self)

            def copyfile(self, source, outputfile):
                content = source.read()
                if self._route() == "/main.js" and not self.server.goes_on.is_set():
                    self.server.is_held.set()
                    self.server.goes_on.wait(60)
                outputfile.write(content)

        self.RequestHandlerClass = Handler


@pytest.mark.slow
@pytest.mark.parametrize("is_whole_soon", [True, False])
def test_half_an_update_changes_nothing_and_a_whole_one_is_not_missed(new_visitor, own_page, model, is_whole_soon):
    script = own_page / "main.js"
    idle = [None, None, "activated"]

    def write(text, date):
        script.write_text(text)
        os.utime(script, (date, date))

    with web_browser.served(own_page, [model], DatedHost) as host:
        visitor = installed(new_visitor, host.url)
        kept = visitor.page.evaluate(BUILDS)
        rebuild(own_page, "Later")
        whole, date = script.read_text(), script.stat().st_mtime
        write(whole + "\n// being copied", date + 5)  # not what sw.js says
        visitor.page.evaluate(UPDATE)
        visitor.until(lambda: visitor.page.evaluate(STATE) == idle)
        visitor.until(lambda: visitor.page.evaluate(BUILDS) == kept)
        host.goes_on.clear()
        write(whole + "\n// being copied", date + 10)
        visitor.page.reload()
        visitor.wait_until_ready()
        assert visitor.page.title().startswith("Colorize:")
        # On this visit the browser looks for updates by itself. Until that is over, it answers every other request
        # for an update with it, so nothing that the page asks for would fetch a script that is whole meanwhile.
        visitor.until(host.is_held.is_set, seconds=60)
        if is_whole_soon:
            write(whole, date + 10)  # within the same second
            visitor.page.evaluate(UPDATE)
            host.goes_on.set()
        else:
            host.goes_on.set()
            visitor.until(lambda: visitor.page.evaluate(STATE) == idle, seconds=60)
            assert visitor.page.evaluate(BUILDS) == kept and visitor.page.title().startswith("Colorize:")
            write(whole, date + 10)
            visitor.page.reload()
        # Nobody is at work, so the page takes it at once.
        sync_api.expect(visitor.page).to_have_title(re.compile("^Later:"), timeout=web_browser.PATIENCE_MS)


def test_browsers_can_install_it(new_visitor, page_folder):
    visitor = new_visitor()
    session = visitor.page.context.new_cdp_session(visitor.page)
    assert session.send("Page.getAppManifest")["errors"] == []
    problems = [error["errorId"] for error in session.send("Page.getInstallabilityErrors")["installabilityErrors"]]
    assert [problem for problem in problems if problem != "in-incognito"] == []
    manifest = json.loads((page_folder / "manifest.webmanifest").read_text())
    for entry in manifest["icons"]:
        if entry["type"] == "image/png":
            icon = Image.open(io.BytesIO((page_folder / entry["src"]).read_bytes()))
            assert "x".join(map(str, icon.size)) == entry["sizes"]
