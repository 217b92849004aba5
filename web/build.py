"""Builds the page: `python web/build.py` writes tf_colorize/page and, with the models, web/dist.

Needs Node 20 and npm; a first run downloads the packages of package-lock.json.
"""

import base64
import hashlib
import json
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
    write_icons(pathlib.Path(folder) / "icons")
    write_service_worker(pathlib.Path(folder))


def write_samples(folder):
    """Writes scikit-image's photos as gray JPEGs."""
    import skimage.data
    from PIL import Image

    folder.mkdir()
    for name in SAMPLES:
        photo = Image.fromarray(getattr(skimage.data, name)())
        photo.convert("L").save(folder / f"{name}.jpg", quality=90)


def write_icons(folder):
    """Draws icon.svg in the sizes that phones and desktops ask for."""
    folder.mkdir()
    icon(192).save(folder / "192.png")
    icon(512).save(folder / "512.png")
    # Systems cut these two into their own shape, up to a fifth from each side.
    icon(512, share=0.6, ground=True).save(folder / "maskable-512.png")
    icon(180, share=0.7, ground=True).save(folder / "apple-180.png")


def icon(size, share=1.0, ground=False):
    """Returns a disc, gray on its left and colored on its right side, as a PIL image."""
    import numpy as np
    from PIL import Image

    fine = 4 * size  # smooth edges
    rows, columns = (np.mgrid[:fine, :fine] + 0.5) / fine
    y, x = ((axis - 0.5) / share + 0.5 for axis in (rows, columns))
    gray = [[185, 185, 185], [74, 74, 74]]
    color = [[242, 180, 65], [224, 99, 63], [59, 79, 158]]
    picture = np.zeros((fine, fine, 4))
    down = (y * 64 - 4) / 56
    for is_here, stops in ((x < 0.5, gray), (x >= 0.5, color)):
        places = np.linspace(0, 1, len(stops))
        gradient = np.stack([np.interp(down, places, channel) for channel in np.transpose(stops)], axis=-1)
        picture[is_here, :3] = gradient[is_here]
    picture[..., 3] = 255 * (np.hypot(x - 0.5, y - 0.5) <= 28 / 64)
    image = Image.fromarray(picture.astype(np.uint8)).resize((size, size), Image.Resampling.BOX)
    if not ground:
        return image
    plain = Image.new("RGBA", image.size, "#f7f6f3")
    plain.alpha_composite(image)
    return plain.convert("RGB")


def write_service_worker(folder):
    """Writes sw.js, which names each file of the build with its hash. Whoever changes a file calls this again."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in ("sw.js", "_headers")]
    hashes = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).digest() for path in paths}
    files = {
        "./" if path == "index.html" else path: f"sha256-{base64.b64encode(digest).decode()}"
        for path, digest in hashes.items()
    }
    source = (WEB / "src" / "page" / "service_worker.js").read_text()
    version = hashlib.sha256(json.dumps([files, source]).encode()).hexdigest()[:16]
    build = json.dumps({"version": version, "files": files})
    (folder / "sw.js").write_text(f"const BUILD = {build};\n{source}")


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
