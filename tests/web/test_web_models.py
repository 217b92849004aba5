"""The page and its models: cached, missing, compared, wrong; and the worker that runs them."""

import numpy as np
import pytest
import web_browser
import web_stage
from playwright import sync_api

from tf_colorize.commands import demo

pytest_plugins = ["web_fixtures"]


def test_the_model_is_kept_by_the_browser(new_visitor):
    visitor = new_visitor().wait_until_ready()
    assert sum(".tflite" in url for url in visitor.requests) == 1
    visitor.requests.clear()
    visitor.page.reload()
    visitor.wait_until_ready()
    visitor.colors("photo.png", web_stage.PHOTO)
    assert not any(".tflite" in url for url in visitor.requests)


def test_photos_that_come_before_the_model_are_colorized_when_it_comes(new_visitor, server):
    waiting = []

    def hold(page):
        page.route("**/models.json", lambda route: waiting.append(route))

    visitor = new_visitor(prepare=hold)
    visitor.choose(("early.png", web_stage.PHOTO))
    visitor.sees("#info", "early.png")
    assert "Colorized" not in visitor.page.locator("#info").inner_text()
    waiting[0].continue_()
    visitor.sees("#info", "Colorized in")
    visitor.waits_for_all(1)


def test_an_unavailable_model_is_reported_in_one_message(new_visitor):
    def arrive(page):
        page.route("**/*.tflite*", lambda route: route.fulfill(status=404))

    visitor = new_visitor(prepare=arrive)
    visitor.sees(".notice", "colorizer: It cannot be downloaded (404).")
    visitor.choose(("one.png", web_stage.PHOTO), ("two.png", web_stage.PHOTO))
    sync_api.expect(visitor.page.locator("#photos li")).to_have_count(2)
    assert visitor.page.locator(".notice").count() == 1
    visitor.page.unroute_all()
    visitor.page.get_by_role("button", name="two.png", exact=True).click()
    visitor.sees("#info", "Colorized in")


def test_models_are_compared(new_visitor, tmp_path):
    visitor = new_visitor().wait_until_ready()
    visitor.colors("photo.png", web_stage.PHOTO)
    left = visitor.page.locator("#left-look option")
    sync_api.expect(left).to_have_text(["Black and white"])
    visitor.page.set_input_files("#model-input", web_browser.write_model(tmp_path / "other.tflite", seed=5))
    sync_api.expect(visitor.page.locator("#right-look")).to_have_value("other")
    sync_api.expect(left).to_have_text(["Black and white", "colorizer", "other"])
    visitor.page.select_option("#left-look", "colorizer")
    visitor.until(lambda: web_stage.colorfulness(visitor, 0.05, 0.45) > 20)
    shot = visitor.seen(0.1, 0.4)
    visitor.page.select_option("#left-look", "other")
    visitor.until(lambda: np.abs(visitor.seen(0.1, 0.4) - shot).mean() > 10)


def test_wrong_models_are_refused(visitor, tmp_path):
    scales = web_browser.write_model(tmp_path / "scales.tflite", lightness_scale=100.0)
    visitor.hands_over("drop", "scales.tflite", scales.read_bytes())
    visitor.sees(".notice", "scales: It was made for lightness_scale 100, but this page uses 50.")
    visitor.hands_over("drop", "noise.tflite", b"no model at all")
    visitor.sees(".notice >> nth=1", "noise: It is not a TFLite model that LiteRT can run.")
    visitor.colors("photo.png", web_stage.PHOTO)


class _WithoutIsolation(demo.Server):
    headers = {}


def test_hosts_without_isolation_get_one_thread(new_visitor, page_folder, model):
    with web_browser.served(page_folder, [model], _WithoutIsolation) as server:
        visitor = new_visitor(server.url).wait_until_ready()
        visitor.colors("photo.png", web_stage.PHOTO)
        visitor.sees("#info", "WebAssembly, 1 thread")


def test_a_page_without_a_model_shows_a_message_and_accepts_one(new_visitor, page_folder, model):
    with web_browser.served(page_folder) as server:
        visitor = new_visitor(server.url)
        visitor.sees(".notice", "No model comes with this page.")
        visitor.choose(("photo.png", web_stage.PHOTO))
        visitor.sees("#info", "photo.png")
        visitor.hands_over("drop", "mine.tflite", model.read_bytes())
        visitor.sees("#info", "Colorized in")


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


def test_unexpected_messages_are_ignored(blank_page):
    script = "self.onmessage = ({data}) => { postMessage({id: -1, result: 0}); postMessage({id: data.id, result: 7}) }"
    assert blank_page.evaluate(TALK_TO_A_WORKER, [ENGINE, script]) == [7, 7]
    assert blank_page.errors == []
