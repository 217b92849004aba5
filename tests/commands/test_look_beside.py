"""The vividness and warmth that a hints file holds for its photo, as the page writes them."""

import json

import numpy as np
import pytest
import skimage
from PIL import Image

from tf_colorize import Colorizer, Look, hints
from tf_colorize.commands import main

GRAY = skimage.data.camera()[100:160, 50:130]


def write(name, **content):
    with open(name, "w", encoding="utf-8") as file:
        json.dump({"version": 1, "hints": [], **content}, file)


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize(
    "look, options, expected, said",
    [
        ({"vividness": 1.6, "warmth": -0.5}, [], Look(1.6, -0.5), "vividness 1.6, warmth -0.5"),
        ({"vividness": 0}, [], Look(0.0), "vividness 0"),
        ({"vividness": 1.6, "warmth": -0.5}, ["--vividness", "1"], Look(1.0, -0.5), "warmth -0.5"),
        ({"warmth": None, "grain": 3, "vividness": 0.5}, ["--warmth", "0.25"], Look(0.5, 0.25), "vividness 0.5"),
        (None, ["--warmth", "0.25"], Look(1.0, 0.25), "0 hints"),
    ],
)
def test_a_photo_looks_as_its_file_and_the_options_say(pair, model, capsys, look, options, expected, said):
    write("a.hints.json", look=look)
    assert main.main([".", "-o", "out", *options, "--model", model]) == 0
    assert f"; {said} from a.hints.json\n" in capsys.readouterr().out
    colorizer = Colorizer.load(model)
    np.testing.assert_array_equal(pixels("out/a.png"), colorizer(GRAY, look=expected))
    asked = Look(**{name.removeprefix("--"): float(value) for name, value in zip(options[::2], options[1::2])})
    np.testing.assert_array_equal(pixels("out/b.png"), colorizer(GRAY, look=asked))


def test_a_pipe_takes_the_look_of_a_file(pair, model, monkeypatch):
    write("wishes.json", look={"warmth": 1})
    with open("a.png", "rb") as file:
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": file}))
        assert main.main(["-", "-o", "x.png", "--hints", "wishes.json", "--model", model]) == 0
    np.testing.assert_array_equal(pixels("x.png"), Colorizer.load(model)(GRAY, look=Look(warmth=1.0)))


@pytest.mark.parametrize(
    "look, complaint",
    [
        ({"vividness": 2.5}, "--vividness must be in [0, 2]. Received: --vividness 2.5."),
        ({"warmth": "warm"}, 'warmth "warm": must be a number'),
        ({"warmth": True}, "warmth true: must be a number"),
        ({"vividness": float("nan")}, "vividness NaN: must be a number"),
        ({"vividness": 10**400}, "vividness 1000"),
        ([1.2], 'look [1.2]: must be like {"vividness": 1.2, "warmth": -0.3}'),
    ],
)
def test_an_invalid_look_fails_only_its_photo(pair, model, capsys, look, complaint):
    write("a.hints.json", look=look)
    assert main.main(["a.png", "b.png", "-o", "out/", "--model", model]) == 1
    assert [path.name for path in (pair / "out").iterdir()] == ["b.png"]
    assert f"\ntf-colorize: a.hints.json: {complaint}" in capsys.readouterr().err


def test_a_number_of_any_length_is_out_of_range():
    with pytest.raises(ValueError, match="must be in"):
        Look(vividness=10**400)


def test_a_film_has_the_look_of_its_file(pair):
    write("film.hints.json", look={"warmth": 0.5}, hints=[{"x": 1, "y": 2, "color": "red"}])
    assert hints.read_with_look("film.hints.json")[1] == {"warmth": 0.5}
    assert len(hints.read("film.hints.json")) == 1
