"""Page: odd files dropped on the page in Chromium, also offline, with full storage, and with killed tabs."""

import contextlib
import functools
import pathlib
import shutil
import tempfile
import zipfile

from trials import photo_files
from trials import trial as trials
from trials.trial import Fault

MOST = 200
_PATIENCE = 120_000  # milliseconds, on a busy machine
_PAGE = pathlib.Path(__file__).resolve().parents[2] / "tf_colorize" / "page"


def run(trial: trials.Trial) -> None:
    """Drops files until the time is over; now and then the network fails, the storage is full, or the tab is killed."""
    trials.need("playwright")
    with tempfile.TemporaryDirectory(prefix="trials-page-") as folder, opened(pathlib.Path(folder)) as (_, visitor):
        kept = 0
        for number, rng in trial.attempts(MOST):
            event = _EVENTS.get(number % 20)
            name, data = _odd_file(number, rng)
            with trial.judged(f"{number} {name}"):
                try:
                    if event:
                        _until_kept(visitor, kept)
                        visitor = event(visitor, kept)
                        trial.outcomes[event.__name__.strip("_").replace("_", " ")] += 1
                    kept = _dropped(trial, visitor, name, data, kept)
                except Exception as error:  # Playwright's own, mostly
                    trial.fail(f"{number} {name}", repr(error)[:2000], **{name.replace(".", "_"): data})
                    visitor = _reopened(visitor, 0)
                    kept = _count(visitor)
            if kept > 12:
                visitor.tidies_up()
                kept = _count(visitor)


@contextlib.contextmanager
def opened(folder: pathlib.Path):
    """Yields a browser and a visitor on the page, with a small model.

    Raises:
        trials.Impossible: Chromium or the built page is missing.
    """
    import web_browser

    if not (_PAGE / "index.html").is_file():
        raise trials.Impossible("needs the page. Run: make web")
    if not any(map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"))):
        raise trials.Impossible("needs Chromium. Run: apt-get install chromium-headless-shell")
    model = _model(folder / "tiny.tflite")
    with web_browser.served(_PAGE, [model]) as server, web_browser.chromium() as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 800}, service_workers="allow")
        visitor = web_browser.Visitor(context.new_page(), server.url)
        visitor.wait_until_ready()
        yield browser, visitor


def _model(path):
    import tiny_models

    path.write_bytes(tiny_models.STORED.read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("tf_colorize.json", '{"lightness_scale": 50.0, "ab_scale": 110.0}')
    return path


@functools.cache
def photo(number: int) -> bytes:
    """Returns one of a few whole photos."""
    import photo_bytes

    return photo_bytes.encoded(photo_bytes.gray(40 + number % 7, 64), "PNG")


@functools.cache
def _seeds():
    return photo_files.seeds()


def _odd_file(number, rng):
    seeds = list(_seeds().items())
    name, data = seeds[int(rng.integers(len(seeds)))]
    kind = int(rng.integers(5))
    if kind == 0:
        return f"{number}-whole.png", photo(number)
    if kind == 1:
        return f"{number}-{name}", data
    if kind == 2:
        return f"{number}.hints.json", rng.bytes(int(rng.integers(200)))
    return f"{number}-{name}", photo_files.mutated(data, [one for _, one in seeds], rng)


def _count(visitor):
    return visitor.page.locator("#photos li").count()


def _dropped(trial, visitor, name, data, kept):
    """Drops one file; returns the number of photos on the shelf afterwards."""
    errors = len(visitor.errors)
    notices = visitor.page.locator(".notice")
    before = notices.count()
    visitor.hands_over("drop", name, data)
    visitor.page.wait_for_function(
        "([before, kept]) => document.querySelectorAll('.notice').length > before "
        "|| document.querySelectorAll('#photos li:not(.busy)').length > kept",
        arg=[before, kept],
        timeout=_PATIENCE,
    )
    visitor.page.wait_for_function("() => !document.querySelector('#photos li.busy')", timeout=_PATIENCE)
    if len(visitor.errors) > errors:
        raise Fault(f"an error of the page: {visitor.errors[errors:]}")
    said = notices.all_inner_texts()[before:]
    if any(len(text) > 600 for text in said) or len(said) > 2:
        raise Fault(f"not one clear line: {said}")
    after = _count(visitor)
    if after < kept:
        raise Fault(f"{kept} photos became {after}")
    trial.outcomes["refused" if after == kept else "on the shelf"] += 1
    while notices.count():
        notices.first.locator("button").first.dispatch_event("click")
    return after


def _until_kept(visitor, kept):
    """Waits until the page reports n photos kept in the browser."""
    visitor.page.wait_for_function(
        "(kept) => kept === 0 || document.getElementById('kept').textContent.startsWith(`${kept} photo`)",
        arg=kept,
        timeout=_PATIENCE,
    )


def _offline(visitor, kept):
    """Disconnects the network, reopens the page, and reconnects the network."""
    context = visitor.page.context
    context.set_offline(True)
    try:
        return _reopened(visitor, kept)
    finally:
        context.set_offline(False)


def _full_storage(visitor, kept):
    """Limits the browser's storage for a while."""
    session = visitor.page.context.new_cdp_session(visitor.page)
    origin = visitor.page.evaluate("() => location.origin")
    session.send("Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": 1000})
    visitor.hands_over("drop", "full.png", photo(3))
    visitor.page.wait_for_timeout(1000)
    visitor.page.wait_for_function("() => !document.querySelector('#photos li.busy')", timeout=_PATIENCE)
    session.send("Storage.overrideQuotaForOrigin", {"origin": origin})
    return _reopened(visitor, kept)


def _killed_tab(visitor, kept):
    """Kills the process of the tab, and reopens the page."""
    page, crashes = visitor.page.context.new_page(), []
    visitor.page.on("crash", lambda _: crashes.append(True))
    with contextlib.suppress(Exception):  # the answer never comes
        visitor.page.goto("chrome://crash", timeout=5000)
    page.goto("about:blank")
    if not crashes:
        raise Fault("the tab cannot be killed")
    return _reopened(visitor, kept, page)


def _reopened(visitor, kept, page=None):
    """Returns the visitor on the reopened page, which must show at least the kept photos.

    Raises:
        Fault: some are gone.
    """
    import web_browser

    url = visitor.page.url if visitor.page.url.startswith("http") else visitor.url
    with contextlib.suppress(Exception):
        visitor.page.close()
    again = web_browser.Visitor(page or visitor.page.context.new_page(), url)
    again.url = url
    again.page.wait_for_function(
        "() => !/^(|Getting ready.*)$/.test(document.getElementById('info').textContent)", timeout=_PATIENCE
    )
    came_back = "(kept) => document.querySelectorAll('#photos li:not(.busy)').length >= kept"
    with contextlib.suppress(Exception):
        again.page.wait_for_function(came_back, arg=kept, timeout=_PATIENCE / 4)
        return again
    raise Fault(f"of {kept} photos {_count(again)} came back")


_EVENTS = {5: _offline, 10: _full_storage, 15: _killed_tab}
