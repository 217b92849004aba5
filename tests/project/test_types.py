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
WRONG = """
import tf_colorize as tfc

tfc.Colorizr
tfc.Colorizer.load(threds=2).lightness(1, 2, 3)
tfc.color.rgb_to_lba
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for programs and for what mypy keeps from one to the next."""
    return tmp_path_factory.mktemp("mypy")


def mypy(folder, program):
    path = folder / "program.py"
    path.write_text(program)
    options = ["--follow-imports=silent", "--ignore-missing-imports", "--config-file=", f"--cache-dir={folder}/cache"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(path)],
        capture_output=True,
        text=True,
        cwd=pathlib.Path(__file__).parents[2],  # finds this package, however it is installed
    )
    return done.stdout.splitlines()


def test_public_names_have_their_types(folder):
    *lines, summary = mypy(folder, PROGRAM)
    assert summary.startswith("Success")
    revealed = [line.partition("Revealed type is ")[2].strip('"') for line in lines]
    assert len(revealed) == len(EXPECTED)
    for found, expected in zip(revealed, EXPECTED):
        assert expected in found, (found, expected)


def test_misspelled_names_are_errors(folder):
    *lines, _ = mypy(folder, WRONG)
    assert [line.split(":")[1] for line in lines if ": error:" in line] == ["4", "5", "6"]
