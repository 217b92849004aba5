"""What a folder holds, how colorful a picture is, and `tf-colorize` in a process of its own."""

import pathlib
import subprocess
import sys

import numpy as np
from PIL import Image


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in pathlib.Path(folder).rglob("*") if path.is_file())


def colorfulness(path):
    with Image.open(path) as image:
        return np.ptp(np.asarray(image.convert("RGB")).astype(int), axis=-1).mean()


def command(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "tf_colorize", *map(str, arguments)], capture_output=True, **options)
