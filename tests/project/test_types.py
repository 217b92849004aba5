"""What a type checker knows about the public names."""

import pathlib
import subprocess
import sys

import pytest

pytest.importorskip("mypy")

PROGRAM = """
import numpy as np
import tf_colorize as tfc

colorizer = tfc.Colorizer.load()
reveal_type(colorizer)
reveal_type(colorizer("photo.jpg", look=tfc.Look(vividness=1.2)))
reveal_type(colorizer.image_size)
reveal_type(colorizer.predictor.takes_hints)
reveal_type(tfc.serving.Client("http://localhost").colorize_files([b""]))
reveal_type(tfc.data.find_photos("photos").paths)
reveal_type(tfc.models.resnet18_unet)
reveal_type(tfc.losses.Term)
reveal_type(tfc.evaluation.evaluate)
reveal_type(tfc.export.export_tflite)
reveal_type(tfc.color.rgb_to_lab)
"""
EXPECTED = [
    "tf_colorize.inference.colorizer.Colorizer",
    "ndarray[",
    "int",
    "bool",
    "list[bytes]",
    "list[str]",
    "def (",
    "def (",
    "-> tf_colorize.evaluation.comparison.Evaluation",
    "-> tf_colorize.export.tflite.TFLiteReport",
    "def (",
]
# What it must not accept, after the program above.
WRONG = """
tfc.Colorizr
tfc.Colorizer.load(threds=2).lightness(1, 2, 3)
tfc.color.rgb_to_lba
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What mypy says about both programs in one file, which it reads this whole package for: pairs of line and text."""
    folder = tmp_path_factory.mktemp("mypy")
    path = folder / "program.py"
    path.write_text(PROGRAM + WRONG)
    options = ["--follow-imports=silent", "--ignore-missing-imports", "--config-file=", f"--cache-dir={folder}/cache"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(path)],
        capture_output=True,
        text=True,
        cwd=pathlib.Path(__file__).parents[2],  # finds this package, however it is installed
    )
    *lines, summary = done.stdout.splitlines()
    assert summary.startswith("Found 3 errors in 1 file"), done.stdout
    return [(int(line.split(":")[1]), line) for line in lines]


def test_public_names_have_their_types(found):
    revealed = [text.partition("Revealed type is ")[2].strip('"') for _, text in found if ": note: Revealed" in text]
    assert len(revealed) == len(EXPECTED)
    for one, expected in zip(revealed, EXPECTED):
        assert expected in one, (one, expected)


def test_misspelled_names_are_errors(found):
    first = PROGRAM.count("\n") + 2  # the first line of WRONG is empty
    assert [line for line, text in found if ": error:" in text] == [first, first + 1, first + 2]
