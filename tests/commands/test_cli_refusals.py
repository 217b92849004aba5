"""What `tf-colorize` refuses or cannot do: a line each, and nothing is lost."""

import os
import pathlib

import command_line
import pytest
import tiny_models
from PIL import Image

from tf_colorize.commands import main
from tf_colorize.photos import files


def test_failures_are_listed_and_the_others_are_done(album, model, capsys):
    (album / "broken.jpg").write_bytes((album / "a.jpg").read_bytes()[:-700])
    (album / "empty.png").touch()
    (album / "text.gif").write_text("hello")
    assert main.main([str(album), "nowhere.jpg", "-o", "out", "--model", model]) == 1
    said = capsys.readouterr()
    assert command_line.tree("out") == ["album/a.jpg", "album/deep/er/b.PNG"]
    lines = said.err.splitlines()
    assert lines[:2] == ["tf-colorize: nowhere.jpg: no such file or folder", "tf-colorize: 3 photos failed:"]
    broken, *others = sorted(lines[2:])
    assert broken.startswith(f"tf-colorize: {album / 'broken.jpg'}: image file is truncated")
    assert others == [
        f"tf-colorize: {album / 'empty.png'}: the file is empty",
        f"tf-colorize: {album / 'text.gif'}: not a picture in a readable format",
    ]
    assert main.main([str(album / "broken.jpg"), "-o", "out", "--allow-truncated", "--model", model]) == 0
    assert "truncated, read as far as it goes" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["album/none"], "album/none: no such file or folder"),
        (["bare"], "bare: no pictures in it (.jpg, .jpeg"),
        (["album/a.jpg", "--max-pixels", "4799"], "album/a.jpg: 80 x 60 pixels are over the limit of 4,799"),
        (["album/a.jpg", "--model", "album/a.jpg"], "--model must be a .tflite, .onnx or .keras file"),
        (["album/a.jpg", "--model", "cut.tflite"], "cut.tflite: "),
        (["album/a.jpg", "-o", "album"], "album/a.jpg: would be overwritten; choose another folder for the results"),
        (["album/a.jpg", "-o", "album/a.jpg"], "album/a.jpg: would be overwritten"),
        (["album/a.jpg", "-o", "album/a.jpg/x"], "album/a.jpg: is a file, not a folder"),
        (["album", "-o", "x.jpg"], "x.jpg: must be a folder for 2 pictures"),
        (["album/a.jpg", "album/deep/er/b.PNG", "same/a.png", "--format", "webp", "-o", "o"], "already the result of"),
    ],
)
def test_errors_are_reported_in_one_line_with_exit_code_1(album, model, capsys, arguments, complaint):
    pathlib.Path("bare").mkdir()
    pathlib.Path("same").mkdir()
    Image.new("L", (9, 9)).save("same/a.png")
    pathlib.Path("cut.tflite").write_bytes(pathlib.Path(model).read_bytes()[:-100])
    before = {path: pathlib.Path(path).read_bytes() for path in command_line.tree(".")}
    arguments = arguments if "--model" in arguments else [*arguments, "--model", model]
    assert main.main(arguments) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("tf-colorize: ") and complaint in lines[0]
    after = {path: pathlib.Path(path).read_bytes() for path in command_line.tree(".")}
    assert {path: after[path] for path in before} == before
    assert not [path for path in after if path.endswith(".part")]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a.jpg", "--vividness", "3"],
        ["a.jpg", "--vividness", "nan"],
        ["a.jpg", "--quality", "0"],
        ["a.jpg", "--jobs", "0"],
        ["a.jpg", "--format", "bpg"],
        ["a.jpg", "--color"],
        ["a.jpg", "-"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(arguments):
    result = command_line.command(*arguments)
    assert result.returncode == 2 and result.stdout == b""
    assert b"Traceback" not in result.stderr


def test_without_a_model_the_error_says_how_to_get_one(album, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("tf_colorize.__file__", str(tmp_path / "tf_colorize" / "__init__.py"))
    assert main.main([str(album / "a.jpg")]) == 1
    assert "no model: " in capsys.readouterr().err
    (tmp_path / "saved_models").mkdir()
    (tmp_path / "saved_models" / "colorizer.tflite").write_bytes(tiny_models.tflite_bytes())
    assert main.main([str(album / "a.jpg")]) == 0


def test_equal_names_in_the_folders_of_a_pattern_do_not_collide(album, model, capsys):
    for year in ("1950", "1951"):
        (album / year).mkdir()
        (album / "a.jpg").rename(album / year / "001.jpg") if year == "1950" else None
    (album / "1951" / "001.jpg").write_bytes((album / "1950" / "001.jpg").read_bytes())
    assert main.main(["album/*/*.jpg", "-o", "out", "--model", model]) == 0
    assert command_line.tree("out") == ["1950/001.jpg", "1951/001.jpg"]
    names = ["album/1950/001.jpg", "album/1951/001.jpg"]
    assert main.main([*names, "-o", "flat", "--model", model]) == 1
    assert "001.jpg is already the result of album/1950/001.jpg" in capsys.readouterr().err


def test_a_pipe_overwrites_only_with_overwrite(album, model):
    data = (album / "a.jpg").read_bytes()
    pathlib.Path("keep.png").write_bytes(b"precious")
    result = command_line.command("-", "--model", model, "-o", "keep.png", input=data)
    assert (result.returncode, pathlib.Path("keep.png").read_bytes()) == (1, b"precious")
    assert result.stderr == b"tf-colorize: keep.png exists; --overwrite replaces it\n"
    assert command_line.command("-", "--model", model, "-o", "keep.png", "--overwrite", input=data).returncode == 0
    assert files.read("keep.png").format == "PNG"


@pytest.mark.parametrize("source", ["-", "album/a.jpg"])
def test_a_suffix_and_a_format_that_disagree_are_wrong_usage(album, model, source):
    data = (album / "a.jpg").read_bytes()
    result = command_line.command(source, "--model", model, "-o", "x.png", "--format", "jpg", "--overwrite", input=data)
    assert (result.returncode, os.path.exists("x.png")) == (2, False)
    assert result.stderr == b"tf-colorize: -o x.png and --format jpg disagree; give one of them\n"
    agreeing = ("-o", "x.jpeg", "--format", "jpg")
    assert command_line.command(source, "--model", model, *agreeing, input=data).returncode == 0
