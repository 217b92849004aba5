"""Tells users what to install when a package is missing: the base installation colorizes photos, all other features are
extras."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator

# top-level module -> the extra that contains it
_EXTRAS = {
    "tensorflow": "train",
    "keras": "train",
    "keras_cv": "train",
    "tensorboard": "train",
    "skimage": "train",
    "jinja2": "train",
    "markupsafe": "train",
    "matplotlib": "gallery",
    "sklearn": "gallery",
    "scipy": "train",
    "h5py": "train",
    "safetensors": "train",
    "grpc": "serving",
    "google": "serving",
    "pillow_heif": "heic",
    "tensorflow_datasets": "tfds",
    "lpips": "lpips",
    "torch": "benchmark",
    "cv2": "film",
    "onnx": "train",
    "tf2onnx": "train",
    "onnxruntime": "onnx",
    "av": "film",
    "starlette": "server",
    "uvicorn": "server",
    "ray": "cluster",
    "pyarrow": "cluster",
}


class MissingPackage(ImportError):
    """A package is missing that only part of tf_colorize needs; the message says what to install."""


def pip_install(extra: str) -> str:
    """Returns the command that installs an extra: from the checkout of this installation, or for an installed wheel.

    Example:
    >>> pip_install("train").endswith('[train]"')
    True
    """
    checkout = pathlib.Path(__file__).parents[1]
    if not (checkout / "setup.cfg").is_file():
        checkout = _source()
    if checkout is None:
        return f'pip install "tf_colorize[{extra}]"'
    return f'pip install "{"." if _is_here(checkout) else checkout}[{extra}]"'


def _source():
    """Returns the checkout from which this was installed, as recorded by pip (PEP 610), if it still exists, or None."""
    import importlib.metadata
    import json
    import urllib.parse
    import urllib.request

    try:
        installed = importlib.metadata.distribution("tf_colorize")
        if not pathlib.Path(__file__).samefile(installed.locate_file("tf_colorize/installation.py")):
            return None
        note = json.loads(installed.read_text("direct_url.json") or "{}")
    except (ImportError, OSError, ValueError):
        return None
    if "dir_info" not in note:
        return None
    checkout = pathlib.Path(urllib.request.url2pathname(urllib.parse.urlsplit(note["url"]).path))
    return checkout if (checkout / "setup.cfg").is_file() else None


def _is_here(folder):
    try:
        return folder.samefile(".")
    except OSError:  # the current folder was deleted
        return False


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turns the failed import of an extra's package into a one-line message that says what to install.

    Raises:
        MissingPackage: the package that the code inside needs is not installed.

    Example:
    >>> with explained():
    ...     import tensorflow
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        message = f"This part of tf_colorize needs {package}, which is not installed. "
        raise MissingPackage(f"{message}Run: {pip_install(_EXTRAS[package])}", name=package) from error
