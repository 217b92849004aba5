"""The smallest model, for films."""

import pathlib

import pytest

import tf_colorize


@pytest.fixture(scope="module")
def colorizer():
    return tf_colorize.Colorizer.from_tflite(pathlib.Path(__file__).parents[1] / "files" / "tiny_32.tflite")
