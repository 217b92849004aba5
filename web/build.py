"""Builds the page: `python web/build.py` writes tf_colorize/page and, with the models, web/dist.

Needs Node 20 and npm; a first run downloads the packages of package-lock.json.
"""

import pathlib
import shutil
import subprocess
import sys

WEB = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(WEB.parent))

# Public domain or CC0, as scikit-image's documentation of each photo says.
SAMPLES = ("chelsea", "coffee", "astronaut", "rocket", "camera")


def build_page(folder):
    """Writes everything but the models."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["node", "build.mjs", str(pathlib.Path(folder).resolve())], cwd=WEB, check=True)
    write_samples(pathlib.Path(folder) / "samples")


def write_samples(folder):
    """Writes scikit-image's photos as gray JPEGs."""
    import skimage.data
    from PIL import Image

    folder.mkdir()
    for name in SAMPLES:
        photo = Image.fromarray(getattr(skimage.data, name)())
        photo.convert("L").save(folder / f"{name}.jpg", quality=90)


def install_packages():
    """Installs what package-lock.json pins, unless it is installed already."""
    installed, lock = WEB / "node_modules" / ".package-lock.json", WEB / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run(["npm", "ci"], cwd=WEB, check=True)


def main():
    from tf_colorize.commands import demo

    install_packages()
    build_page(demo.PAGE)
    shutil.rmtree(WEB / "dist", ignore_errors=True)
    demo.write_site(WEB / "dist")


if __name__ == "__main__":
    main()
