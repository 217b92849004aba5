"""Recordings whose clock passes its largest value in the middle: 33 bits at 90 kHz, after 26.5 hours."""

import pathlib

import av
import film_kinds
import pytest

import tf_colorize
from tf_colorize.film import coloring, reading

MODEL = pathlib.Path(__file__).parents[1] / "files" / "tiny_32.tflite"
LARGEST = 2**33 / 90_000  # seconds

pytestmark = film_kinds.needs_ffmpeg


def begins(path):
    """When picture and sound begin and end, in seconds from the first picture, as FFmpeg reads them."""
    with av.open(str(path)) as film:
        found = {"video": [], "audio": []}
        for packet in film.demux():
            if packet.pts is not None:
                found[packet.stream.type].append(float(packet.pts * packet.time_base))
    first = min(found["video"])
    return [at - first for kind in ("video", "audio") for at in (min(found[kind]), max(found[kind]))]


@pytest.mark.parametrize("b_frames", ["0", "2"])
def test_a_clock_that_wraps_around_changes_nothing(tmp_path, b_frames):
    codecs = ("-c:v", "mpeg2video", "-bf", b_frames, "-g", "6", "-c:a", "mp2", "-f", "mpegts")
    plain = film_kinds.make(tmp_path / "plain.ts", *codecs, seconds=2)
    wrapped = film_kinds.make(tmp_path / "wrapped.ts", *codecs, "-output_ts_offset", LARGEST - 2.1, seconds=2)
    with av.open(str(wrapped), options={"correct_ts_overflow": "0"}) as film:
        stored = [packet.pts / 90_000 for packet in film.demux(video=0) if packet.pts is not None]
    assert min(stored) < 2 and max(stored) > LARGEST - 2  # the film is as it should be
    opened = reading.open_film(wrapped)
    assert opened.table.duration == pytest.approx(2, abs=0.05) and float(opened.frame_rate) == 25
    result = tmp_path / "wrapped.color.mkv"
    coloring.color_film(tf_colorize.Colorizer.from_tflite(MODEL), opened, result)
    assert film_kinds.times(result) == pytest.approx(film_kinds.times(plain), abs=0.0011)
    assert begins(result) == pytest.approx(begins(plain), abs=0.03)
