"""A piece of Python that reads data sets, in a process of its own."""

import os
import pathlib
import subprocess
import sys

from tf_colorize.data import pipeline


def started(code, tmp_path):
    """Runs code in a process of its own, from a file, because TensorFlow Datasets requires one."""
    (tmp_path / "script.py").write_text(code)
    folders = {"TFDS_DATA_DIR": tmp_path / "tfds", "TF_COLORIZE_CACHE": tmp_path / "cache"}
    environment = os.environ | {name: str(path) for name, path in folders.items()}
    environment["PYTHONPATH"] = str(pathlib.Path(pipeline.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
