"""Installs a wheel, without extras, into an empty environment of every Python on this machine, and tests it.

In each environment it colorizes a photo, opens the page of `tf-colorize demo`, and calls something that needs
TensorFlow, whose error must say what to install. It finds the Pythons on PATH and those of pyenv. Each takes about half
a minute; it prints the time and the size of the installation. It needs no packages itself.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile

VERSIONS = tuple(f"3.{minor}" for minor in range(10, 15))
PHOTOS = pathlib.Path(__file__).resolve().parent.parent / "saved_models" / "gallery" / "gray_photos.jpg"
PAGE = "tf_colorize/page/index.html"

# These run in the environment.
TAKE_COLOR = "import sys; from PIL import Image; Image.open(sys.argv[1]).convert('L').save(sys.argv[2])"
# The result must have the photo's size, and color.
COMPARE = """
import sys
import numpy as np
from PIL import Image, ImageOps
photo, result = (ImageOps.exif_transpose(Image.open(path)) for path in sys.argv[1:])
assert photo.size == result.size, (photo.size, result.size)
chroma = np.ptp(np.asarray(result.convert("RGB"), np.float32), axis=-1).mean()
assert chroma > 3, f"the result is gray: {chroma:.1f}"
"""


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("wheel", type=pathlib.Path, help="the .whl file")
    parser.add_argument("--sdist", type=pathlib.Path, help="the .tar.gz file, which must build the same wheel")
    parser.add_argument("--python", action="append", help="interpreter to use (default: all found); repeatable")
    options = parser.parse_args(argv)
    pythons = {version_of(python): python for python in options.python or ()} or find_pythons()
    missing = [version for version in VERSIONS if version not in pythons]
    failed = False
    if options.sdist:
        failed |= not attempt("sdist", lambda folder: check_sdist(options.sdist, options.wheel, folder))
    for version, python in sorted(pythons.items(), key=lambda item: len(item[0]) * 100 + int(item[0][2:])):
        failed |= not attempt(
            f"Python {version}", lambda folder, python=python: check(python, options.wheel.resolve(), folder)
        )
    if missing and not options.python:
        print(f"not checked, because not found: Python {', '.join(missing)}")
    if not pythons:
        print("check_wheel.py: no Python found", file=sys.stderr)
    return int(failed or not pythons)


def find_pythons():
    """Returns the working interpreters by version, such as "3.12"."""
    found = {}
    candidates = [shutil.which(f"python{version}") for version in VERSIONS]
    candidates += [shutil.which("python3"), sys.executable]
    if shutil.which("pyenv"):
        root = subprocess.run(["pyenv", "root"], capture_output=True, text=True).stdout.strip()
        candidates += sorted(map(str, pathlib.Path(root, "versions").glob("3.*/bin/python")), reverse=True)
    for python in filter(None, candidates):
        version = version_of(python)
        if version in VERSIONS:
            found.setdefault(version, python)
    return found


def version_of(python):
    """Returns the version of an interpreter that can create environments, or None: pyenv's commands may not work."""
    code = "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"
    try:
        return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def attempt(name, work):
    """Runs one check in its own folder and prints the result; returns whether it succeeded."""
    with tempfile.TemporaryDirectory(prefix="check-wheel-") as folder:
        try:
            print(f"{name}: {work(pathlib.Path(folder))}", flush=True)
            return True
        except (AssertionError, OSError, subprocess.CalledProcessError) as error:
            output = f"\n{error.stdout}\n{error.stderr}" if isinstance(error, subprocess.CalledProcessError) else ""
            print(f"check_wheel.py: {name}: {error}{output}", file=sys.stderr, flush=True)
            return False


def check(python, wheel, folder):
    start = time.perf_counter()
    call([python, "-m", "venv", folder / "env"], folder)
    binaries = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
    empty = size_of(folder / "env")
    call([binaries / "python", "-m", "pip", "install", "--quiet", wheel], folder)
    seconds = time.perf_counter() - start
    megabytes = (size_of(folder / "env") - empty) / 1e6
    call([binaries / "python", "-c", "import tf_colorize"], folder)

    photo = folder / "photo.jpg"
    call([binaries / "python", "-c", TAKE_COLOR, PHOTOS, photo], folder)
    start = time.perf_counter()
    call([binaries / "tf-colorize", photo], folder)
    coloring = time.perf_counter() - start
    call([binaries / "python", "-c", COMPARE, photo, folder / "photo.color.jpg"], folder)

    (folder / "mine.keras").touch()
    run = call([binaries / "tf-colorize", photo, "--overwrite", "--model", folder / "mine.keras"], folder, code=1)
    require(run.stderr.strip().endswith('pip install "tf_colorize[train]"'), f"no installation hint: {run.stderr}")
    require(len(run.stderr.strip().splitlines()) == 1, f"more than one line: {run.stderr}")
    page = check_page(binaries / "tf-colorize", folder) if has_page(wheel) else "no page in this wheel"
    return f"installed {megabytes:.0f} MB in {seconds:.0f} s, colorized a photo in {coloring:.1f} s; {page}"


def check_page(command, folder):
    """Checks the page that `tf-colorize demo` serves."""
    server = subprocess.Popen(
        [command, "demo", "--no-browser", "--port", "0"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = server.stdout.readline().split()[0]
        for path, least in (("", 500), ("models/models.json", 20), ("models/colorizer.tflite", 1_000_000)):
            with urllib.request.urlopen(url + path, timeout=20) as answer:
                require(len(answer.read()) >= least, f"{path or 'the page'} is empty")
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()
    return "the page is served"


def check_sdist(sdist, wheel, folder):
    """Builds a wheel from the sdist alone and compares its contents."""
    call([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, sdist.resolve()], folder)
    (rebuilt,) = folder.glob("*.whl")
    with zipfile.ZipFile(rebuilt) as ours, zipfile.ZipFile(wheel) as theirs:
        files = [{entry.filename: entry.CRC for entry in archive.infolist()} for archive in (ours, theirs)]
    different = {name for name in files[0].keys() | files[1].keys() if files[0].get(name) != files[1].get(name)}
    require(not different, f"the sdist builds a different wheel: {sorted(different)[:5]}")
    return f"builds the same wheel, {len(files[0])} files"


def has_page(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return PAGE in archive.namelist()


def call(command, folder, code=0):
    run = subprocess.run([str(part) for part in command], cwd=folder, env=environment(), capture_output=True, text=True)
    if run.returncode != code:
        raise subprocess.CalledProcessError(run.returncode, run.args, run.stdout, run.stderr)
    return run


def environment():
    """Returns this environment without variables that could expose the checkout."""
    return {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
    }


def size_of(folder):
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def require(condition, message):
    if not condition:
        raise AssertionError(message)


if __name__ == "__main__":
    sys.exit(main())
