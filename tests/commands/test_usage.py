"""Command lines with mistakes, and the messages about them."""

import os
import pathlib

import numpy as np
import pytest
import skimage
from PIL import Image

from tf_colorize import hints
from tf_colorize.commands import main, streams, tree

FILMS = "the suffix must be one of .mp4, .m4v, .mov, .mkv, .webm; for a folder, end the name with /"
GRAY = skimage.data.camera()[100:160, 50:130]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tf_colorize.inference.runtimes.default_model", lambda: pathlib.Path(model))
    Image.fromarray(GRAY).save("photo.jpg", quality=95)


def chroma(path):
    with Image.open(path) as image:
        return np.ptp(np.asarray(image.convert("RGB")).astype(int), axis=-1).mean()


def test_a_single_photo_is_done_again_with_other_options(capsys):
    assert main.main(["photo.jpg"]) == 0
    first = chroma("photo.color.jpg")
    assert main.main(["photo.jpg"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "photo.color.jpg exists; --overwrite replaces it"
    assert main.main(["photo.jpg", "--vividness", "0.3"]) == 0
    assert chroma("photo.color.jpg") < 0.5 * first
    assert main.main(["photo.jpg", "--vividness", "0.3", "--dry-run"]) == 0
    assert "photo.jpg -> photo.color.jpg" in capsys.readouterr().out


def test_new_hints_beside_a_photo_are_other_options(capsys):
    assert main.main(["photo.jpg"]) == 0
    hints.write([(20, 30, "red")], "photo.hints.json")
    os.utime("photo.hints.json", (2**31, 2**31))
    assert main.main(["photo.jpg"]) == 1  # the small model takes no hints, so they were read
    assert "the model takes no hints" in capsys.readouterr().err


def test_missing_hints_are_reported_in_one_line_although_a_result_exists(capsys):
    assert main.main(["photo.jpg"]) == 0
    before = pathlib.Path("photo.color.jpg").read_bytes()
    assert main.main(["photo.jpg", "--hints", "nowhere.json"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "tf-colorize: nowhere.json: No such file or directory"
    assert pathlib.Path("photo.color.jpg").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "made"),
    [
        (["."], "photo.color.jpg"),
        (["photo.jpg", "-o", "out"], "out/photo.jpg"),
        (["*.jpg"], "photo.color.jpg"),
        (["photo.jpg", "other.jpg"], "photo.color.jpg"),
        (["one"], "one/photo.color.jpg"),
        (["one/p*.jpg"], "one/photo.color.jpg"),
    ],
)
def test_files_that_may_be_the_users_own_are_not_replaced(arguments, made):
    pathlib.Path("one").mkdir()
    for name in ("other.jpg", "one/photo.jpg"):
        Image.fromarray(GRAY).save(name)
    assert main.main(arguments) == 0
    before = pathlib.Path(made).read_bytes()
    assert main.main([*arguments, "--vividness", "0.3"]) == 0
    assert pathlib.Path(made).read_bytes() == before


@pytest.mark.parametrize("other", ["mine/original.jpg", "mine.jpg", "other.color.jpg"])
def test_a_file_behind_a_link_is_not_the_tools_own(other, capsys):
    pathlib.Path("mine").mkdir()
    Image.fromarray(GRAY).save(other)
    os.symlink(other, "photo.color.jpg")
    before = pathlib.Path(other).read_bytes()
    for photo in ("photo.jpg", os.path.abspath("photo.jpg")):
        assert main.main([photo, "--vividness", "0.3"]) == 0
        assert f"{other} exists; --overwrite replaces it" in capsys.readouterr().out
    assert pathlib.Path(other).read_bytes() == before
    assert main.main(["photo.jpg", "--overwrite"]) == 0
    assert pathlib.Path(other).read_bytes() != before and os.path.islink("photo.color.jpg")


@pytest.mark.parametrize("result", ["photo.color.jpg", "photo.compare.jpg", "photo.variants.jpg", "photo.color.png"])
def test_a_result_beside_its_photo_is_not_passed_over_in_silence(result, capsys):
    Image.fromarray(GRAY).save(result)
    assert main.main([result]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"tf-colorize: {result}: its name says that it is already colorized; give its photo, photo.jpg, or rename it"
    )
    assert main.main([f"*{result[5:]}"]) == 1
    assert "only earlier results" in capsys.readouterr().err
    assert main.main([result, "photo.jpg", "-o", "out"]) == 0
    assert capsys.readouterr().err == "" and os.listdir("out") == ["photo.jpg"]


def test_hints_given_as_a_photo_name_the_photo(capsys):
    hints.write([], "photo.hints.json")
    assert main.main(["photo.hints.json"]) == 1
    assert capsys.readouterr().err.endswith("its name says that it holds hints; give its photo, photo.jpg\n")


@pytest.mark.parametrize("film", ["movie.mp4", "MOVIE.MKV", "reel.avi"])
def test_a_film_names_the_command_for_films(film, capsys):
    pathlib.Path(film).touch()
    assert main.main([film, "photo.jpg"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"tf-colorize: {film}: is a film, not a photo; `tf-colorize film` colors films"
    assert os.path.exists("photo.color.jpg")


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["photo.jpg", "-o", "out.txt"], 2, "out.txt: the suffix must be one of .jpg"),
        (["photo.jpg", "-o", "https://host/x.jpg"], 2, "is an address, not a file"),
        (["https://host/photo.jpg"], 1, "https://host/photo.jpg: is an address, not a file; download the file"),
        (["file:///photo.jpg"], 1, "is an address"),
        (["s3://bucket/scans"], 1, "`tf-colorize cluster` reads and writes buckets"),
        (["film", "https://host/movie.mp4"], 1, "is an address"),
        (["film", "movie.avi", "-o", "out.txt"], 1, f"out.txt: {FILMS}"),
        (["film", "movie.avi", "-o", "out.avi"], 1, f"out.avi: {FILMS}"),
        (["flim"], 1, "flim: no such file or folder; did you mean tf-colorize film?"),
        (["server"], 1, "server: no such file or folder; did you mean tf-colorize serve?"),
    ],
)
def test_ambiguous_arguments_are_reported_in_one_line_and_nothing_is_written(arguments, code, complaint, capsys):
    assert main.main(arguments) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tf-colorize") and complaint in line
    assert os.listdir() == ["photo.jpg"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ["photo.jpg", "--vivid", "1.4"],
            "tf-colorize: unrecognized arguments: --vivid 1.4; did you mean --vividness?",
        ),
        (["photo.jpg", "--overwrit"], "did you mean --overwrite?"),
        (["photo.jpg", "--vividness", "3"], "argument --vividness: must be 0 to 2, not 3"),
        (["photo.jpg", "--vividness", "x"], "argument --vividness: invalid number value: 'x'"),
        ([], "the following arguments are required: PHOTO"),
        (["film", "movie.mp4", "--steady", "1"], "tf-colorize film: unrecognized arguments: --steady 1; did you mean"),
        (["cluster", "in", "out", "--worker", "2"], "did you mean --workers?"),
        (["demo", "--por", "80"], "did you mean --port?"),
        (["cluster", "in", "out", "--warmth", "2"], "argument --warmth: must be -1 to 1, not 2"),
        (["film", "movie.mp4", "--warmth", "2"], "argument --warmth: must be -1 to 1, not 2"),
        (["film", "movie.mp4", "--steadiness", "2"], "argument --steadiness: must be 0 to 1, not 2"),
        (["film", "movie.mp4", "--preview", "0"], "argument --preview: must be 1 to 100, not 0"),
    ],
)
def test_wrong_usage_is_reported_in_a_line_that_names_the_help(arguments, complaint, capsys):
    with pytest.raises(SystemExit) as stop:
        main.main(arguments)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert complaint in line and line.endswith(" --help lists all options)")


def test_help_lists_the_commands_and_each_answers(capsys):
    with pytest.raises(SystemExit):
        main.main(["--help"])
    listed = capsys.readouterr().out
    for name, purpose in tree.COMMANDS.items():
        assert any(line.split() == ["tf-colorize", name, *purpose.split()] for line in listed.splitlines())
        with pytest.raises(SystemExit) as stop:
            main.main([name, "--help"])
        assert stop.value.code == 0 and capsys.readouterr().out.startswith(f"usage: tf-colorize {name} ")
        with pytest.raises(SystemExit) as stop:
            main.main([name, "--hel"])
        assert stop.value.code == 2 and capsys.readouterr().err.startswith(f"tf-colorize {name}: ")


def test_a_folder_of_films_names_the_command_for_films(capsys):
    pathlib.Path("reels").mkdir()
    pathlib.Path("reels", "a.mp4").touch()
    assert main.main(["reels"]) == 1
    assert "reels: no pictures in it, but films; `tf-colorize film` colors films" in capsys.readouterr().err


def test_a_folder_in_place_of_a_result_is_reported_in_one_line(capsys):
    pathlib.Path("photo.color.jpg").mkdir()
    assert main.main(["photo.jpg", "--overwrite"]) == 1
    assert capsys.readouterr().err == "tf-colorize: photo.jpg: photo.color.jpg, its result, is a folder; rename it\n"


@pytest.mark.parametrize("output", ["out", "out/", "."])
def test_a_pipe_needs_a_file(output, capsys):
    assert main.main(["-", "-o", output]) == 2
    assert "must be a file for a pipe" in capsys.readouterr().err


def test_a_stopped_command_says_so_in_one_line(capsys):
    @streams.usable
    def command():
        raise KeyboardInterrupt

    assert command() == 130
    assert capsys.readouterr().err == "stopped\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows does not remove a folder that is in use")
def test_a_removed_current_folder_is_reported_in_one_line(tmp_path, monkeypatch, capsys):
    photo = tmp_path / "photo.png"
    Image.new("L", (9, 9)).save(photo)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert main.main([str(photo), "-o", "colored"]) == 1
    assert capsys.readouterr().err == "tf-colorize: the current folder no longer exists; change to another one\n"


def test_a_misspelled_command_colorizes_nothing(here, capsys):
    for name in ("in/a.jpg", "out/b.jpg"):
        pathlib.Path(name).parent.mkdir()
        Image.fromarray(GRAY).save(name)
    assert main.main(["clutser", "in", "out"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "tf-colorize: clutser: no such file or folder; did you mean tf-colorize cluster?"
    assert os.listdir("in") == ["a.jpg"] and os.listdir("out") == ["b.jpg"]
