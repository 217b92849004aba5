"""Compares the colorization of films with decoding and encoding alone, and with frame-by-frame colorization.

All methods read and write the same files, and alternate, so that other load on the machine affects all of them. Then
each step is timed. What happens once per film counts as well, so the film should not be short; frame by frame, and for
the steps, only its beginning is colored. On two cores, a round takes about a quarter of a minute.
"""

import dataclasses
import pathlib
import re
import tempfile
import time

import numpy as np

from benchmarks import machine, tables
from tf_colorize import processors
from tf_colorize.commands import quiet
from tf_colorize.inference import colorizer, runtimes

ALONE, SIMPLE, OURS = "decoding and encoding alone", "frame by frame", "tf-colorize film"
_FEW = 48  # frames


def add_arguments(parser):
    parser.add_argument("--model", default=None, help="any model that Colorizer.load accepts; None: the shipped model")
    parser.add_argument("--film", type=pathlib.Path, help="a film; None: sample photos under a moving camera")
    parser.add_argument("--size", default="1280x720", help="of the frames, where no film is given")
    parser.add_argument(
        "--grain", type=float, default=0, help="noise of the film, where none is given, in levels of 255"
    )
    parser.add_argument("--frames", type=int, default=480, help="of the film that are colored")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each")
    parser.add_argument("--markdown", action="store_true", help="print the table in Markdown, as in the manual")


def run(arguments):
    if not re.fullmatch(r"\d+x\d+", arguments.size) or arguments.frames < 1 or arguments.rounds < 1:
        raise ValueError("`--size` must be WIDTHxHEIGHT, `--frames` and `--rounds` at least 1")
    from benchmarks import film_steps  # needs the extra of films, which other benchmarks do without
    from tf_colorize.film import coloring, reading

    with quiet.startup():
        # With as many threads as the command uses.
        threads = max(1, min(4, processors.usable() // 2))
        colorize = colorizer.Colorizer.load(arguments.model or runtimes.default_model(), threads=threads)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        film = reading.open_film(
            arguments.film
            or film_steps.sample_film(folder / "film.mp4", arguments.size, arguments.frames, arguments.grain)
        )
        options = coloring.Options(end=float(arguments.frames / film.frame_rate))
        few = dataclasses.replace(options, end=float(min(arguments.frames, _FEW) / film.frame_rate))
        ways = {
            ALONE: lambda path: film_steps.decoding_and_encoding(film, path, options),
            SIMPLE: lambda path: film_steps.frame_by_frame(colorize, film, path, few),
            OURS: lambda path: coloring.color_film(colorize, film, path, options).n_frames,
        }
        seconds, n_done = {name: [] for name in ways}, {}
        for _ in range(arguments.rounds):
            for name, way in ways.items():
                start = time.perf_counter()
                n_frames = way(folder / "result.mp4")
                seconds[name].append((time.perf_counter() - start) / n_frames)
                n_done[name] = n_frames
        memory = film_steps.peak_memory(film, folder / "alone.mp4", options, arguments.model)
        parts, keys = film_steps.parts(colorize, film, folder / "parts.mp4", few)
    _show(arguments, film, n_done[OURS], seconds, memory, parts, keys)


def _show(arguments, film, n_frames, seconds, memory, parts, keys):
    rows = [
        [name, tables.spread(1000 * np.array(taken)), tables.spread(1 / np.array(taken))]
        for name, taken in seconds.items()
    ]
    for other in (ALONE, SIMPLE):
        ratio = np.divide(seconds[OURS], seconds[other])
        rows.append([f"time of {OURS} / {other}, per round", tables.spread(ratio), ""])
    tables.show(
        ["method", "ms per frame", "frames/s"],
        rows,
        f"{film.width} x {film.height}, {n_frames} frames, {arguments.rounds} rounds, median (least-greatest). "
        f"Peak memory of `{OURS}`, in a process of its own: {memory / 1e6:.0f} MB. "
        f"{machine.in_words()}, {processors.usable()} usable.",
        arguments.markdown,
    )
    total = sum(parts.values())
    tables.show(
        ["step", "ms per frame", "share"],
        [[name, tables.number(1000 * taken), f"{taken / total:.0%}"] for name, taken in parts.items()],
        f"Each step was timed separately. The network ran on {keys:.0%} of the frames.",
        arguments.markdown,
    )
