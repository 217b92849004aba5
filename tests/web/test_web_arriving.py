"""The page while it arrives over a slow connection."""

import http.server
import threading

import pytest

pytest_plugins = ["web_fixtures"]

# The mark comes after the shifts, because observers are told in the order in which they were made.
SHIFTS = """() => new Promise((resolve) => {
    const nameOf = ({node}) => node?.id || node?.outerHTML?.slice(0, 80);
    const shifts = [];
    new PerformanceObserver((list) => {
        shifts.push(...list.getEntries().flatMap((entry) => entry.sources.map(nameOf)));
    }).observe({type: "layout-shift", buffered: true});
    performance.mark("asked");
    new PerformanceObserver(() => setTimeout(() => resolve(shifts))).observe({type: "mark", buffered: true});
})"""
PAINTED = "() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(true))))"


@pytest.fixture
def slow_server(page_folder):
    """A server that sends the page as far as its third sample, and the rest when it is told to."""
    goes_on = threading.Event()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(page_folder))

        def do_GET(self):
            if self.path != "/":
                super().do_GET()
                return
            page = (page_folder / "index.html").read_bytes()
            begin = page.index(b"<li>", page.index(b'data-sample="coffee.jpg"'))
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page[:begin])
            goes_on.wait(60)
            self.wfile.write(page[begin:])

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.goes_on = goes_on
        yield server
        goes_on.set()
        server.shutdown()


@pytest.mark.parametrize("width", [360, *(pytest.param(width, marks=pytest.mark.slow) for width in (1280, 2560))])
def test_what_is_there_does_not_move_when_the_rest_arrives(chromium, slow_server, width):
    context = chromium.new_context(viewport={"width": width, "height": width * 5 // 8 + 400})
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{slow_server.server_port}/", wait_until="commit")
    page.wait_for_function("() => document.querySelectorAll('#samples li').length == 2")
    assert page.evaluate(PAINTED)
    slow_server.goes_on.set()
    page.wait_for_function("() => document.querySelectorAll('#samples li').length == 5")
    assert page.evaluate(PAINTED)
    assert page.evaluate(SHIFTS) == []
    context.close()
