"""Every example in a docstring runs and gives the output shown."""

import doctest
import functools
import importlib
import pathlib
import shutil
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PACKAGE = ROOT / "tf_colorize"
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if ">>> " in path.read_text()]
# These build networks of full size; models/resnet18_unet.py does, too.
SLOW = ("resnet34_unet.py", "unet.py")
if sys.version_info < (3, 11):  # PyAV of the version that films need has no wheels
    MODULES = [path for path in MODULES if path.parent.name != "film"]


class Checker(doctest.OutputChecker):
    """If an example shows no output, any output is right: `fit` shows its progress."""

    def check_output(self, want, got, optionflags):
        return not want or super().check_output(want, got, optionflags)


@functools.cache
def given():
    """Small versions of the objects that the examples take as given."""
    import keras
    import numpy as np
    import PIL.Image
    import tensorflow as tf

    import tf_colorize

    inputs = keras.Input((None, None, 1))
    generator = keras.Model(inputs, keras.layers.Conv2D(2, 3, padding="same")(inputs))
    gray, ab = keras.ops.zeros((1, 64, 64, 1)), keras.ops.zeros((1, 64, 64, 2))
    batches = tf.data.Dataset.from_tensors((gray, ab))
    return {
        "keras": keras,
        "np": np,
        "tf": tf,
        "PIL": PIL,
        "tf_colorize": tf_colorize,
        "DeltaE": tf_colorize.metrics.DeltaE,
        "patchgan": tf_colorize.models.patchgan,
        "unet": lambda: generator,
        "generator": generator,
        "discriminator": tf_colorize.models.patchgan(filters=4),
        "condition": gray,
        "fake": ab,
        "train": batches,
        "valid": batches,
    }


@pytest.fixture
def folder(photo_folder, tmp_path, monkeypatch):
    """A working folder with the files that the examples name."""
    (tmp_path / "saved_models").mkdir()
    shutil.copy(ROOT / "saved_models" / "colorizer.tflite", tmp_path / "saved_models")
    shutil.copy(photo_folder / "00.png", tmp_path / "grandma.jpg")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.slow] * (path.name in SLOW)) for path in MODULES],
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_the_examples_run(path):
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    runner = doctest.DocTestRunner(Checker(), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for test in doctest.DocTestFinder().find(module, extraglobs=None, globs={**given(), **vars(module)}):
        runner.run(test)
    assert runner.tries and not runner.failures
