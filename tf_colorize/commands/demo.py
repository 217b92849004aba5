"""Serves the page of `web/` on this computer: photos are colorized in the browser and stay there."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import json
import os
import pathlib
import shutil
import urllib.parse
import webbrowser
from collections.abc import Callable, Sequence
from typing import Any

import tf_colorize
from tf_colorize import whole
from tf_colorize.commands import parsing, streams

PAGE = pathlib.Path(tf_colorize.__file__).parent / "page"
"""The folder of the page, in an installation and, after `make web`, in a checkout."""

DEFAULT_PORT = 8347
"""The port is fixed, because the browser stores the model and the photos per address."""

_OTHER_PORTS = 20  # ports to try after it

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".wasm": "application/wasm",
}
_HEADERS = {
    # Without these two headers, browsers give WebAssembly no threads.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # the browser asks whether the file has changed
    "X-Content-Type-Options": "nosniff",
    # The page's own policy does not apply to its worker.
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob:; "
    "frame-ancestors 'none'",
}


class Server(http.server.ThreadingHTTPServer):
    """Serves the page and models on 127.0.0.1; `serve_forever` and `shutdown` as in the standard library.

    Args:
        port: Port; 0 picks a free one.
        page: Folder that `make web` wrote; None uses `PAGE`.
        models: List of paths of `.tflite` files; the page starts with the first.

    Raises:
        ValueError: the page has not been built.
        OSError: the port is in use.
    """

    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # on Windows, two servers would share a port
    headers = _HEADERS

    def __init__(
        self,
        port: int,
        page: str | os.PathLike[str] | None = None,
        models: Sequence[str | os.PathLike[str]] = (),
    ) -> None:
        self.page = _built(pathlib.Path(page or PAGE))
        self.models = {path.name: path for path in map(pathlib.Path, models)}
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """Returns the address to open in a browser."""
        return f"http://127.0.0.1:{self.server_port}/"


def _built(page):
    """Returns the folder of the page; raises ValueError if it does not exist."""
    if not (page / "index.html").is_file():
        raise ValueError(
            "the page is not built, because Node was missing when tf_colorize was installed. Install Node 20 "
            "with npm, then run `make web` and `pip install .` in the checkout."
        )
    return page


class _Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    _tag = None  # of the file that is sent
    extensions_map = {"": "application/octet-stream", **_TYPES}

    def __init__(self, request, address, server):
        super().__init__(request, address, server, directory=str(server.page))

    def do_GET(self):
        if self._route() == "/models/models.json":
            self._send_json(models_index(self.server.models.values()))
        else:
            super().do_GET()

    def send_head(self):
        # A date tells too little: an update may come with older files, or with files of the same second.
        del self.headers["If-Modified-Since"]
        file = pathlib.Path(self.translate_path(self.path))
        file = file / "index.html" if file.is_dir() else file
        self._tag = f'"{_version(file, file.stat().st_mtime_ns)}"' if file.is_file() else None
        if self._tag is None or self.headers["If-None-Match"] != self._tag:
            return super().send_head()
        self.send_response(http.HTTPStatus.NOT_MODIFIED)
        self.end_headers()
        return None

    def translate_path(self, path):
        model = self.server.models.get(self._route().removeprefix("/models/"))
        return str(model) if model else super().translate_path(path)

    def list_directory(self, path):
        self.send_error(http.HTTPStatus.NOT_FOUND)

    def end_headers(self):
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        if self._tag:
            self.send_header("ETag", self._tag)
        super().end_headers()

    def log_message(self, *_):
        pass  # no request log on the terminal

    def _route(self):
        return urllib.parse.unquote(self.path.partition("?")[0])

    def _send_json(self, value):
        body = json.dumps(value).encode()
        self._tag = None
        self.send_response(http.HTTPStatus.OK)
        self.send_header("Content-Type", _TYPES[".json"])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def models_index(paths: Sequence[pathlib.Path]) -> list[dict[str, Any]]:
    """Returns what the page needs to know about models: dicts with "name", "file", "bytes" and "version".

    Args:
        paths: Paths of `.tflite` files. The version changes with the content, so browsers keep a
            model until it changes.
    """
    index = []
    for path in paths:
        status = path.stat()
        version = _version(path, status.st_mtime_ns)
        index.append({"name": path.stem, "file": path.name, "bytes": status.st_size, "version": version})
    return index


def shipped_models() -> list[pathlib.Path]:
    """Returns the `.tflite` files beside the default model, which comes first; empty if there is none."""
    from tf_colorize.inference import runtimes

    try:
        default = runtimes.default_model()
    except ValueError:
        return []
    return [default, *sorted(set(default.parent.glob("*.tflite")) - {default})]


def write_site(folder: str | os.PathLike[str]) -> None:
    """Writes the page and the models as a folder of plain files that any web host can serve.

    Raises:
        ValueError: the page has not been built.
        OSError: the folder cannot be written.
    """
    folder, page = pathlib.Path(folder), _built(PAGE)
    models = shipped_models()
    shutil.copytree(page, folder, dirs_exist_ok=True, copy_function=whole.copy)
    for path in models:
        whole.copy(path, folder / "models" / path.name)
    whole.write_text(folder / "models" / "models.json", json.dumps(models_index(models)))


def opened(port: int | None, models: Sequence[str | os.PathLike[str]]) -> Server:
    """Returns a server on the first port that can be opened.

    Args:
        port: Port on 127.0.0.1; None tries 8347 and those that follow, then any.
        models: As for `Server`.

    Raises:
        ValueError: the page has not been built.
        OSError: `port` cannot be opened.
    """
    if port is not None:
        return Server(port, models=models)
    for candidate in range(DEFAULT_PORT, DEFAULT_PORT + _OTHER_PORTS):
        try:
            return Server(candidate, models=models)
        except OSError:
            continue
    return Server(0, models=models)


def serve(
    port: int | None = None, open_browser: bool = True, announce: Callable[[str], None] = lambda url: None
) -> None:
    """Serves the page with the shipped models until it is interrupted.

    Args:
        port: Port on 127.0.0.1; None tries 8347 and those that follow, then any.
        open_browser: Whether to open the page in the default browser.
        announce: Called with the address once the page can be opened.

    Raises:
        ValueError: the page has not been built.
        OSError: `port` cannot be opened.
    """
    with opened(port, shipped_models()) as server:
        announce(server.url)
        if open_browser:
            webbrowser.open(server.url)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `tf-colorize demo`; returns the exit code."""
    parser = parsing.Parser(
        prog="tf-colorize demo",
        description="Colorize photos in the browser, on this computer; no photo leaves it. Press Ctrl+C to stop.",
    )
    parser.add_number(
        "--port",
        0,
        65535,
        metavar="PORT",
        help=f"port on 127.0.0.1 (default: {DEFAULT_PORT}, or the next free one)",
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address without opening a browser")
    options = parser.parse_args(arguments)
    try:
        serve(options.port, not options.no_browser, announce=lambda url: _announce(url, options.port))
    except ValueError as error:
        _complain(str(error))
        return 1
    except OSError as error:
        streams.raise_if_of_output(error)
        _complain(f"port {options.port}: {error.strerror}; without --port, a free one is used")
        return 1
    return 0


def _announce(url, wanted):
    if wanted is None and not url.endswith(f":{DEFAULT_PORT}/"):
        _complain(
            f"port {DEFAULT_PORT} is in use, so the page is at another one. Photos that it keeps at one address do not "
            "show at the other."
        )
    print(f"{url}  (Ctrl+C stops it)", flush=True)


def _complain(text):
    parsing.complain("tf-colorize demo", text)


@functools.lru_cache
def _version(path, _modified):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
