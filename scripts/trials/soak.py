"""Soak: many photos through one Colorizer, one server and one page, and a long film; resources must not grow."""

import collections.abc
import functools
import http.client
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

from trials import trial as trials
from trials.trial import Fault

MOST = 10_000  # photos, requests, frames
_GROWTH = 1.0  # MB per thousand
_FEWEST = 2000  # photos: before that, formats and sizes occur for the first time
_WARM = 0.3  # share of the samples to ignore, because caches fill


def run(trial: trials.Trial) -> None:
    """Runs each part for its share of the time."""
    parts = trial.parts({"photos": _photos, "server": _server, "film": _film, "page": _page})
    end = trial.seconds
    for index, (name, part) in enumerate(parts.items()):
        trial.seconds = end * (index + 1) / len(parts)
        most = trial.most or MOST
        samples = Samples()
        with trial.judged(name), tempfile.TemporaryDirectory(prefix="trials-soak-") as folder:
            part(trial, samples, pathlib.Path(folder), most)
            trial.outcomes[name] += samples.count
            trial.figures[name] = samples.judged()


class Samples:
    """Memory, open files and threads of a process, by the amount of work done."""

    def __init__(self):
        self.rows = []

    @property
    def count(self):
        return self.rows[-1][0] if self.rows else 0

    def take(self, done, pid="self", megabytes=None):
        proc = pathlib.Path("/proc", str(pid))
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        if megabytes is None:
            megabytes = int(status["VmRSS"].split()[0]) / 1024
        self.rows.append((done, megabytes, len(list((proc / "fd").iterdir())), int(status["Threads"])))

    def judged(self):
        """Returns the figures.

        Raises:
            Fault: something grows.
        """
        rows = np.array(self.rows[int(_WARM * len(self.rows)) :], float)
        if self.count < _FEWEST:
            return f"{self.count} done, too few to judge"
        slope = 1000 * np.polyfit(rows[:, 0], rows[:, 1], 1)[0]
        parts = np.array_split(rows, 2)
        files, threads = ([int(part[:, column].max()) for part in parts] for column in (2, 3))
        text = (
            f"{self.count} done, {slope:+.2f} MB per 1,000 at {rows[-1, 1]:.0f} MB, open files {files[0]} then "
            f"{files[1]}, threads {threads[0]} then {threads[1]}"
        )
        if slope > _GROWTH or files[1] > files[0] or threads[1] > threads[0]:
            raise Fault(f"it grows: {text}")
        return text


def _photos(trial, samples, folder, most):
    import tiny_models

    from tf_colorize.albums import work
    from tf_colorize.inference import colorizer
    from tf_colorize.photos import files
    from trials import photo_check, photo_files

    photo_check.register()
    colorize = colorizer.Colorizer.load(tiny_models.STORED, threads=2)
    sources = {}
    for name, data in photo_files.seeds().items():
        sources[name] = folder / name
        sources[name].write_bytes(data)
    suffixes = sorted(files.FORMATS)
    for number, _ in trial.attempts(most):
        source = list(sources.values())[number % len(sources)]
        target = folder / f"result{suffixes[number // len(sources) % len(suffixes)]}"
        work.colorize_file(colorize, work.Job(source, target), work.Options(overwrite=True, allow_truncated=True))
        if number % 50 == 0:
            samples.take(number)


def _server(trial, samples, folder, most):
    import tiny_models

    from trials import photo_files

    command = [sys.executable, "-m", "tf_colorize", "serve", "--port", "0", "--model", str(tiny_models.STORED)]
    with _running(command) as process:
        line = process.stdout.readline()
        match = re.match(r"http://127.0.0.1:(\d+)/", line)
        if not match:
            raise Fault(f"the server does not start: {line}")
        data = list(photo_files.seeds().values())
        for number, _ in trial.attempts(most):
            connection = http.client.HTTPConnection("127.0.0.1", int(match[1]), timeout=60)
            connection.request("POST", "/colorize", data[number % len(data)])
            response = connection.getresponse()
            response.read()
            connection.close()
            if response.status not in (200, 400):
                raise Fault(f"status {response.status}")
            if number % 50 == 0:
                samples.take(number, process.pid)


_FILM = """
import sys
from tf_colorize import Colorizer
from tf_colorize.film import coloring
coloring.color_film(Colorizer.load(sys.argv[1]), sys.argv[2], sys.argv[3], report=lambda n: print(n, flush=True))
"""


def _film(trial, samples, folder, most):
    import films
    import tiny_models

    path = films.write(folder / "long.mp4", n_frames=most, size=(64, 48), n_shots=most // 100 + 1, audio=None)
    command = [sys.executable, "-c", _FILM, str(tiny_models.STORED), str(path), str(folder / "result.mp4")]
    with _running(command) as process:
        for line in process.stdout:
            if trial.left() < 0:
                return
            if int(line) >= samples.count + 50:
                samples.take(int(line), process.pid)


def _page(trial, samples, folder, most):
    trials.need("playwright")
    from trials import page

    with page.opened(folder) as (browser, visitor):
        heaps = _Heaps(visitor.page)
        session = browser.new_browser_cdp_session()
        for number, _ in trial.attempts(most):
            visitor.colors(f"{number}.png", page.photo(number))
            visitor.tidies_up()
            if number % 20 == 0:
                processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
                renderer = next(one["id"] for one in processes if one["type"] == "renderer")
                samples.take(number, renderer, heaps.megabytes())


class _Heaps:
    """What a page and its workers hold, without what Chromium itself keeps of all that was ever done.

    A process in which one photo after the other is put into IndexedDB and drawn on a canvas grows by itself.
    """

    def __init__(self, page):
        self._page, self._session = page, page.context.new_cdp_session(page)
        self._workers, self._answers, self._sent = [], {}, 0
        self._session.on("Target.attachedToTarget", self._attached)
        self._session.on("Target.receivedMessageFromTarget", self._answered)
        self._session.send("Target.setAutoAttach", {"autoAttach": True, "waitForDebuggerOnStart": False})

    def megabytes(self):
        """Returns their size after garbage collection, with the buffers in them."""
        total = 0
        for ask in (self._session.send, *(functools.partial(self._ask, worker) for worker in self._workers)):
            ask("HeapProfiler.collectGarbage")
            used = ask("Runtime.getHeapUsage")
            total += used["usedSize"] + used.get("embedderHeapUsedSize", 0) + used.get("backingStorageSize", 0)
        return total / 1e6

    def _attached(self, event):
        if event["targetInfo"]["type"] == "worker":
            self._workers.append(event["sessionId"])

    def _answered(self, event):
        message = json.loads(event["message"])
        self._answers[message.get("id")] = message.get("result")

    def _ask(self, worker, method):
        self._sent += 1
        message = json.dumps({"id": self._sent, "method": method})
        self._session.send("Target.sendMessageToTarget", {"sessionId": worker, "message": message})
        while self._sent not in self._answers:
            self._page.wait_for_timeout(10)
        return self._answers.pop(self._sent)


class _running:
    """A process that is stopped at the end of a block."""

    def __init__(self, command: collections.abc.Sequence[str]):
        self._command = command

    def __enter__(self):
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return self._process

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()
