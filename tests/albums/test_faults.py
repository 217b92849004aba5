"""Inputs that users reported: none of their files is lost, and one photo never ends a run."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import small_photos
import tiny_models
from PIL import Image

from tf_colorize import hints
from tf_colorize.albums import work
from tf_colorize.commands import film as film_command
from tf_colorize.commands import main
from tf_colorize.photos import find

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(tiny_models.write_tflite(tmp_path_factory.mktemp("model")))


def tree():
    return sorted(str(path) for path in pathlib.Path().rglob("*") if path.is_file())


@pytest.mark.parametrize("names", [["d/a.jpg", "d/a.tif"], ["d"], ["d/*"]])
def test_overwrite_never_overwrites_a_photo(model, capsys, names):
    small_photos.photo("d/a.jpg")
    small_photos.photo("d/a.tif", image_format="TIFF")
    before = {name: pathlib.Path(name).read_bytes() for name in tree()}
    assert main.main([*names, "-o", "d", "--format", "jpg", "--overwrite", "--model", model]) == 1
    assert {name: pathlib.Path(name).read_bytes() for name in tree()} == before
    assert "would overwrite d/a.jpg" in capsys.readouterr().err


def test_every_error_is_reported_in_one_line():
    assert work.reason_of(OverflowError("int too large\nto convert")) == "int too large (OverflowError)"
    assert work.reason_of(MemoryError()) == "not enough memory"
    assert work.reason_of(OSError(28, "No space left on device", "/tmp/x")) == "/tmp/x: No space left on device"
    assert work.reason_of(OSError(28, "No space left on device")) == "No space left on device"
    assert work.reason_of(ValueError("x: broken\nsecond line")) == "x: broken"
    assert work.reason_of(RecursionError()) == "RecursionError"


def test_a_tensorflow_error_is_the_reason_for_a_failure():
    tf = pytest.importorskip("tensorflow")
    error = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating\nsecond line")
    assert work.reason_of(error) == "OOM when allocating (ResourceExhaustedError)"

    def colorizer(*_, **__):
        raise error

    small_photos.photo("a.jpg")
    job = work.Job(pathlib.Path("a.jpg"), pathlib.Path("b.jpg"))
    assert work.colorize_file(colorizer, job, work.Options()).reason.startswith("a.jpg: OOM when allocating")


@pytest.mark.parametrize("key", ["size", "x", "time"])
def test_a_number_of_400_digits_in_a_hints_file_fails_only_its_photo(tmp_path, model, capsys, key):
    small_photos.photo("d/a.jpg", "d/b.jpg")
    entry = {"x": 1, "y": 1, "color": "red", key: "HUGE"}
    content = json.dumps({"version": 1, "hints": [entry]}).replace('"HUGE"', "9" * 400)
    pathlib.Path("d/a.hints.json").write_text(content)
    with pytest.raises(ValueError):
        hints.read("d/a.hints.json")
    assert main.main(["d", "-o", "out", "--model", model]) == 1
    assert os.listdir("out") == ["b.jpg"]
    assert "d/a.hints.json: hint" in capsys.readouterr().err


def test_a_long_name_affects_only_its_photo(model, capsys):
    long = "x" * 248 + ".jpg"
    small_photos.photo("d/ok.jpg", f"d/{long}")
    assert main.main(["d", "-o", "out", "--model", model]) == 0
    assert sorted(os.listdir("out")) == ["ok.jpg", long]
    assert main.main(["d", "--model", model]) == 1
    assert sorted(os.listdir("d")) == ["ok.color.jpg", "ok.jpg", long]
    (line,) = capsys.readouterr().err.splitlines()
    assert "too long" in line


POWERS = "-dac_override,-dac_read_search"
AS_NOBODY = ["setpriv", f"--inh-caps={POWERS}", f"--bounding-set={POWERS}", sys.executable, "-m", "tf_colorize"]
needs_root = pytest.mark.skipif(not (shutil.which("setpriv") and os.geteuid() == 0), reason="needs powers to drop")


def keep_others_out(folder, mode=0o700):
    os.chown(folder, 65534, 65534)
    os.chmod(folder, mode)


@needs_root
@pytest.mark.parametrize(
    "command", [["a.jpg", "-o", "theirs/out"], ["film", "a.mp4", "-o", "theirs/out"], ["theirs"], ["theirs/b.jpg"]]
)
def test_a_folder_without_access_is_reported_in_one_line(model, command):
    small_photos.photo("a.jpg", "a.mp4", "theirs/b.jpg")
    keep_others_out("theirs")
    result = subprocess.run([*AS_NOBODY, *command, "--model", model], capture_output=True, text=True)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "theirs" in line and "Permission denied" in line


@needs_root
def test_a_read_only_folder_is_reported_before_the_work_starts_and_existing_results_are_skipped(model):
    small_photos.photo("d/a.jpg", "d/b.jpg", "theirs/a.jpg")
    keep_others_out("theirs", 0o755)
    result = subprocess.run([*AS_NOBODY, "d", "-o", "theirs", "--model", model], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr == "tf-colorize: theirs: cannot be written; choose another folder for the results\n"
    assert result.stdout == "theirs/a.jpg exists; --overwrite replaces it\n"


@needs_root
def test_an_unreadable_folder_is_left_out_and_reported(model):
    small_photos.photo("d/a.jpg", "d/theirs/b.jpg")
    keep_others_out("d/theirs")
    result = subprocess.run([*AS_NOBODY, "d", "-o", "out", "--model", model], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (1, "tf-colorize: d/theirs: Permission denied\n")
    assert os.listdir("out") == ["a.jpg"]


def test_the_result_folder_is_checked_before_the_work_starts(model, capsys, monkeypatch):
    small_photos.photo("d/a.jpg", "d/b.jpg")
    pathlib.Path("notes").write_text("mine")
    monkeypatch.setattr(work, "colorize_file", None)
    assert main.main(["d", "-o", "notes", "--model", model]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "tf-colorize: notes: is a file, not a folder; choose another folder for the results"
    assert pathlib.Path("notes").read_text() == "mine"


@pytest.mark.parametrize("arguments", [["a.jpg", "-o", "link.jpg"], ["a.jpg"], ["a.jpg", "-o", "out"]])
def test_a_link_is_written_through(model, arguments):
    small_photos.photo("a.jpg")
    for folder in ("elsewhere", "out"):
        os.mkdir(folder)
    pathlib.Path("elsewhere/there.jpg").write_text("older")
    for link in ("link.jpg", "a.color.jpg", "out/a.jpg"):
        os.symlink(os.path.abspath("elsewhere/there.jpg"), link)
    assert main.main([*arguments, "--overwrite", "--model", model]) == 0
    assert os.path.islink("link.jpg") and os.path.islink("a.color.jpg") and os.path.islink("out/a.jpg")
    with Image.open("elsewhere/there.jpg") as image:
        assert image.size == small_photos.GRAY.size


def test_a_pipe_writes_through_a_link(model):
    small_photos.photo("a.jpg")
    os.symlink("there.jpg", "link.jpg")
    data = pathlib.Path("a.jpg").read_bytes()
    command = [sys.executable, "-m", "tf_colorize", "-", "-o", "link.jpg", "--model", model]
    subprocess.run(command, input=data, check=True)
    assert os.path.islink("link.jpg") and os.path.isfile("there.jpg")


def test_a_link_never_hides_a_real_folder():
    small_photos.photo("z/deep/x.jpg", "b/y.jpg")
    os.makedirs("a/favorites")
    os.symlink("../../z/deep", "a/favorites/best")
    os.symlink("../b", "a/b")
    os.mkdir("n")
    os.symlink("..", "n/all")
    found = [str(path) for path in find.find_photos(".").photos]
    assert found == ["b/y.jpg", "z/deep/x.jpg"]
    assert [str(path) for path in find.find_photos("a").photos] == ["a/b/y.jpg", "a/favorites/best/x.jpg"]


@pytest.mark.parametrize("mark", ["color", "compare", "variants", "COLOR"])
def test_results_are_never_inputs(mark):
    assert (
        find.is_result(f"x.{mark}.jpg") and find.is_result(f"Reel No. 5.{mark}.png") and find.is_result(f"x.{mark}.mkv")
    )
    assert not find.is_result(f"x{mark}.jpg") and not find.is_result(f"x.{mark}") and not find.is_result(f"{mark}.jpg")


def test_films_with_the_same_result_are_refused_before_the_work_starts(capsys, monkeypatch):
    colored = []
    monkeypatch.setattr(film_command, "_load", lambda options: (None, None))
    monkeypatch.setattr(film_command, "_color", lambda colorizer, model, job, options: colored.append(job.target.name))
    small_photos.photo("a.avi", "a.mpg", "b.mp4")
    for output in ([], ["-o", "out/"]):
        assert film_command.main(["a.avi", "a.mpg", *output, "--overwrite"]) == 1
        assert "a.mpg: " in capsys.readouterr().err
    assert colored == ["a.color.mkv", "a.mkv"]
    assert film_command.main(["b.mp4", "-o", ".", "--overwrite"]) == 1
    assert film_command.main(["a.avi", "a.mpg", "-o", "x.mp4"]) == 1
    assert len(colored) == 2


def test_names_that_are_not_text_are_accepted(model):
    name = os.fsdecode(b"gro\xdf 5")
    small_photos.photo(name + ".png", image_format="PNG")
    os.rename(name + ".png", name)
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    run = [sys.executable, "-m", "tf_colorize", name, "--compare", "--model", model]
    result = subprocess.run(run, capture_output=True, env=environment)
    assert (result.returncode, result.stderr) == (0, b"")
    assert sorted(os.listdir()) == [name, f"{name}.color.jpg", f"{name}.compare.jpg"]
    assert np.asarray(Image.open(f"{name}.color.jpg")).shape == (30, 40, 3)
