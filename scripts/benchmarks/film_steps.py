"""What the benchmark of films times: a film of sample photos, the simple way to color it, and the steps of ours."""

import fractions
import time

import skimage.data
from PIL import Image

from tf_colorize import installation

with installation.explained():
    import av

    from tf_colorize.film import reading, steadying, writing

RATE = 25


def sample_film(path, size, n_frames):
    """Writes a film of sample photos, gray, under a moving camera; returns its path. `size` is like "1280x720"."""
    width, height = map(int, size.split("x"))
    photos = [skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea()]
    gray = [Image.fromarray(photo).convert("L").resize((width + 100, height + 100)) for photo in photos]
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(n_frames):
            picture = gray[index * len(gray) // n_frames]
            offset = index % 100
            view = picture.crop((offset, offset, offset + width, offset + height)).convert("RGB")
            frame = av.VideoFrame.from_image(view)
            frame.pts, frame.time_base = index, fractions.Fraction(1, RATE)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    return path


def frame_by_frame(colorize, film, path, options):
    """What people would write: each frame through `Colorizer`, to the same encoder."""
    n_frames = 0
    with writing.PieceWriter(path, film, options.codec, options.crf) as writer:
        for frame in reading.frames(film, end=options.end):
            writer.write(frame, colorize(frame.rgb))
            n_frames += 1
    return n_frames


def parts(colorize, film, path, options):
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
