"""No result ever replaces a file that is read, and no look replaces a file that is not a look."""

import json
import os
import pathlib
import sys

import pytest
import small_photos
from PIL import Image

from tf_colorize.albums import plan
from tf_colorize.commands import film as film_command
from tf_colorize.commands import main

pytestmark = pytest.mark.usefixtures("here")

MODEL = str(pathlib.Path(__file__).parents[1] / "files" / "tiny_32.tflite")


def color_photo(name):
    Image.merge("RGB", (small_photos.GRAY, small_photos.GRAY.rotate(180), small_photos.GRAY)).save(name)


def contents():
    return {path.name: path.read_bytes() for path in pathlib.Path().iterdir() if path.is_file()}


@pytest.mark.parametrize("output", ["a.jpg", "link.jpg", "hard.jpg", "./a.jpg", "ref.jpg"])
def test_a_photo_from_a_pipe_and_its_reference_are_never_overwritten(monkeypatch, capsys, output):
    small_photos.photo("a.jpg")
    color_photo("ref.jpg")
    os.symlink("a.jpg", "link.jpg")
    os.link("a.jpg", "hard.jpg")
    before = contents()
    with open("a.jpg") as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert main.main(["-", "-o", output, "--reference", "ref.jpg", "--overwrite", "--model", MODEL]) == 1
    assert capsys.readouterr().err.startswith(f"tf-colorize: {output}: is one of the photos that are read")
    assert contents() == before


def test_standard_output_is_never_the_photo_itself(monkeypatch, capsys):
    small_photos.photo("a.jpg")
    before = contents()
    with open("a.jpg", "r+") as file:
        monkeypatch.setattr(sys, "stdin", file)
        with open("a.jpg", "a") as appended:
            monkeypatch.setattr(sys, "stdout", appended)
            assert main.main(["-", "--model", MODEL]) == 1
    assert "standard output is the same file" in capsys.readouterr().err
    assert contents() == before


def test_a_preview_never_overwrites_an_image_of_the_film():
    small_photos.photo("f/1.jpg", "f/2.jpg")
    os.symlink("f/2.jpg", "picture.jpg")
    for output in ("f/1.jpg", "f/./2.jpg", "picture.jpg"):
        jobs, problems = plan.plan_films(["f/%d.jpg"], output, (), ".mkv", preview=True)
        assert not jobs and "would overwrite f/" in problems[0]
    assert not plan.plan_films(["f/%d.jpg"], "f/3.jpg", (), ".mkv", preview=True)[1]


def test_a_preview_never_overwrites_the_reference_of_the_film(capsys):
    pytest.importorskip("av")
    color_photo("ref.jpg")
    before = contents()
    arguments = ["film", "movie.mp4", "--preview", "2", "--reference", "ref.jpg", "-o", "ref.jpg", "--overwrite"]
    assert main.main(arguments) == 1
    assert "would overwrite ref.jpg" in capsys.readouterr().err
    assert contents() == before


@pytest.mark.parametrize("command", [["a.jpg"], ["film", "a.mp4"], ["cluster", ".", "out"]])
@pytest.mark.parametrize(
    "name, reason",
    [
        ("a.jpg", "is not a look"),
        ("a.mp4", "is not a look"),
        ("notes.json", "is not a look"),
        ("a.hints.json", "has hints, which would be lost"),
    ],
)
def test_a_look_replaces_only_a_look(capsys, command, name, reason):
    if command[0] == "film":
        pytest.importorskip("av")
    small_photos.photo("a.jpg", "a.mp4")
    pathlib.Path("notes.json").write_text("[]")
    wishes = {"version": 1, "hints": [{"x": 1, "y": 1, "color": "red"}], "look": {"warmth": 0.5}}
    pathlib.Path("a.hints.json").write_text(json.dumps(wishes))
    before = contents()
    assert main.main([*command, "--warmth", "0.2", "--save-look", name]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{name}: " in line and reason in line
    assert contents() == before


def test_an_older_look_and_an_empty_file_are_replaced():
    small_photos.photo("a.jpg")
    pathlib.Path("empty").touch()
    pathlib.Path("look.json").write_text('{"version": 1, "hints": [], "look": {"warmth": 0.9}}')
    for name in ("empty", "look.json"):
        arguments = ["a.jpg", "--warmth", "0.2", "--save-look", name, "--model", MODEL, "--overwrite"]
        assert main.main(arguments) == 0
        assert json.loads(pathlib.Path(name).read_text())["look"] == {"warmth": 0.2}


@pytest.mark.parametrize(
    "command, output",
    [("a.jpg", "-"), ("a.jpg", ".jpg"), ("a.jpg", "out/.PNG"), ("film a.mp4", "-"), ("film a.mp4", ".mkv"), ("-", "-")],
)
def test_an_output_without_a_name_makes_no_folder(capsys, command, output):
    if command.startswith("film"):
        pytest.importorskip("av")
    small_photos.photo("a.jpg", "a.mp4")
    assert main.main([*command.split(), "-o", output]) in (1, 2)
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{output}: " in line and "give a folder or a file" in line
    assert sorted(os.listdir()) == ["a.jpg", "a.mp4"]


def test_hints_behind_a_broken_link_are_reported_and_other_photos_colorized(capsys):
    small_photos.photo("d/a.jpg", "d/b.jpg")
    os.symlink("moved.json", "d/a.hints.json")
    os.mkdir("d/b.hints.json")
    assert main.main(["d", "-o", "out", "--model", MODEL]) == 1
    assert os.listdir("out") == ["b.jpg"]
    assert "tf-colorize: d/a.hints.json: No such file or directory" in capsys.readouterr().err


def test_any_exception_of_a_film_is_its_reason_and_the_others_are_colorized(monkeypatch, capsys):
    pytest.importorskip("av")
    seen = []

    def color(colorizer, model, job, options):
        seen.append(job.source.name)
        if job.source.name == "a.mp4":
            raise OverflowError("too large\nto convert")
        if job.source.name == "b.mp4":
            raise FileNotFoundError(2, "No such file or directory", "b.mp4")

    monkeypatch.setattr(film_command, "_color", color)
    assert main.main(["film", "a.mp4", "b.mp4", "c.mp4", "--model", MODEL]) == 1
    assert seen == ["a.mp4", "b.mp4", "c.mp4"]
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("tf-colorize film: a.mp4: too large")
    assert second == "tf-colorize film: b.mp4: No such file or directory"
