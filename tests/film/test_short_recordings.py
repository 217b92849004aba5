"""Recordings of one frame: FFmpeg takes some for raw pictures, and its guess of the rate is that of fields."""

import fractions
import pathlib

import av
import film_kinds
import pytest

import tf_colorize
from tf_colorize.film import coloring, reading

MODEL = pathlib.Path(__file__).parents[1] / "files" / "tiny_32.tflite"
RECORDINGS = {
    "one.ts": ("-f", "mpegts"),
    "one.m2ts": ("-mpegts_m2ts_mode", "1", "-f", "mpegts"),
    "one.mpg": ("-f", "mpeg"),
    "one.vob": ("-f", "vob"),
}

pytestmark = film_kinds.needs_ffmpeg


@pytest.mark.parametrize("size", ["32x32", "160x120"])
@pytest.mark.parametrize("name", RECORDINGS)
def test_one_frame_is_a_film(tmp_path, name, size):
    output = ("-c:v", "mpeg2video", *RECORDINGS[name])
    path = film_kinds.make(tmp_path / name, *output, seconds=0.04, size=size, sound=False)
    film = reading.open_film(path)
    assert len(film.table) == 1 and film.frame_rate == 25 and film.table.duration == pytest.approx(0.04)
    done = coloring.color_film(tf_colorize.Colorizer.from_tflite(MODEL), film, tmp_path / "result.mkv")
    assert done.n_frames == 1 and done.notes == ()
    video, *_ = film_kinds.probed(tmp_path / "result.mkv")
    assert video["nb_read_frames"] == "1" and video["r_frame_rate"] == "25/1"


def test_the_smallest_transport_stream_is_not_raw_to_us(tmp_path):
    codec = ("-c:v", "mpeg2video", "-f", "mpegts")
    path = film_kinds.make(tmp_path / "one.ts", *codec, seconds=0.04, size="32x32", sound=False)
    with av.open(str(path)) as container:
        assert container.format.name == "mpegvideo"  # otherwise this proves nothing
    film = reading.open_film(path)
    with film.source.opened() as container:
        assert container.format.name == "mpegts"


def test_one_frame_is_not_called_frames(tmp_path, command):
    path = film_kinds.make(tmp_path / "one.mp4", "-c:v", "libx264", seconds=0.04, sound=False)
    assert "one.color.mp4  64 x 48, 1 frame, " in command(path).stdout
    assert "one.compare.jpg  1 still, " in command(path, "--preview", "5").stdout


@pytest.mark.parametrize("rate", ["25", "30000/1001", "24000/1001", "50"])
def test_a_program_stream_of_one_frame_has_its_rate(tmp_path, rate):
    path = tmp_path / "one.mpg"
    picture = f"testsrc2=size=64x48:rate={rate}"
    film_kinds.ffmpeg("-f", "lavfi", "-i", picture, "-frames:v", 1, "-c:v", "mpeg2video", path)
    film = reading.open_film(path)
    assert film.frame_rate == fractions.Fraction(film_kinds.probed(path)[0]["r_frame_rate"]) == fractions.Fraction(rate)


@pytest.mark.parametrize("name", ["one.m2v", "one.h264"])
def test_raw_pictures_stay_raw(tmp_path, name):
    codec = "mpeg2video" if name.endswith("m2v") else "libx264"
    path = film_kinds.make(tmp_path / name, "-c:v", codec, seconds=0.04, sound=False)
    film = reading.open_film(path)
    assert len(film.table) == 1 and film.frame_rate == 25
