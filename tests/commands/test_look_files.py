"""A look that was chosen once, for an album, a film or a server, kept in a file."""

import json

import numpy as np
import pytest
import skimage
from PIL import Image

from tf_colorize import Colorizer, Look, look_files
from tf_colorize.commands import look_options, main, serve

GRAY = skimage.data.camera()[100:160, 50:130]


def write(name, content):
    with open(name, "w", encoding="utf-8") as file:
        file.write(content if isinstance(content, str) else json.dumps(content))


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_saved_look_gives_the_same_results_again(pair, model):
    options = ["--vividness", "1.4", "--warmth", "-0.3", "--save-look", "look.json"]
    assert main.main(["a.png", "b.png", "-o", "today/", *options, "--model", model]) == 0
    assert look_files.read("look.json") == {"vividness": 1.4, "warmth": -0.3}
    assert main.main(["a.png", "b.png", "-o", "tomorrow/", "--look", "look.json", "--model", model]) == 0
    for name in ("a.png", "b.png"):
        np.testing.assert_array_equal(pixels(f"tomorrow/{name}"), pixels(f"today/{name}"))
    np.testing.assert_array_equal(pixels("today/a.png"), Colorizer.load(model)(GRAY, look=Look(1.4, -0.3)))


def test_options_override_the_look_file_which_overrides_the_hints_file(pair, model):
    write("look.json", {"version": 1, "look": {"vividness": 1.4, "warmth": -0.3}})
    write("a.hints.json", {"version": 1, "hints": [], "look": {"vividness": 0.2, "warmth": 0.9}})
    arguments = ["a.png", "--look", "look.json", "--vividness", "1.7", "--save-look", "new.json", "--model", model]
    assert main.main(arguments) == 0
    np.testing.assert_array_equal(pixels("a.color.png"), Colorizer.load(model)(GRAY, look=Look(1.7, -0.3)))
    assert look_files.read("new.json") == {"vividness": 1.7, "warmth": -0.3}


def test_a_hints_file_of_the_page_works_as_a_look_file(pair, model):
    write("a.hints.json", {"version": 1, "hints": [{"x": 1, "y": 2, "color": "#f00"}], "look": {"warmth": 0.5}})
    assert main.main(["b.png", "--look", "a.hints.json", "--model", model]) == 0
    np.testing.assert_array_equal(pixels("b.color.png"), Colorizer.load(model)(GRAY, look=Look(warmth=0.5)))


@pytest.mark.parametrize(
    "content, reason",
    [
        (None, "look.json: No such file or directory"),
        ("{", "look.json: not valid JSON"),
        ("[]", "look.json: not a file with a look. It must be like {"),
        ({"version": 1, "hints": []}, "look.json: not a file with a look. It must be like {"),
        ({"version": 1, "look": [1.2]}, "look.json: not a file with a look. It must be like {"),
        ({"version": 2, "look": {}}, "look.json: has version 2; this version of tf-colorize reads 1"),
        ({"version": "1" * 999, "look": {}}, "look.json: has version '111"),
        ({"version": 1, "look": {"warmth": "warm"}}, 'look.json: warmth "warm": must be a number'),
        ({"version": 1, "look": {"vividness": 3}}, "look.json: --vividness must be in [0, 2]"),
    ],
)
@pytest.mark.parametrize("command", [["a.png"], ["cluster", ".", "out"], ["film", "x.mp4"], ["serve"]])
def test_a_file_without_a_look_is_refused_before_the_work_starts(pair, capsys, command, content, reason):
    if content is not None:
        write("look.json", content)
    with pytest.raises(SystemExit, match="2"):
        main.main([*command, "--look", "look.json"])
    error = capsys.readouterr().err
    assert f": argument --look: {reason}" in error
    assert error.count("\n") == 1 and len(error) < 400
    assert {path.name for path in pair.iterdir()} <= {"a.png", "b.png", "look.json"}


def test_a_look_that_cannot_be_saved_is_reported_in_one_line(pair, capsys, model):
    assert main.main(["a.png", "--save-look", "a.png/look.json", "--model", model]) == 1
    error = capsys.readouterr().err
    assert error.startswith("tf-colorize: a.png/look.json: cannot be written: ") and error.count("\n") == 1


def test_a_server_can_have_a_look_of_its_own():
    pytest.importorskip("starlette")
    from tf_colorize.server import description, wishes

    fields = look_options.asked(serve._parser().parse_args(["--vividness", "1.5", "--warmth", "0.2"]))
    looks = [wishes.wish_of(b"photo", query, fields, is_json=False).look for query in ([], [("warmth", "0")])]
    assert looks == [Look(1.5, 0.2), Look(1.5, 0.0)]
    parameters = description.openapi(fields, has_token=False)["paths"]["/colorize"]["post"]["parameters"]
    assert {one["name"]: one["schema"].get("default") for one in parameters}["warmth"] == 0.2
