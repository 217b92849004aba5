"""Small real films that tests make: skimage's photographs, gray, under a moving camera."""

import fractions
import functools

import av
import numpy as np
import skimage.data
from PIL import Image

RATE = 25


@functools.cache
def photos():
    """Two photographs, uint8, gray in three channels."""
    pictures = (skimage.data.astronaut(), skimage.data.coffee())
    return [np.asarray(Image.fromarray(picture).convert("L").convert("RGB")) for picture in pictures]


def frames(n_frames, size=(96, 64), n_shots=1):
    """uint8 `(height, width, 3)` of each frame; shots of equal length show the photographs in turn."""
    width, height = size
    shown = [Image.fromarray(photo).resize((width + 40, height + 40)) for photo in photos()]
    for index in range(n_frames):
        shot = index * n_shots // n_frames
        offset = index % 30
        yield np.asarray(shown[shot % 2].crop((offset, offset, offset + width, offset + height)))


def stills(path, count, size):
    """The part of a preview that holds the stills, before and after, of frames of a size: an RGB image."""
    with Image.open(path) as sheet:
        height = min(size[1], 240)
        width = round(size[0] * height / size[1])
        return sheet.convert("RGB").crop((0, 0, 2 * width + 18, 24 + count * (height + 6)))


def write(
    path,
    *,
    n_frames=30,
    size=(96, 64),
    n_shots=1,
    rate=RATE,
    times=None,
    codec="libx264",
    pix_fmt="yuv420p",
    options=None,
    audio="aac",
    subtitles=None,
    chapters=(),
    quarter_turns=0,
    container=None,
):
    """Writes a film and returns its path.

    Args:
        times: Of each frame in 1/1000 s, for a film whose rate varies; None: evenly.
        audio: Codec of a tone as long as the film, or None.
        subtitles: Path of an .srt file whose subtitles are copied in, or None.
        container: Of FFmpeg; None: what the suffix says.
    """
    with av.open(str(path), "w", format=container) as film:
        film.metadata["title"] = "A test"
        video = film.add_stream(codec, rate=rate, options=options or {})
        video.width, video.height, video.pix_fmt = *size, pix_fmt
        unit = fractions.Fraction(1, 1000) if times else 1 / fractions.Fraction(rate)
        video.codec_context.time_base = unit
        if quarter_turns:
            video.set_display_rotation(90 * quarter_turns)
        sound = film.add_stream(audio, rate=48_000) if audio else None
        if subtitles:
            with av.open(str(subtitles)) as texts:
                copy = film.add_stream_from_template(texts.streams.subtitles[0])
                copy.metadata["language"] = "eng"
                packets = [packet for packet in texts.demux(subtitles=0) if packet.dts is not None]
                for packet in packets:
                    packet.stream = copy
                film.mux(packets)
        if chapters:
            film.set_chapters(list(chapters))
        for index, rgb in enumerate(frames(n_frames, size, n_shots)):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts, frame.time_base = times[index] if times else index, unit
            film.mux(video.encode(frame))
        film.mux(video.encode(None))
        if sound:
            seconds = times[-1] / 1000 if times else n_frames / fractions.Fraction(rate)
            wave = np.sin(np.arange(int(48_000 * seconds)) * 440 * 2 * np.pi / 48_000)
            samples = av.AudioFrame.from_ndarray((8000 * wave).astype(np.int16)[np.newaxis], "s16", "mono")
            samples.rate, samples.pts = 48_000, 0
            film.mux(sound.encode(samples))
            film.mux(sound.encode(None))
    return path


def pictures(path):
    """`[(seconds, uint8 (height, width, 3))]` of a film, as a player shows them but for the rotation."""
    with av.open(str(path)) as film:
        return [(float(frame.time), frame.to_ndarray(format="rgb24")) for frame in film.decode(video=0)]


def packets(path, kind):
    """`[(seconds, bytes)]` of the first stream of a kind."""
    with av.open(str(path)) as film:
        stream = getattr(film.streams, kind)[0]
        return [
            (round(float(packet.pts * packet.time_base), 3), bytes(packet))
            for packet in film.demux(stream)
            if packet.dts is not None
        ]


def is_colored(path):
    """Whether every frame has color."""
    return all((np.ptp(rgb.astype(int), axis=2) > 8).mean() > 0.1 for _, rgb in pictures(path))
