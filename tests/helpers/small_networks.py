"""Networks small enough to train in seconds, in the place of the real ones."""

import importlib
from unittest import mock

import keras

from tf_colorize import models
from tf_colorize.models import blocks
from tf_colorize.training import preparation


def generator(config, report=print):
    """A generator with every kind of state: batch normalization, dropout and, for classification, a palette."""
    inputs = keras.Input((None, None, 1), name="lightness")
    x = keras.layers.Conv2D(8, 3, padding="same", name="conv")(inputs)
    x = blocks.FusedBatchNormalization(momentum=0.9, name="norm")(x)
    x = keras.layers.Dropout(0.5, name="dropout")(keras.layers.ReLU(name="relu")(x))
    if config.pretrain_loss == "classification":
        palette = [[-0.3, 0.0], [0.3, 0.0], [0.0, 0.3], [0.0, -0.3], [0.0, 0.0]]
        x = keras.layers.Conv2D(len(palette), 1, strides=4, name="chroma_logits")(x)
        x = blocks.BilinearUpsampling(4, name="ab")(blocks.AnnealedMean(palette, 0.38, name="chroma")(x))
    else:
        x = keras.layers.Conv2D(2, 3, padding="same", activation="tanh", name="ab")(x)
    return keras.Model(inputs, x, name="small")


def slim_unet():
    """The paper's U-Net with an eighth of its filters, built by the same function: a sixtieth of its weights."""
    module = importlib.import_module("tf_colorize.models.unet")
    filters = {name: tuple(n // 8 for n in getattr(module, name)) for name in ("ENCODER_FILTERS", "DECODER_FILTERS")}
    with mock.patch.multiple(module, **filters):
        return models.unet()


def install():
    """Makes `training` use the small networks instead of the real ones."""
    preparation.build_generator = generator
    patchgan = models.patchgan
    models.patchgan = lambda spectral_norm=False: patchgan(filters=4, spectral_norm=spectral_norm)
