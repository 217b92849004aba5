"""Telecine is reported if and only if there is some; FFmpeg's `telecine` filter makes it."""

import pathlib

import film_kinds
import pytest

import tf_colorize
from tf_colorize.film import coloring, reading

MODEL = pathlib.Path(__file__).parents[1] / "files" / "tiny_32.tflite"

pytestmark = film_kinds.needs_ffmpeg

FILM, VIDEO = "24000/1001", "30000/1001"
FIELDS = "tinterlace=interleave_bottom,fieldorder=bff"
DV = ("-f", "dv")
MPEG2 = ("-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-bf", "2", "-g", "12", "-f", "mpeg")
STILL = "loop=loop=-1:size=1,trim=end_frame=150"
# name -> filters behind the gray test picture, rate of that picture, output, size
TELECINED = {
    "top.mpg": ("telecine", FILM, MPEG2, "320x240"),
    "bottom.mpg": ("telecine=first_field=bottom", FILM, MPEG2, "320x240"),
    "another_rhythm.mpg": ("telecine=pattern=32", FILM, MPEG2, "320x240"),
    "not_marked.mp4": ("telecine", FILM, ("-c:v", "libx264"), "320x240"),
    "advanced.mpg": ("telecine=pattern=2332", FILM, MPEG2, "320x240"),
    "noisy.dv": (
        "telecine=first_field=bottom,noise=alls=8:allf=t,format=yuv411p",
        FILM,
        DV,
        "720x480",
    ),
}
OTHERS = {
    "progressive.mp4": ("null", VIDEO, ("-c:v", "libx264"), "320x240"),
    "interlaced.dv": (f"{FIELDS},format=yuv411p", "60000/1001", DV, "720x480"),
    "pal.dv": (FIELDS, "50", DV, "720x576"),
    "frames_again.mp4": (f"fps={VIDEO}", FILM, ("-c:v", "libx264"), "320x240"),
    "still.mp4": (STILL, VIDEO, ("-c:v", "libx264"), "320x240"),
    "noisy_still.mp4": (f"{STILL},noise=alls=20:allf=t", VIDEO, ("-c:v", "libx264"), "320x240"),
    "film.mp4": ("null", FILM, ("-c:v", "libx264"), "320x240"),
}


def make(folder, name, filters, rate, output, size):
    whole = f"{film_kinds.GRAY},{filters}"
    return film_kinds.make(folder / name, *output, rate=rate, seconds=4, size=size, filters=whole, sound=False)


def notes(folder, name, made):
    return "; ".join(reading.open_film(make(folder, name, *made)).notes)


@pytest.mark.parametrize("name", TELECINED)
def test_telecine_is_reported(tmp_path, name):
    assert "telecined" in notes(tmp_path, name, TELECINED[name])


SLOW = "noisy_still.mp4"  # to encode


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name == SLOW else []) for name in OTHERS]
)
def test_other_films_are_not_mistaken_for_telecine(tmp_path, name):
    assert "telecined" not in notes(tmp_path, name, OTHERS[name])


def test_the_result_has_all_frames_of_the_video(tmp_path):
    film = make(tmp_path, "top.mpg", *TELECINED["top.mpg"])
    target = tmp_path / "result.mkv"
    done = coloring.color_film(tf_colorize.Colorizer.from_tflite(MODEL), film, target)
    video, _, _ = film_kinds.probed(target)
    assert int(video["nb_read_frames"]) == int(film_kinds.probed(film)[0]["nb_read_frames"]) == done.n_frames
    assert str(film_kinds.rate(video)) == VIDEO and "telecined" in "; ".join(done.notes)
