"""FID's own Inception as a Keras network: that of 2015, which other implementations of FID use.

Source: Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", in the variant that Heusel et
al. 2017 used for FID, up to mixed_7: 768 features. Use it only for measuring: it cannot judge a network that was
trained with it.
"""

from __future__ import annotations

import os

import keras
import numpy as np

SIDE = 299
DIMENSION = 768


def build(weights: str | os.PathLike[str], picture_size: int) -> keras.Model:
    """Builds the network and loads its weights.

    Args:
        weights: An `.npz` file with, for each convolution, `NAME/kernel` (height, width, in, out) and `NAME/bias`, with
            batch normalization folded in, and `NAME/valid_s2`: whether its padding is "valid", and whether its stride
            is 2.
        picture_size: Height and width of the pictures, which are resized to 299 pixels.

    Returns:
        Model from float32 `(batch, picture_size, picture_size, 3)` in [-1, 1] to `(batch, 768)`.

    Raises:
        ValueError: a convolution is missing from the file, or has another shape.
    """
    with np.load(weights) as file:
        arrays = {name: file[name] for name in file.files}
    convolve = _Convolutions(arrays, os.fspath(weights))
    picture = keras.Input((picture_size, picture_size, 3))
    x = keras.layers.Resizing(SIDE, SIDE)(picture)
    for name in ("conv", "conv_1", "conv_2"):
        x = convolve(name, x)
    x = keras.layers.MaxPooling2D(3, 2)(x)
    for name in ("conv_3", "conv_4"):
        x = convolve(name, x)
    x = keras.layers.MaxPooling2D(3, 2)(x)
    for block in ("mixed", "mixed_1", "mixed_2"):
        x = _joined(convolve, block, x, towers=(2, 3))
    x = _reduced(convolve, "mixed_3", x)
    for block in ("mixed_4", "mixed_5", "mixed_6", "mixed_7"):
        x = _joined(convolve, block, x, towers=(3, 5))
    model = keras.Model(picture, keras.layers.GlobalAveragePooling2D()(x), name="inception_2015")
    convolve.load()
    return model


def _joined(convolve, block, x, towers):
    """Concatenates four branches of a block."""
    ways = [convolve(f"{block}_conv", x)]
    for tower, length in zip(("tower", "tower_1"), towers):
        ways.append(_tower(convolve, f"{block}_{tower}", x, length))
    pooled = keras.layers.AveragePooling2D(3, 1, padding="same")(x)
    return keras.layers.Concatenate()([*ways, convolve(f"{block}_tower_2_conv", pooled)])


def _reduced(convolve, block, x):
    ways = [convolve(f"{block}_conv", x), _tower(convolve, f"{block}_tower", x, 3), keras.layers.MaxPooling2D(3, 2)(x)]
    return keras.layers.Concatenate()(ways)


def _tower(convolve, name, x, length):
    for index in range(length):
        x = convolve(f"{name}_conv{f'_{index}' if index else ''}", x)
    return x


class _Convolutions:
    """Creates convolutions with ReLU as specified in the file, and sets their weights at the end."""

    def __init__(self, arrays, path):
        self._arrays, self._path, self._layers = arrays, path, {}

    def __call__(self, name, x):
        try:
            kernel = self._arrays[f"{name}/kernel"]
            is_valid, has_stride = self._arrays[f"{name}/valid_s2"]
        except KeyError as error:
            raise ValueError(
                f"`weights` must contain the Inception of 2015 up to mixed_7. Received: {self._path}, without {error}."
            ) from error
        layer = keras.layers.Conv2D(
            kernel.shape[-1],
            kernel.shape[:2],
            strides=2 if has_stride else 1,
            padding="valid" if is_valid else "same",
            activation="relu",
            name=name,
        )
        self._layers[name] = layer
        return layer(x)

    def load(self):
        for name, layer in self._layers.items():
            layer.set_weights([self._arrays[f"{name}/{part}"].astype(np.float32) for part in ("kernel", "bias")])
