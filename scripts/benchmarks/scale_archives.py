"""`benchmark.py scale archives`: compares `tf-colorize cluster` on one and two nodes of one core with the local command
on both cores.

They alternate, so that other load on the machine affects all of them. The nodes are processes on this machine, each
bound to its own core; starting the clusters is not timed. With the default numbers, it takes about ten minutes.
"""

import importlib.metadata
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import skimage.data
from PIL import Image

from benchmarks import machine, ray_nodes, tables
from tf_colorize.inference import runtimes

# Parts of command lines.
WORKER = "ray::Worker"
COMMAND = "-m\0tf_colorize\0cluster"
RAY = "ray_process.main()"


def add_arguments(parser):
    parser.add_argument(
        "--model", default=None, help="archives: any model that --model accepts; None: the shipped model"
    )
    parser.add_argument("--photos", type=int, default=1000, help="archives: photos per run")
    parser.add_argument("--size", type=int, default=512, help="archives: width of the photos in pixels")
    parser.add_argument(
        "--memory-photos", type=int, nargs="*", default=[1000, 10000], help="archives: photos per run for memory"
    )


def run(arguments):
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2 or arguments.photos < 20 or arguments.size < 16:
        raise ValueError("needs two cores, and `--photos` of at least 20 and `--size` of at least 16")
    arguments.model = arguments.model or str(runtimes.default_model())
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        _make(folder / "photos", arguments.photos, arguments.size)
        rates = _compared(folder, arguments, cores)
        _show_rates(rates, arguments)
        if arguments.memory_photos:
            _show_memory({count: _memory(folder, count, arguments) for count in arguments.memory_photos}, arguments)


def _make(folder, count, width):
    """Writes gray JPEG files; from the thirtieth on, they are links to earlier ones."""
    folder.mkdir()
    sample = Image.fromarray(skimage.data.astronaut()).convert("L")
    for index in range(count):
        path = folder / f"{index:06d}.jpg"
        if index < 30:
            photo = sample.crop((index, index, index + 400, index + 300))
            photo.resize((width, width * 3 // 4), Image.Resampling.BICUBIC).save(path, quality=90)
        else:
            os.link(folder / f"{index % 30:06d}.jpg", path)


def _compared(folder, arguments, cores):
    """Returns photos per second, `[(of the whole command, of its middle)]`, by setup."""
    rates = {"tf-colorize": [], "one node": [], "two nodes": []}
    for _ in range(arguments.rounds):
        for name, found in rates.items():
            if name == "tf-colorize":
                command = [folder / "photos", "-o", folder / "out", "--jobs", 2]
                found.append(_timed(command, folder / "out", arguments, cores))
                continue
            with ray_nodes.started(cores[: 1 if name == "one node" else 2]) as nodes:
                command = ["cluster", folder / "photos", folder / "out", "--address", nodes.address]
                found.append(_timed(command, folder / "out", arguments, cores))
    return rates


def _timed(command, out, arguments, cores):
    start = time.time()
    _run(command, arguments.model)
    seconds = time.time() - start
    # Times of the results, without the start and the end, when not all workers are busy.
    written = sorted(path.stat().st_mtime for path in out.glob("*.jpg"))
    if len(written) != arguments.photos:
        raise ValueError(f"{len(written)} of {arguments.photos} photos were done: {' '.join(map(str, command))}")
    tenth = len(written) // 10
    shutil.rmtree(out)
    return len(written) / seconds, (len(written) - 2 * tenth) / (written[-tenth] - written[tenth])


def _run(command, model):
    """Runs `tf-colorize`; raises ValueError if it fails."""
    command = [sys.executable, "-m", "tf_colorize", *map(str, command), "--model", model]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ValueError((done.stderr.strip() or "no reason given").splitlines()[-1])


def _memory(folder, count, arguments):
    """Returns peak memory in bytes: `(maximum of the workers, the command with its process for Ray)`."""
    photos, out = folder / f"photos-{count}", folder / "out"
    _make(photos, count, 128)
    peaks, stop = {}, threading.Event()

    def watch():
        while not stop.wait(0.5):
            for title in (WORKER, COMMAND, RAY):
                peaks[title] = max([peaks.get(title, 0), *ray_nodes.peak_memory(title).values()])

    with ray_nodes.started([None, None]) as nodes:
        thread = threading.Thread(target=watch)
        thread.start()
        try:
            _run(["cluster", photos, out, "--address", nodes.address], arguments.model)
        finally:
            stop.set()
            thread.join()
    shutil.rmtree(out)
    return peaks[WORKER], peaks[COMMAND] + peaks[RAY]


def _show_rates(rates, arguments):
    whole = {name: np.array(found)[:, 0] for name, found in rates.items()}
    middle = {name: np.array(found)[:, 1] for name, found in rates.items()}
    rows = [[name, tables.spread(whole[name]), tables.spread(middle[name])] for name in rates]
    for text, one, other in (
        ("two nodes against one", "two nodes", "one node"),
        ("two nodes against `tf-colorize` on both cores", "two nodes", "tf-colorize"),
    ):
        rows.append([text, *(tables.spread(part[one] / part[other]) for part in (whole, middle))])
    tables.show(
        ["setup", "photos/s, whole command", "photos/s, between the first and the last tenth"],
        rows,
        f"{arguments.photos} JPEG photos of {arguments.size} x {arguments.size * 3 // 4}, {arguments.rounds} rounds, "
        f"median (least-greatest). Load average {os.getloadavg()[0]:.1f}, "
        f"Ray {importlib.metadata.version('ray')}. {machine.in_words()}.",
        arguments.markdown,
    )


def _show_memory(peaks, arguments):
    rows = [
        [f"{count:,}", f"{worker / 2**20:.0f} MB", f"{own / 2**20:.0f} MB"] for count, (worker, own) in peaks.items()
    ]
    tables.show(
        ["photos", "a worker", "the command itself"],
        rows,
        "Peak memory (VmHWM), photos of 128 x 96, two workers.",
        arguments.markdown,
    )
