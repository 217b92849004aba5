"""The server behind `tf-colorize demo`."""

import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading

import pytest

from tf_colorize.commands import demo


@pytest.fixture
def page(tmp_path):
    """A folder like the one that `make web` writes, and a secret beside it."""
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "page"
    (folder / "wasm").mkdir(parents=True)
    for name in (
        "index.html",
        "main.js",
        "style.css",
        "icon.svg",
        "icon.png",
        "manifest.webmanifest",
        "wasm/runtime.wasm",
    ):
        (folder / name).write_text(name)
    return folder


@pytest.fixture
def server(page, tmp_path):
    models = [tmp_path / "colorizer.tflite", tmp_path / "another.tflite"]
    for path in models:
        path.write_text(path.stem)
    with demo.Server(0, page, models) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def get(server, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    return response, response.read()


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/main.js", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
        ("/icon.png", "image/png"),
        ("/manifest.webmanifest", "application/manifest+json"),
        ("/wasm/runtime.wasm", "application/wasm"),
        ("/models/colorizer.tflite?version=1", "application/octet-stream"),
        ("/models/models.json", "application/json"),
    ],
)
def test_files_have_the_types_and_headers_that_browsers_need(server, path, content_type):
    response, _ = get(server, path)
    assert response.status == 200
    assert response.headers["Content-Type"] == content_type
    assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response.headers["Cross-Origin-Embedder-Policy"] == "require-corp"


def test_an_update_with_older_files_is_served(server, page):
    before, _ = get(server, "/main.js")
    (page / "main.js").write_text("of an update")
    os.utime(page / "main.js", (1, 1))  # as some installers date all files
    for known in ({"If-None-Match": before.headers["ETag"]}, {"If-Modified-Since": before.headers["Last-Modified"]}):
        response, body = get(server, "/main.js", **known)
        assert (response.status, body) == (200, b"of an update")


@pytest.mark.parametrize(
    "path", ["/nothing.html", "/wasm/", "/models/", "/models/secret.txt", "/../secret.txt", "/%2e%2e/secret.txt"]
)
def test_nothing_else_is_served(server, path):
    response, body = get(server, path)
    assert response.status == 404
    assert b"secret" not in body.replace(b"secret.txt", b"")


def test_models_are_listed_with_a_version_that_changes_with_them(server):
    before = json.loads(get(server, "/models/models.json")[1])
    assert [(model["name"], model["file"], model["bytes"]) for model in before] == [
        ("colorizer", "colorizer.tflite", 9),
        ("another", "another.tflite", 7),
    ]
    server.models["another.tflite"].write_text("changed!")
    after = json.loads(get(server, "/models/models.json")[1])
    assert before[0] == after[0] and before[1]["version"] != after[1]["version"]
    assert get(server, "/models/another.tflite")[1] == b"changed!"


def test_unchanged_files_are_not_sent_again(server):
    response, _ = get(server, "/main.js")
    response, body = get(server, "/main.js", **{"If-None-Match": response.headers["ETag"]})
    assert (response.status, body) == (304, b"")


def test_only_this_computer_is_served(server):
    assert server.server_address[0] == "127.0.0.1"


def test_without_a_page_the_command_says_how_to_build_and_install_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "PAGE", tmp_path / "page")
    assert demo.main(["--no-browser"]) == 1
    complaint = capsys.readouterr().err
    assert complaint.startswith("tf-colorize demo: the page is not built")
    assert all(part in complaint for part in ("Node 20", "`make web`", "`pip install .`"))
    assert complaint.count("\n") == 1


def test_the_site_is_the_page_with_its_models(page, tmp_path, monkeypatch):
    model = tmp_path / "colorizer.tflite"
    model.write_text("model")
    monkeypatch.setattr(demo, "PAGE", page)
    monkeypatch.setattr(demo, "shipped_models", lambda: [model])
    demo.write_site(tmp_path / "site")
    index = json.loads((tmp_path / "site/models/models.json").read_text())
    assert (tmp_path / "site/models" / index[0]["file"]).read_text() == "model"
    assert (tmp_path / "site/wasm/runtime.wasm").exists()


def test_without_a_page_there_is_no_site(tmp_path, monkeypatch):
    (tmp_path / "page").mkdir()
    for page in ("page", "nowhere"):
        monkeypatch.setattr(demo, "PAGE", tmp_path / page)
        with pytest.raises(ValueError, match="the page is not built"):
            demo.write_site(tmp_path / "site")
    assert not (tmp_path / "site").exists()


def run_command(page, *arguments):
    """`tf-colorize demo` with a page that is certainly built."""
    code = f"""
import pathlib, sys
from tf_colorize.commands import demo, main
demo.PAGE = pathlib.Path({str(page)!r})
assert "tensorflow" not in sys.modules
sys.exit(main.main(["demo", *{list(arguments)!r}]))
"""
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_command_prints_its_address_and_serves(page):
    with run_command(page, "--port", "0", "--no-browser") as process:
        try:
            port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline()).group(1))
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"index.html"
        finally:
            process.terminate()


def test_a_taken_port_is_reported_in_one_line_with_exit_code_1(page):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = run_command(page, "--port", str(taken.getsockname()[1]), "--no-browser")
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == 1
    assert complaint.startswith("tf-colorize demo: port ") and complaint.count("\n") == 1
    assert "without --port" in complaint  # the way out


def test_a_default_port_in_use_is_reported_and_the_next_one_used(page, monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(demo, "DEFAULT_PORT", taken.getsockname()[1])
        monkeypatch.setattr(demo, "PAGE", page)
        monkeypatch.setattr(demo.Server, "serve_forever", lambda server: None)
        assert demo.main(["--no-browser"]) == 0
    said = capsys.readouterr()
    port = int(re.match(r"http://127\.0\.0\.1:(\d+)/", said.out).group(1))
    assert demo.DEFAULT_PORT < port < demo.DEFAULT_PORT + 20
    assert said.err.startswith(f"tf-colorize demo: port {demo.DEFAULT_PORT} is in use") and said.err.count("\n") == 1


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_an_invalid_port_is_wrong_usage(port, capsys):
    with pytest.raises(SystemExit) as stop:
        demo.main(["--port", port])
    assert stop.value.code == 2 and "--port" in capsys.readouterr().err


def test_models_with_any_name_are_served(page, tmp_path):
    model = tmp_path / "my mod\u00e8le.tflite"
    model.write_bytes(b"model")
    with demo.Server(0, page, [model]) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert get(server, "/models/my%20mod%C3%A8le.tflite")[1] == b"model"
        for path in ("/models/..%2fmy%20mod%C3%A8le.tflite", "/..%2f..%2fetc/passwd", "/models/other.tflite"):
            assert get(server, path)[0].status == 404
        server.shutdown()


def test_a_hosted_page_is_the_same_as_in_the_demo():
    lines = (pathlib.Path(__file__).parents[2] / "web" / "src" / "page" / "_headers").read_text().splitlines()
    hosted = dict(line.strip().split(": ", 1) for line in lines[1:])
    assert "Content-Security-Policy" in hosted  # a worker does not inherit that of the page's <meta>
    assert hosted.items() <= demo.Server.headers.items()
