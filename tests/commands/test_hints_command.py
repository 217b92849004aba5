"""Hints on the command line: options, files beside photos, and messages about hints that cannot be used."""

import json
import pathlib

import exports
import numpy as np
import pytest
import skimage
import tiny_models
from PIL import Image

from tf_colorize import Colorizer, hints
from tf_colorize.commands import main

GRAY = skimage.data.camera()[100:160, 50:130]
BROWN = (20, 30, "#7a4b2c")


@pytest.fixture(scope="module")
def model():
    return str(exports.far_reaching_hints())


@pytest.fixture(scope="module")
def colorizer(model):
    return Colorizer.load(model)


@pytest.fixture
def album(tmp_path, monkeypatch):
    """A folder of three gray photos; the current directory is beside it."""
    folder = tmp_path / "album"
    folder.mkdir()
    for name in "abc":
        Image.fromarray(GRAY).save(folder / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    return folder


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_options_color_a_photo(album, model, colorizer):
    assert main.main(["album/a.png", "--hint", "20,30=#7a4b2c", "--hint", "75%,50%=navy", "--model", model]) == 0
    expected = colorizer(GRAY, hints=[BROWN, ("75%", "50%", "navy")])
    np.testing.assert_array_equal(pixels("album/a.color.png"), expected)
    assert (expected != colorizer(GRAY)).any()


def test_a_file_beside_a_photo_is_used_and_reported(album, model, colorizer, capsys):
    hints.write([BROWN, ("75%", "50%", "navy")], album / "a.hints.json")
    assert main.main(["album", "-o", "out", "--model", model]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("out/")]
    assert [line.endswith("; 2 hints from a.hints.json") for line in sorted(lines)] == [True, False, False]
    np.testing.assert_array_equal(pixels("out/a.png"), colorizer(GRAY, hints=[BROWN, ("75%", "50%", "navy")]))
    np.testing.assert_array_equal(pixels("out/b.png"), colorizer(GRAY))


def test_a_named_file_takes_its_place_and_options_add_to_both(album, model, colorizer, capsys):
    hints.write([("75%", "50%", "navy")], album / "a.hints.json")
    hints.write([BROWN], "other.json")
    assert main.main(["album/a.png", "--hints", "other.json", "--model", model]) == 0
    assert "; 1 hint from other.json" in capsys.readouterr().out
    np.testing.assert_array_equal(pixels("album/a.color.png"), colorizer(GRAY, hints=[BROWN]))
    assert main.main(["album/a.png", "--hint", "20,30=#7a4b2c", "--overwrite", "--model", model]) == 0
    expected = colorizer(GRAY, hints=[("75%", "50%", "navy"), BROWN])
    np.testing.assert_array_equal(pixels("album/a.color.png"), expected)


def test_a_pipe_takes_hints(album, model, colorizer, monkeypatch):
    with open(album / "a.png", "rb") as file:
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": file}))
        assert main.main(["-", "-o", "x.png", "--hint", "20,30=#7a4b2c", "--model", model]) == 0
    np.testing.assert_array_equal(pixels("x.png"), colorizer(GRAY, hints=[BROWN]))


def test_a_shell_may_name_the_hints_file_among_the_photos(album, model, capsys):
    hints.write([BROWN], album / "a.hints.json")
    names = sorted(map(str, pathlib.Path("album").iterdir()))
    assert main.main([*names, "-o", "out", "--model", model]) == 0
    assert main.main(["album/a*", "-o", "out2", "--model", model]) == 0
    assert [path.name for path in pathlib.Path("out2").iterdir()] == ["a.png"]
    (album / "a.png").unlink()
    assert main.main(["album/a.hints.json", "--model", model]) == 1
    assert capsys.readouterr().err == (
        "tf-colorize: album/a.hints.json: its name says that it holds hints; give its photo\n"
    )


def test_a_dry_run_names_the_file(album, capsys):
    hints.write([BROWN], album / "a.hints.json")
    assert main.main(["album/a.png", "album/b.png", "-o", "out", "--dry-run"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == ["album/a.png with a.hints.json -> out/a.png", "album/b.png -> out/b.png"]


def test_unusable_hints_fail_only_their_photo(album, model, capsys):
    content = {"version": 1, "hints": [{"x": 80, "y": 3, "color": "red"}]}
    (album / "a.hints.json").write_text(json.dumps(content))
    (album / "b.hints.json").write_text(json.dumps({**content, "version": 2}))
    assert main.main(["album", "-o", "out", "--model", model]) == 1
    assert [path.name for path in pathlib.Path("out").iterdir()] == ["c.png"]
    first, *others = capsys.readouterr().err.splitlines()
    assert first == "tf-colorize: 2 photos failed:"
    assert sorted(others) == [
        f"tf-colorize: {album.name}/a.png: hint at 80,3: must be inside the photo, which has 80 x 60 pixels "
        "(x from the left, y from the top, numbers of pixels or percent)",
        f"tf-colorize: {album.name}/b.hints.json: has version 2; this version of tf-colorize reads 1",
    ]


def test_a_model_without_hints_is_reported_and_the_others_are_colorized(album, tmp_path, capsys):
    plain = str(tiny_models.write_tflite(tmp_path))
    hints.write([BROWN], album / "a.hints.json")
    assert main.main(["album", "-o", "out", "--model", plain]) == 1
    assert sorted(path.name for path in pathlib.Path("out").iterdir()) == ["b.png", "c.png"]
    fix = "album/a.png: the model takes no hints; choose another model, or rename a.hints.json"
    assert capsys.readouterr().err.splitlines()[1:] == [f"tf-colorize: {fix}"]
    assert main.main(["album/b.png", "--hint", "3,4=red", "--model", plain]) == 1
    assert capsys.readouterr().err == ("tf-colorize: album/b.png: the model takes no hints; choose another model\n")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["album/a.png", "--hint", "80,3=red"], 1, "album/a.png: hint at 80,3: must be inside the photo"),
        (["album/a.png", *["--hint", "1,1=red"] * 501], 1, "must be at most 500. Received: 501 hints"),
        (["album/a.png", "--hints", "nowhere.json"], 1, "nowhere.json: No such file or directory"),
        (["album/a.png", "--hints", "many.json"], 1, "many.json: the hints must be at most 500. Received: 10000 hints"),
        (["album", "--hint", "3,4=red"], 2, "--hint and --hints are for one photo, not 3"),
        (["album/a.png", "album/b.png", "--hints", "x.json"], 2, "--hint and --hints are for one photo, not 2"),
    ],
)
def test_bad_hints_are_reported_in_one_line_and_nothing_is_written(album, model, capsys, arguments, code, message):
    many = {"version": 1, "hints": [{"x": 1, "y": 1, "color": "red"}] * 10_000}
    pathlib.Path("many.json").write_text(json.dumps(many))
    assert main.main([*arguments, "--model", model]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tf-colorize: ") and message in line
    assert sorted(path.name for path in album.iterdir()) == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize("hint", ["nonsense", "3,4=blurple", "x,4=red"])
def test_malformed_hints_are_wrong_usage(hint, capsys):
    with pytest.raises(SystemExit) as stop:
        main.main(["a.png", "--hint", hint])
    assert stop.value.code == 2
    assert "argument --hint: hint" in capsys.readouterr().err
