"""`tf-colorize cluster` as users run it, and archives for it."""

import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import skimage.data
from PIL import Image

MANUAL = pathlib.Path(__file__).parents[2] / "docs" / "cluster.md"


def manual():
    """The manual's commands that start, use and stop a cluster: `[(command, machine)]`."""
    blocks = re.findall(r"```console\n(.*?)```", MANUAL.read_text(), re.DOTALL)
    block = next(block for block in blocks if "ray start --head" in block)
    return [re.fullmatch(r"\$ (.*?) +# (.*)", line).groups() for line in block.splitlines()]


def make_archive(folder, n_photos, n_broken=0, width=64, n_different=20):
    """Gray JPEG files in several folders; some of them are cut off."""
    sample = Image.fromarray(skimage.data.camera()).resize((width * 2, width * 2))
    kinds = [sample.crop((i, i, i + width, i + width * 3 // 4)) for i in range(n_different)]
    for index in range(n_photos):
        path = folder / f"box {index % 7}" / f"{index:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        kinds[index % n_different].save(path, quality=90)
    broken = [sorted(folder.rglob("*.jpg"))[i] for i in np.linspace(3, n_photos - 4, n_broken).astype(int)]
    for path in broken:
        path.write_bytes(path.read_bytes()[:-60])
    return broken


def results(folder):
    """The contents of all files under a folder, by name."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def local(photos, out, model):
    """The results of the local command."""
    command = [sys.executable, "-m", "tf_colorize", photos, "-o", out, "--model", model]
    subprocess.run([*map(str, command)], capture_output=True)
    made = results(pathlib.Path(out))
    shutil.rmtree(out)
    return made


def start(*arguments, **options):
    command = [sys.executable, "-m", "tf_colorize", "cluster", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def run(*arguments, timeout=150):
    """Returns `(exit code, lines, lines of complaints)`."""
    process = start(*arguments)
    said, complaints = process.communicate(timeout=timeout)
    return process.returncode, said.splitlines(), complaints.splitlines()
