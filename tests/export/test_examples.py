"""The programs in examples/ that color a photo with the ONNX file alone do so, each in its own language."""

import base64
import contextlib
import functools
import http.server
import io
import os
import pathlib
import shutil
import subprocess
import sys
import threading

import exports
import numpy as np
import pytest
import skimage.data
import web_browser
from PIL import Image

from tf_colorize import Colorizer

pytest_plugins = ["web_fixtures"]

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
PHOTO = skimage.data.coffee()[:301, 200:397]


@pytest.fixture
def folder(tmp_path):
    """A folder with the model, a photo in two formats, and the examples."""
    shutil.copy(exports.onnx_files()["picture"], tmp_path / "colorizer-picture.onnx")
    for name in ("gray.png", "gray.ppm"):
        Image.fromarray(PHOTO).save(tmp_path / name)
    for path in EXAMPLES.glob("onnx_picture.*"):
        shutil.copy(path, tmp_path)
    return tmp_path


def assert_colored(path):
    expected = Colorizer.from_keras(exports.generator(), image_size=exports.IMAGE_SIZE)(PHOTO)
    actual = np.asarray(Image.open(path).convert("RGB"))
    assert actual.shape == PHOTO.shape and np.abs(actual.astype(int) - expected).max() <= 1


def run(folder, *command, **environment):
    subprocess.run(command, cwd=folder, env={**os.environ, **environment}, check=True, timeout=600)


def test_python(folder):
    run(folder, sys.executable, "onnx_picture.py", "colorizer-picture.onnx", "gray.png", "color.png")
    assert_colored(folder / "color.png")


def install(folder, *packages):
    if not shutil.which("npm"):
        pytest.skip("needs npm: apt-get install npm")
    # Without the libraries for NVIDIA's GPUs, which come from elsewhere.
    run(folder, "npm", "install", "--silent", "--no-audit", "--no-fund", *packages, ONNXRUNTIME_NODE_INSTALL="skip")


@pytest.mark.slow
def test_node(folder):
    install(folder, "onnxruntime-node", "sharp")
    run(folder, "node", "onnx_picture.mjs", "colorizer-picture.onnx", "gray.png", "color.png")
    assert_colored(folder / "color.png")


@contextlib.contextmanager
def served(folder):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    handler.func.extensions_map = {**handler.func.extensions_map, ".mjs": "text/javascript"}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.slow
def test_browser(folder, chromium):
    install(folder, "onnxruntime-web")
    with served(folder) as address, contextlib.closing(chromium.new_context()) as context:
        page = context.new_page()
        page.set_default_timeout(web_browser.PATIENCE_MS)
        page.goto(f"{address}/onnx_picture.html")
        page.wait_for_function("document.title === 'Ready'")
        page.set_input_files("input", folder / "gray.png")
        page.wait_for_function("document.title === 'Colorized'")
        data = page.evaluate("document.querySelector('canvas').toDataURL('image/png')")
    assert_colored(io.BytesIO(base64.b64decode(data.partition(",")[2])))


def headers():
    """The folder with the C++ API of ONNX Runtime, which no Python package has; skips the test where there is none."""
    folders = [*os.environ.get("CPATH", "").split(":"), "/usr/include/onnxruntime", "/usr/local/include/onnxruntime"]
    found = [folder for folder in filter(None, folders) if (pathlib.Path(folder) / "onnxruntime_cxx_api.h").is_file()]
    if not found or not shutil.which("g++"):
        pytest.skip("needs g++ and onnxruntime_cxx_api.h: apt-get install libonnxruntime-dev, or CPATH")
    return found[0]


@pytest.mark.slow
def test_cpp(folder):
    import onnxruntime

    (library,) = pathlib.Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so.*")
    for name in ("libonnxruntime.so", "libonnxruntime.so.1"):
        (folder / name).symlink_to(library)
    command = ["g++", "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "onnx_picture.cpp", "-isystem", headers()]
    run(folder, *command, "-L.", "-lonnxruntime", "-o", "onnx_picture")
    arguments = ["./onnx_picture", "colorizer-picture.onnx", "gray.ppm", "color.ppm"]
    run(folder, *arguments, LD_LIBRARY_PATH=".")
    assert_colored(folder / "color.ppm")
