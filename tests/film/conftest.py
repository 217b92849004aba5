"""The smallest model, for films, and the command with it."""

import pathlib
import subprocess

import pytest

import tf_colorize
from tf_colorize.commands import main

MODEL = pathlib.Path(__file__).parents[1] / "files" / "tiny_32.tflite"


@pytest.fixture(scope="module")
def colorizer():
    return tf_colorize.Colorizer.from_tflite(MODEL)


@pytest.fixture
def command(capfd):
    """Runs `tf-colorize film` in this process; returns its exit code and what it and FFmpeg's libraries print."""

    def run(*arguments):
        capfd.readouterr()
        try:
            status = main.main(["film", *map(str, arguments), "--model", str(MODEL)])
        except SystemExit as end:
            status = end.code
        return subprocess.CompletedProcess(arguments, status, *capfd.readouterr())

    return run
