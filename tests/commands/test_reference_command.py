"""`--reference` as people use it: photos, folders, looks in files, and what goes wrong before the work starts."""

import argparse
import json
import pickle
import shutil

import numpy as np
import pytest
import skimage
import tiny_models
from PIL import Image

from tf_colorize import Colorizer, Look, look_files
from tf_colorize.albums import work
from tf_colorize.commands import look_options, main

COFFEE = np.ascontiguousarray(skimage.data.coffee()[40:360, 100:420])


@pytest.fixture
def album(tmp_path, monkeypatch):
    """Two gray photos and a color photo that one of them is a part of."""
    for name, rgb in (("a", COFFEE[:256, :256]), ("b", skimage.data.chelsea()[:256, 60:316])):
        Image.fromarray(rgb).convert("L").save(tmp_path / f"{name}.png")
    Image.fromarray(COFFEE[64:, 61:317]).save(tmp_path / "color.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_photos_take_on_the_colors_of_a_reference(album):
    arguments = ["a.png", "b.png", "-o", "out/", "--reference", "color.png", "--vividness", "1.2"]
    assert main.main([*arguments, "--save-look", "look.json"]) == 0
    look = Look(vividness=1.2, reference=(look_files.open_reference("color.png"),))
    colorizer = Colorizer.load(threads=1)
    for name in ("a.png", "b.png"):
        np.testing.assert_array_equal(pixels(f"out/{name}"), colorizer(pixels(name), look=look))
    assert (pixels("out/a.png") != colorizer(pixels("a.png"), look=Look(vividness=1.2))).any()
    assert json.loads((album / "look.json").read_text())["look"]["reference"] == ["color.png"]
    assert main.main(["a.png", "-o", "again/", "--look", "look.json"]) == 0
    np.testing.assert_array_equal(pixels("again/a.png"), pixels("out/a.png"))


def test_a_reference_in_a_hints_file_counts_for_its_photo(album, capsys):
    content = {"version": 1, "hints": [], "look": {"reference": "color.png"}}
    (album / "a.hints.json").write_text(json.dumps(content))
    assert main.main(["a.png"]) == 0
    assert "a reference from a.hints.json" in capsys.readouterr().out
    look = Look(reference=(look_files.open_reference("color.png"),))
    np.testing.assert_array_equal(pixels("a.color.png"), Colorizer.load(threads=1)(pixels("a.png"), look=look))


def spoiled(album, kind):
    if kind == "gray":
        return "a.png"
    if kind == "sepia":
        tone = np.linspace(0, 255, 64).astype(np.uint8)[:, np.newaxis].repeat(64, axis=1)
        Image.fromarray(np.stack([tone, tone * 0.9, tone * 0.7], axis=-1).astype(np.uint8)).save("sepia.png")
        return "sepia.png"
    if kind == "huge":
        Image.new("1", (20_000, 20_000)).save("huge.png")  # a bit for each pixel is written fast
        return "huge.png"
    if kind == "broken":
        (album / "broken.png").write_bytes((album / "color.png").read_bytes()[:5000])
        return "broken.png"
    return {"missing": "missing.jpg", "folder": ".", "empty": ""}[kind]


@pytest.mark.parametrize(
    "kind, reason",
    [
        ("gray", "is gray or has a single tone; a reference must have color"),
        ("sepia", "is gray or has a single tone; a reference must have color"),
        ("huge", "400000000 pixels"),
        ("broken", "truncated"),
        ("missing", "No such file or directory"),
        ("folder", "Is a directory"),
        ("empty", ""),
    ],
)
@pytest.mark.parametrize("command", [["a.png"], ["cluster", ".", "out"], ["film", "x.mp4"]])
def test_a_bad_reference_is_reported_in_one_line_before_the_work_starts(album, capsys, command, kind, reason):
    name = spoiled(album, kind)
    with pytest.raises(SystemExit, match="2"):
        main.main([*command, "--reference", name])
    error = capsys.readouterr().err
    assert f": argument --reference: {name}" in error and reason in error and error.count("\n") == 1
    assert not (album / "a.color.png").exists() and not (album / "out").exists()


def test_a_model_without_hints_says_so(album, capsys, tmp_path):
    model = tiny_models.write_tflite(tmp_path)
    assert main.main(["a.png", "--reference", "color.png", "--model", str(model)]) == 1
    assert capsys.readouterr().err == (
        "tf-colorize: a.png: the model takes no hints, so no reference either; choose another model\n"
    )


def test_a_photo_colored_by_hand_is_not_replaced_when_it_is_the_reference(album):
    Image.fromarray(COFFEE[:256, :256]).save("a.color.png")
    before = (album / "a.color.png").read_bytes()
    assert main.main([".", "--reference", "a.color.png", "--overwrite"]) == 0
    assert (album / "a.color.png").read_bytes() == before and (album / "b.color.png").exists()
    assert main.main(["b.png", "-o", "a.color.png", "--reference", "a.color.png", "--overwrite"]) == 1
    assert (album / "a.color.png").read_bytes() == before


def test_a_file_name_may_contain_what_looks_like_a_time(album, capsys):
    parser = argparse.ArgumentParser()
    look_options.add_to(parser)
    for name in ("me@home.png", "color@5"):
        shutil.copy("color.png", name)
    given = ["color.png", "color.png@1:02.5", "me@home.png", "me@home.png@7", "color@5"]
    options = parser.parse_args([part for name in given for part in ("--reference", name)])
    assert [(one.name, one.time) for one in look_options.asked(options)["reference"]] == [
        *(("color.png", None), ("color.png", 62.5), ("me@home.png", None), ("me@home.png", 7.0), ("color@5", None))
    ]
    for wrong, reason in (("not@there.png", "not@there.png: No such file"), ("color.png@x", "M:SS or H:MM:SS, not x")):
        with pytest.raises(SystemExit, match="2"):
            parser.parse_args(["--reference", wrong])
        assert reason in capsys.readouterr().err


def test_other_machines_get_the_reference_itself(album):
    options = work.Options(adjustments={"reference": (look_files.open_reference("color.png"),)})
    assert pickle.loads(pickle.dumps(options)) == options


def test_an_outcome_says_why_a_reference_cannot_be_used(album):
    options = work.Options(adjustments={"reference": (look_files.open_reference("color.png"),)})
    plain = Colorizer(lambda lightness: np.zeros((*lightness.shape[:-1], 2), np.float32), 16)
    outcome = work.colorize_file(plain, work.Job(album / "a.png", album / "x.png"), options)
    assert "takes no hints, so no reference either" in outcome.reason
