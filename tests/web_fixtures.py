"""What the tests of the page share: a built page, a model, a server, a browser. A pytest plugin."""

import json
import zipfile

import numpy as np
import pytest
import web_browser

IMAGE_SIZE = 64


def write_model(path, seed=0, **metadata):
    """A model with all kinds of colours, also such that no screen can show."""
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


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """Path of a `.tflite` file."""
    return write_model(tmp_path_factory.mktemp("models") / "colorizer.tflite", lightness_scale=50.0, ab_scale=110.0)


@pytest.fixture(scope="session")
def page_folder(tmp_path_factory):
    """The page as it is built from web/ now."""
    return web_browser.build(tmp_path_factory.mktemp("page") / "page")


@pytest.fixture(scope="session")
def chromium():
    with web_browser.chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def server(page_folder, model):
    with web_browser.served(page_folder, [model]) as server:
        yield server


@pytest.fixture
def new_visitor(chromium, server):
    """A function that gives a visitor with a browser of their own; options are Playwright's."""
    contexts = []

    def arrive(url=server.url, **options):
        contexts.append(chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **options}))
        return web_browser.Visitor(contexts[-1].new_page(), url)

    yield arrive
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def _arrived(chromium, server):
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    yield web_browser.Visitor(context.new_page(), server.url).wait_until_ready()
    context.close()


@pytest.fixture
def visitor(_arrived):
    """A visitor on a page that has loaded, without photos."""
    yield _arrived
    _arrived.tidies_up()
    assert _arrived.errors == []
