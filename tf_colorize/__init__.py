"""Colorize black-and-white photographs with a conditional GAN in CIE Lab.

Submodules are imported on first use, so that `import tf_colorize` and
`tf-colorize --help` do not load TensorFlow.
"""

import importlib

__version__ = "0.1.0"

_SUBMODULES = (
    "callbacks",
    "checkpoints",
    "color",
    "colorizer",
    "data",
    "evaluation",
    "export",
    "image_io",
    "lab",
    "losses",
    "metrics",
    "models",
    "serving",
    "training",
)


def __getattr__(name):
    if name in _SUBMODULES:
        return importlib.import_module(f"tf_colorize.{name}")
    if name == "Colorizer":
        return importlib.import_module("tf_colorize.colorizer").Colorizer
    raise AttributeError(f"module 'tf_colorize' has no attribute '{name}'")


def __dir__():
    return [*globals(), *_SUBMODULES, "Colorizer"]
