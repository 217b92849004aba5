"""Colorize black-and-white photographs with a conditional GAN in CIE Lab.

The rooms, each of which may import only those above it: `color`, `photos`, `data`, `models`
with `losses`, `metrics` and `optimizers`, `training`, `inference`, `export`, `evaluation`,
`commands`. They are imported on first use, so `import tf_colorize` and
`tf-colorize --help` do not load TensorFlow.
"""

import importlib

__version__ = "0.2.0"

_ROOMS = (
    "color",
    "data",
    "evaluation",
    "export",
    "inference",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "photos",
    "training",
)
# Names that people type, and where the code behind them lives.
_PUBLIC = {
    "Colorizer": ("inference.colorizer", "Colorizer"),
    "Look": ("color.look", "Look"),
    "serving": ("inference.serving", None),
}


def __getattr__(name):
    if name in _ROOMS:
        return importlib.import_module(f"tf_colorize.{name}")
    if name in _PUBLIC:
        module, member = _PUBLIC[name]
        found = importlib.import_module(f"tf_colorize.{module}")
        return getattr(found, member) if member else found
    raise AttributeError(f"module 'tf_colorize' has no attribute '{name}'")


def __dir__():
    return [*globals(), *_ROOMS, *_PUBLIC]
