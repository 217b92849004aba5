"""Commands name their options where the library names its arguments, and no exceptions."""

import os
import pathlib

import pytest
import small_photos
from PIL import Image

from tf_colorize.commands import evaluate, main, parsing, train

MODEL = str(pathlib.Path(__file__).parents[1] / "files" / "tiny_32.tflite")


@pytest.fixture
def options(monkeypatch):
    monkeypatch.setattr(parsing, "_options", {"--image-size", "--mode", "--max-pixels", "--data"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "`image_size` must be over 0. Received: image_size=-1",
            "--image-size must be over 0. Received: --image-size -1",
        ),
        (
            "`mode` needs `init`. Received: mode='both', init=None",
            "--mode needs init. Received: --mode 'both', init None",
        ),
        ("`source` must hold photos. Received: source='a b=c'", "--data must hold photos. Received: --data 'a b=c'"),
        ("`lightness` and `image_sizes` must be finite", "lightness and image sizes must be finite"),
        ("a; raise `max_pixels` if you trust the file", "a; raise --max-pixels if you trust the file"),
        ("`tf-colorize film` colors films", "`tf-colorize film` colors films"),
        ("a.jpg: too large (OverflowError)", "a.jpg: too large (unexpected error)"),
        ("KeyError", "unexpected error"),
        ("TF_CONFIG is broken (KeyError: 'task')", "TF_CONFIG is broken ('task')"),
        ("x: truncated: [ONNXRuntimeError] : 2 : INVALID_ARGUMENT : No graph", "x: truncated: No graph"),
        ("but [Errno -2] Name or service not known", "but Name or service not known"),
        ("`side`.jpg: no such file", "`side`.jpg: no such file"),
        ("MyError: no such file", "MyError: no such file"),
        ("a/MyError: no such file", "a/MyError: no such file"),
        ("the IOError of x.jpg is a name", "the IOError of x.jpg is a name"),
    ],
)
def test_library_messages_use_the_words_of_the_command(options, text, expected):
    assert parsing.in_words(text) == expected


def one_line(capsys):
    (line,) = capsys.readouterr().err.splitlines()
    assert "`" not in line and "Error" not in line and "Errno" not in line, line
    return line


def test_a_photo_of_too_many_pixels(here, capsys):
    Image.new("L", (40, 30)).save("a.png")
    assert main.main(["a.png", "--max-pixels", "100"]) == 1
    assert one_line(capsys).endswith("over the limit of 100; raise --max-pixels if you trust the file")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--image-size", "-3"], "--image-size must be over 0. Received: --image-size -3"),
        (["--lambda-l1", "nan"], "--lambda-l1 must be finite. Received: --lambda-l1 nan"),
        (["--hints", "--strength"], "--hints needs mode pretrain"),
        (["--init", "nothing"], "nothing: no such file or folder"),
        (["--data", "nothing"], "nothing"),
        (["--resume", "nothing"], "nothing: not a run folder"),
    ],
)
def test_a_training_that_is_refused(here, capsys, arguments, expected):
    assert train.main([*arguments, "--encoder-weights", "none"][: None if arguments[0] != "--resume" else 2]) == 1
    assert expected in one_line(capsys)


def test_an_evaluation_that_is_refused(here, capsys):
    assert evaluate.main(["--model", "nothing.tflite", "--data", "nowhere"]) == 1
    one_line(capsys)


@pytest.mark.skipif(os.name == "nt", reason="names have no control characters there")
@pytest.mark.parametrize("mark", ["\n", "\r\n", "\x1b[31m", "\x85", "\u2028"])
def test_control_characters_of_names_break_no_line_and_hide_no_reason(here, capsys, mark):
    name, said = f"a{mark}b.jpg", "a" + mark.encode("unicode_escape").decode() + "b"
    small_photos.photo(name)
    data = pathlib.Path(name).read_bytes()
    pathlib.Path("d").mkdir()
    pathlib.Path("d", name).write_bytes(data[: len(data) // 2])
    assert main.main([name, "d", "--jobs", "1", "--model", MODEL]) == 1
    printed = capsys.readouterr()
    assert printed.out.split("\n")[0].startswith(f"{said}.color.jpg  40 x 30")
    _, line = printed.err.split("\n")[:-1]
    assert line.startswith(f"tf-colorize: d/{said}.jpg: ") and "truncated" in line.lower()
