"""Networks and the adversarial trainer: functions that return Functional models, and `Pix2Pix`."""

import typing

from tf_colorize import installation

with installation.explained():
    from tf_colorize.models import catalog, generator  # noqa: F401  earlier versions offered `models.generator`
    from tf_colorize.models.patchgan import patchgan
    from tf_colorize.models.pix2pix import Pix2Pix
    from tf_colorize.models.projected import projected

__all__ = ["Pix2Pix", "patchgan", "projected", *catalog.GENERATORS]

# Functions named like their files, after the imports, which bind these names to the files.
if typing.TYPE_CHECKING:
    import keras

    def __getattr__(name: str) -> typing.Callable[..., keras.Model]: ...


globals().update({name: catalog.function(name) for name in catalog.GENERATORS})
