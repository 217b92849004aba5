"""The film benchmark's parts: a film of sample photos, other methods to colorize or copy it, and the steps of ours."""

import fractions
import functools
import time

import numpy as np
import skimage.data
from PIL import Image

from benchmarks import processes
from tf_colorize import installation

with installation.explained():
    import av

    from tf_colorize.film import coloring, encoding, joining, reading, steadying

RATE = 25


def sample_film(path, size, n_frames, grain=0):
    """Writes a gray film of sample photos with a moving camera; returns its path.

    Args:
        size: Like "1280x720".
        grain: Standard deviation of the noise that old films have, in levels of 255.
    """
    random = np.random.default_rng(0)
    width, height = map(int, size.split("x"))
    photos = [skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea()]
    gray = [Image.fromarray(photo).convert("L").resize((width + 100, height + 100)) for photo in photos]
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(n_frames):
            picture = gray[index * len(gray) // n_frames]
            offset = index % 100
            view = np.asarray(picture.crop((offset, offset, offset + width, offset + height)))
            if grain:
                noise = random.normal(0, grain, view.shape).astype(np.float32)
                view = np.rint(np.clip(view + noise, 0, 255)).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.repeat(view[..., np.newaxis], 3, axis=2), format="rgb24")
            frame.pts, frame.time_base = index, fractions.Fraction(1, RATE)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    return path


def _writer(film, path, options):
    return encoding.PieceWriter(path, film, "yuv420p", options.codec or "h264", options.crf)


def decoding_and_encoding(film, path, options):
    """Re-encodes the film unchanged with the same encoder; returns the number of frames."""
    n_frames, part = 0, coloring.part_of(film, options)
    with _writer(film, path, options) as writer:
        for frame in reading.frames_of(film, last=part.last):
            writer.write(frame, frame.image.reformat(format="yuv420p"))
            n_frames += 1
    return n_frames


def frame_by_frame(colorize, film, path, options):
    """Colorizes each frame with `Colorizer`, for the same encoder: the simple method."""
    n_frames, part = 0, coloring.part_of(film, options)
    with _writer(film, path, options) as writer:
        for frame in reading.frames_of(film, last=part.last):
            image = av.VideoFrame.from_ndarray(colorize(frame.rgb()), format="rgb24")
            writer.write(frame, image.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"))
            n_frames += 1
    return n_frames


def peak_memory(film, path, options, model):
    """Colors the film by the command, in a process of its own; returns the bytes that it had at most."""
    arguments = [film.path, "-o", path, "--to", f"{options.end:.6f}", *(["--model", model] if model else [])]
    return processes.answer("film_process", [str(one) for one in arguments])["memory"]


def parts(colorize, film, path, options):
    """Returns the seconds per frame of each step of `tf-colorize film`."""
    taken, part = {}, coloring.part_of(film, options)
    joiner = joining.Joiner(film, colorize.image_size, has_small_chroma=True)

    def timed(name, function):
        start = time.perf_counter()
        result = function()
        taken[name] = (time.perf_counter() - start) / (part.last - part.first)
        return result

    frames = timed("decoding", lambda: list(reading.frames_of(film, last=part.last)))
    lightness = timed("lightness", lambda: [joiner.lightness(frame) for frame in frames])
    asked = []

    def predict(plane):
        start = time.perf_counter()
        ab = colorize.ab(plane)
        asked.append(time.perf_counter() - start)
        return ab

    def steadied():
        offered = ((plane, functools.partial(predict, plane), False) for plane in lightness)
        return [ab for block in steadying.Steadier(options.steadiness).steadied(offered) for ab in block]

    steady = timed("flow and steadying", steadied)
    taken["network"] = sum(asked) / len(frames)
    taken["flow and steadying"] -= taken["network"]
    joiner.joined(frames[0], np.array(steady[0]))  # the table, which is made once per film
    colored = timed("joining", lambda: [joiner.joined(frame, ab) for frame, ab in zip(frames, steady)])

    def encode():
        with _writer(film, path, options) as writer:
            for frame, image in zip(frames, colored):
                writer.write(frame, image)

    timed("encoding", encode)
    return taken, len(asked) / len(frames)
