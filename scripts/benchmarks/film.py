"""Films: the whole command against frame-by-frame calls of the same network, and where the time goes.

Both read and write the same files, and take turns, so that whatever else the machine does hits both
alike. On two cores a round takes about a minute.
"""

import fractions
import pathlib
import re
import tempfile
import time

import numpy as np
import skimage.data
from PIL import Image

from benchmarks import machine, tables
from tf_colorize import installation, processors
from tf_colorize.inference import colorizer, runtimes

with installation.explained():
    import av

    from tf_colorize.film import coloring, reading, steadying, writing

RATE = 25


def add_arguments(parser):
    parser.add_argument("--model", default=None, help="anything that Colorizer.load takes; None: the model that ships")
    parser.add_argument("--film", type=pathlib.Path, help="a film; None: sample photos under a moving camera")
    parser.add_argument("--size", default="1280x720", help="of the frames, where no film is given")
    parser.add_argument("--frames", type=int, default=48, help="of the film that are colored")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each of the two")
    parser.add_argument("--markdown", action="store_true", help="print the table as the manual has it")


def run(arguments):
    if not re.fullmatch(r"\d+x\d+", arguments.size) or arguments.frames < 1 or arguments.rounds < 1:
        raise ValueError("`--size` must be WIDTHxHEIGHT, `--frames` and `--rounds` at least 1")
    colorize = colorizer.Colorizer.load(arguments.model or runtimes.default_model())
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        film = reading.open_film(arguments.film or _film(folder / "film.mp4", arguments))
        end = film.start + float(arguments.frames / film.frame_rate)
        options = coloring.Options(end=end)
        seconds = {"frame by frame": [], "tf-colorize film": []}
        for _ in range(arguments.rounds):
            start = time.perf_counter()
            n_frames = _frame_by_frame(colorize, film, folder / "one.mp4", options)
            seconds["frame by frame"].append((time.perf_counter() - start) / n_frames)
            start = time.perf_counter()
            done = coloring.color_film(colorize, film.path, folder / "other.mp4", options)
            seconds["tf-colorize film"].append((time.perf_counter() - start) / done.n_frames)
        parts = _parts(colorize, film, folder / "parts.mp4", options)
    _show(arguments, film, n_frames, seconds, parts)


def _film(path, arguments):
    width, height = map(int, arguments.size.split("x"))
    photos = [skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea()]
    gray = [Image.fromarray(photo).convert("L").resize((width + 100, height + 100)) for photo in photos]
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(arguments.frames):
            picture = gray[index * len(gray) // arguments.frames]
            offset = index % 100
            view = picture.crop((offset, offset, offset + width, offset + height)).convert("RGB")
            frame = av.VideoFrame.from_image(view)
            frame.pts, frame.time_base = index, fractions.Fraction(1, RATE)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    return path


def _frame_by_frame(colorize, film, path, options):
    """What people would write: each frame through `Colorizer`, to the same encoder."""
    n_frames = 0
    with writing.PieceWriter(path, film, options.codec, options.crf) as writer:
        for frame in reading.frames(film, end=options.end):
            writer.write(frame, colorize(frame.rgb))
            n_frames += 1
    return n_frames


def _parts(colorize, film, path, options):
    """Seconds per frame of each step of `tf-colorize film`, one after the other."""
    taken = {}

    def timed(name, function):
        start = time.perf_counter()
        result = function()
        taken[name] = (time.perf_counter() - start) / len(frames or result)
        return result

    frames = []
    frames = timed("decoding, twice", lambda: list(reading.frames(film, end=options.end)))
    taken["decoding, twice"] *= 2
    lightness = timed("lightness", lambda: [colorize.lightness(frame.rgb) for frame in frames])
    predicted = timed("network", lambda: [colorize.ab(plane) for plane in lightness])
    blocks = timed(
        "flow and steadying",
        lambda: list(steadying.Steadier(options.steadiness).steadied(zip(lightness, predicted))),
    )
    steady = [ab for block in blocks for ab in block]
    colored = timed("joining", lambda: [colorize.join(frame.rgb, ab) for frame, ab in zip(frames, steady)])

    def encode():
        with writing.PieceWriter(path, film, options.codec, options.crf) as writer:
            for frame, rgb in zip(frames, colored):
                writer.write(frame, rgb)

    timed("encoding", encode)
    return taken


def _show(arguments, film, n_frames, seconds, parts):
    ratio = np.divide(seconds["tf-colorize film"], seconds["frame by frame"])
    rows = [
        [name, tables.spread(1000 * np.array(taken)), tables.spread(1 / np.array(taken))]
        for name, taken in seconds.items()
    ]
    tables.show(
        ["", "ms per frame", "frames/s"],
        [*rows, ["ratio of the times", tables.spread(ratio), ""]],
        f"{film.width} x {film.height}, {n_frames} frames, {arguments.rounds} rounds, median (least-greatest). "
        f"{machine.in_words()}, {processors.usable()} usable.",
        arguments.markdown,
    )
    total = sum(parts.values())
    tables.show(
        ["step", "ms per frame", "share"],
        [[name, tables.number(1000 * taken), f"{taken / total:.0%}"] for name, taken in parts.items()],
        "Each step measured for itself.",
        arguments.markdown,
    )
