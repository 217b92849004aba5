"""Measures TF Serving's interface under load: many concurrent callers, over REST and over gRPC.

The server is `tests/helpers/prediction_server.py`, a small server that runs the real SavedModel in a separate process,
bound to some of the cores; the callers use the other cores, or share them. Every result is compared with that for a
single caller. With the default numbers, it takes twelve minutes.
"""

import concurrent.futures
import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

import numpy as np
import skimage.data
from PIL import Image

from benchmarks import machine, tables
from tf_colorize.inference import serving

ROOT = pathlib.Path(__file__).resolve().parents[2]


def add_arguments(parser):
    parser.add_argument("--saved-model", default=str(ROOT / "saved_models" / "colorizer" / "1"), help="folder")
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 64], help="numbers of concurrent threads")
    parser.add_argument("--requests", type=int, default=512, help="requests per run, one photo each")
    parser.add_argument("--size", type=int, default=512, help="width of the photos in pixels")
    parser.add_argument("--cores", type=int, default=1, help="cores of the server")
    parser.add_argument("--markdown", action="store_true", help="print the table in Markdown, as in the manual")


def run(arguments):
    if min(*arguments.callers, arguments.requests, arguments.cores, arguments.size // 16) < 1:
        raise ValueError("`--callers`, `--requests` and `--cores` must be at least 1, `--size` at least 16")
    rows, first_errors = [], []
    with _server(arguments.saved_model, arguments.cores) as addresses:
        for protocol, address in addresses.items():
            for kind, ask, questions in _KINDS:
                with serving.Client(address, timeout=120) as client:
                    asked = questions(arguments.size, client)
                    answers = [ask(client, question) for question in asked]
                for callers in arguments.callers:
                    found, errors = _loaded(address, ask, asked, answers, callers, arguments.requests)
                    rows.append([f"{_NAMES[protocol]}, {kind}", *found])
                    first_errors += errors[:1]
    tables.show(
        ["interface", "callers", "requests/s", "median", "99th percentile", "errors", "wrong pictures"],
        rows,
        f"{arguments.requests} requests of one photo each, files {arguments.size} x {arguments.size * 3 // 4} pixels. "
        f"The server has {arguments.cores} of the cores. Load average {os.getloadavg()[0]:.1f}. "
        f"{machine.in_words()}." + "".join(f"\n{error}" for error in first_errors),
        arguments.markdown,
    )


def _photos(width, _client):
    sample = Image.fromarray(skimage.data.astronaut()).convert("L")
    photos = []
    for index in range(8):
        data = io.BytesIO()
        photo = sample.crop((10 * index, 10 * index, 10 * index + 400, 10 * index + 300))
        photo.resize((width, width * 3 // 4)).save(data, "JPEG", quality=90)
        photos.append(data.getvalue())
    return photos


def _lightness(_width, client):
    size = client.image_size
    ramp = np.linspace(-1, 1, size * size, dtype=np.float32).reshape(1, size, size, 1)
    return [np.roll(ramp, size * size * index // 8) for index in range(8)]


_NAMES = {"http": "REST", "grpc": "gRPC"}
# The request, its function, and its inputs.
_KINDS = (
    ("files", lambda client, photo: client.colorize_files([photo])[0], _photos),
    ("`predict_ab`", lambda client, lightness: client.predict_ab(lightness).tobytes(), _lightness),
)


@contextlib.contextmanager
def _server(saved_model, cores):
    """Yields the addresses of a server in a separate process, on the last cores."""
    usable = sorted(os.sched_getaffinity(0))
    command = [sys.executable, str(ROOT / "tests" / "helpers" / "prediction_server.py"), str(saved_model)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        preexec_fn=lambda: os.sched_setaffinity(0, usable[-cores:]),
    )
    try:
        line = process.stdout.readline()
        if not line:
            raise ValueError(f"the server did not start: {' '.join(command)}")
        yield json.loads(line)
    finally:
        process.stdin.close()  # which stops it
        process.wait()


def _loaded(address, ask, questions, answers, callers, n_requests):
    """Returns the cells of a row (rate, times, errors, wrong pictures) for n concurrent threads, and the errors."""
    seconds, errors, wrong = [], [], []
    ready = threading.Barrier(callers + 1)

    def call(first):
        with serving.Client(address, timeout=120) as client:
            ready.wait()
            for request in range(first, n_requests, callers):
                which, start = request % len(questions), time.perf_counter()
                try:
                    answer = ask(client, questions[which])
                except serving.ServingError as error:
                    errors.append(str(error))
                    continue
                seconds.append(time.perf_counter() - start)
                if answer != answers[which]:
                    wrong.append(request)

    with concurrent.futures.ThreadPoolExecutor(callers) as pool:
        calls = [pool.submit(call, first) for first in range(callers)]
        ready.wait()
        start = time.perf_counter()
        for finished in calls:
            finished.result()
        taken = time.perf_counter() - start
    middle, slow = (f"{np.percentile(seconds, q):.2f} s" if seconds else "-" for q in (50, 99))
    cells = [str(callers), tables.number(len(seconds) / taken), middle, slow, str(len(errors)), str(len(wrong))]
    return cells, errors
