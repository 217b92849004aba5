"""`tf-colorize film` refuses in a line what it cannot do, and leaves files alone."""

import os

import av
import films
import numpy as np
import pytest


def broken(tmp_path, kind):
    path = tmp_path / "movie.mp4"
    if kind == "text":
        path.write_text("no film\n" * 100)
    elif kind == "empty":
        path.touch()
    elif kind == "cut off":
        films.write(path)
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == "photo":
        films.Image.fromarray(films.photos()[0]).save(path, "JPEG")
    elif kind == "folder":
        path.mkdir()
    elif kind == "sound":
        with av.open(str(path), "w") as film:
            stream = film.add_stream("aac", rate=48_000)
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.int16), "s16", "mono")
            samples.rate = 48_000
            film.mux(stream.encode(samples))
            film.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("text", "not a film"),
        ("empty", "not a film"),
        ("cut off", "not a film, or too damaged"),
        ("photo", "a photo, not a film"),
        ("folder", "no films in it; for numbered images"),
        ("sound", "has no video stream, only audio"),
        ("missing", "no such file"),
    ],
)
def test_a_file_that_is_not_a_film_is_reported_in_one_line(tmp_path, kind, reason, command):
    path = broken(tmp_path, kind)
    before = sorted(os.listdir(tmp_path))
    done = command(path)
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"tf-colorize film: {path}: {reason}")
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize(
    "wrong",
    [
        ["--from", "2", "--to", "1"],
        ["--from", "soon"],
        ["--steadiness", "1.5"],
        ["--vividness", "3"],
        ["--crf", "60"],
        ["--preview", "0"],
        ["--codec", "mpeg2"],
    ],
)
def test_wrong_usage(tmp_path, wrong, command):
    done = command(tmp_path / "movie.mp4", *wrong)
    assert done.returncode == 2
    assert wrong[-2] in done.stderr.splitlines()[-1] or wrong[0] in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("audio", "codec", "target", "reason"),
    [("aac", "av1", "a.mov", "av1")],
)
def test_unsupported_streams_are_reported_before_the_work(tmp_path, audio, codec, target, reason, command):
    film = films.write(tmp_path / "movie.mkv", audio=audio)
    done = command(film, "-o", tmp_path / target, "--codec", codec)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert reason in line and line.endswith("write to a.mkv instead")
    assert os.listdir(tmp_path) == ["movie.mkv"]  # and no piece of work


def test_results_are_not_colored_again(tmp_path, command):
    film = films.write(tmp_path / "movie.color.mp4", n_frames=3)
    done = command(film)
    assert done.returncode == 0 and "already colorized; rename it" in done.stdout
    assert os.listdir(tmp_path) == ["movie.color.mp4"]


def test_an_existing_result_is_left_alone(tmp_path, command):
    film = films.write(tmp_path / "movie.mp4", n_frames=5)
    (tmp_path / "movie.color.mp4").write_text("mine")
    done = command(film)
    assert done.returncode == 0 and "--overwrite" in done.stdout
    assert (tmp_path / "movie.color.mp4").read_text() == "mine"
    assert command(film, "--overwrite").returncode == 0
    assert films.is_colored(tmp_path / "movie.color.mp4")
