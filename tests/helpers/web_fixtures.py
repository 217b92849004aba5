"""A pytest plugin with what the tests of the page share: a built page, a model, a server, a browser."""

import functools

import exports
import pytest
import shared_folder
import web_browser

from tf_colorize import Colorizer
from tf_colorize.inference import insight, matching, runtimes

CONTEXT = {**web_browser.CALM, "viewport": {"width": 1280, "height": 800}}


@pytest.fixture(scope="session")
def model(folder_of_the_session):
    """Path of a `.tflite` file."""
    path = shared_folder.folder() / "of the page" / "colorizer.tflite"
    with shared_folder.once("model of the page") as is_first:
        if is_first:
            path.parent.mkdir()
            web_browser.write_model(path, lightness_scale=50.0, ab_scale=110.0)
    return path


@pytest.fixture(scope="session")
def hinting_model(folder_of_the_session):
    """Path of a `.tflite` file that takes hints."""
    return exports.far_reaching_hints()


@pytest.fixture(scope="session")
def lending_model(folder_of_the_session):
    """Path of a `.tflite` file that takes hints and returns features."""
    return exports.lending()


@pytest.fixture(scope="session")
def page_folder(folder_of_the_session):
    """The page as it is built from web/ now."""
    folder = shared_folder.folder() / "page"
    with shared_folder.once("page") as is_first:
        if is_first:
            web_browser.build(folder)
    return folder


@pytest.fixture(scope="session")
def chromium():
    with web_browser.chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def server(page_folder, model):
    with web_browser.served(page_folder, [model]) as server:
        yield server


@pytest.fixture(scope="session")
def hinting_server(page_folder, hinting_model):
    with web_browser.served(page_folder, [hinting_model]) as server:
        yield server


@pytest.fixture(scope="session")
def lending_server(page_folder, lending_model):
    with web_browser.served(page_folder, [lending_model]) as server:
        yield server


@pytest.fixture(scope="module")
def lending_visitor(chromium, lending_server):
    """A visitor on a page whose model compares photos, for all tests of a file."""
    with web_browser.arrived(chromium, lending_server) as visitor:
        yield visitor


@pytest.fixture
def lending_colorizer(lending_model, monkeypatch):
    """The colorizer of the page's model, with which it also compares photos."""
    monkeypatch.setattr(runtimes, "default_model", lambda: lending_model)
    monkeypatch.setattr(insight, "shipped", functools.cache(insight.Insight))
    matching._of_reference.cache_clear()
    yield Colorizer.load(lending_model, threads=1)
    matching._of_reference.cache_clear()


@pytest.fixture(scope="session")
def _arrived_with_hints(chromium, hinting_server):
    with web_browser.arrived(chromium, hinting_server) as visitor:
        yield visitor


@pytest.fixture
def hinting_visitor(_arrived_with_hints):
    """A visitor on a page whose model takes hints, without photos."""
    yield _arrived_with_hints
    _arrived_with_hints.tidies_up()
    assert _arrived_with_hints.errors == []


@pytest.fixture
def new_visitor(chromium, server):
    """A function that returns a visitor with a browser of their own.

    `prepare` is called with the browser's page before it goes anywhere; options are Playwright's. The page
    is not installed, unless `service_workers="allow"`.
    """
    contexts = []

    def arrive(url=server.url, prepare=lambda page: None, **options):
        contexts.append(chromium.new_context(**{**CONTEXT, **options}))
        page = contexts[-1].new_page()
        prepare(page)
        return web_browser.Visitor(page, url)

    yield arrive
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def _arrived(chromium, server):
    context = chromium.new_context(**CONTEXT)
    yield web_browser.Visitor(context.new_page(), server.url).wait_until_ready()
    context.close()


@pytest.fixture
def visitor(_arrived):
    """A visitor on a loaded page, without photos."""
    yield _arrived
    _arrived.tidies_up()
    assert _arrived.errors == []
