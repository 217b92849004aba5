"""Colorize black-and-white photographs with a conditional GAN in CIE Lab.

The rooms, each of which may import only those before it (`pyproject.toml` lists every file):

- `whole`: files that appear whole or not at all.
- `color`: Lab, sRGB, and the look of a result.
- `photos`: picture files, with their metadata.
- `data`: photos as data sets. `hints`: colors that people give to places.
- `losses`, `metrics`, `optimizers`: what Keras calls by these names.
- `models`: networks, and the trainer `Pix2Pix`.
- `inference`: `Colorizer`, its runtimes, and the client of TF Serving.
- `albums`: from photos to files. `server`: over HTTP. `archives`: on many machines. `film`: films.
- `training`: the recipe of a run. `evaluation`: measures and reports. `export`: SavedModel, TFLite and ONNX.
- `recipe`: a model made in several steps. `commands`: `tf-colorize`.

All are imported on first use, so `import tf_colorize` and `tf-colorize --help` do not load TensorFlow.
"""

import importlib
import typing

if typing.TYPE_CHECKING:  # so that type checkers see the names that are loaded on first use
    from tf_colorize import color as color
    from tf_colorize import data as data
    from tf_colorize import evaluation as evaluation
    from tf_colorize import export as export
    from tf_colorize import inference as inference
    from tf_colorize import losses as losses
    from tf_colorize import metrics as metrics
    from tf_colorize import models as models
    from tf_colorize import optimizers as optimizers
    from tf_colorize import photos as photos
    from tf_colorize import training as training
    from tf_colorize.color.look import Look as Look
    from tf_colorize.inference import serving as serving
    from tf_colorize.inference.colorizer import Colorizer as Colorizer
    from tf_colorize.look_files import open_reference as open_reference

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
# Public names, and the modules that define them.
_PUBLIC = {
    "Colorizer": ("inference.colorizer", "Colorizer"),
    "Look": ("color.look", "Look"),
    "open_reference": ("look_files", "open_reference"),
    "serving": ("inference.serving", None),
}

if not typing.TYPE_CHECKING:  # otherwise type checkers would accept misspelled names

    def __getattr__(name):
        if name in _ROOMS:
            return importlib.import_module(f"tf_colorize.{name}")
        if name in _PUBLIC:
            module, member = _PUBLIC[name]
            found = importlib.import_module(f"tf_colorize.{module}")
            return getattr(found, member) if member else found
        raise AttributeError(f"module 'tf_colorize' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*globals(), *_ROOMS, *_PUBLIC]
