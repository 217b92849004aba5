"""Networks whose features are used for distances (Frechet, kernel) between sets of pictures, reported under their own
names."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import keras
import numpy as np

from tf_colorize import model_metadata
from tf_colorize.evaluation import inception
from tf_colorize.models import backbones

PICTURE_SIZE = 256


class FeatureModel:
    """A fixed network that turns pictures into one vector each.

    Args:
        name: the name of the distance in reports, for example `"Frechet distance (ResNet18 layer3)"`.
        model: Keras model from float32 `(batch, 256, 256, 3)` to `(batch, features)` or to `(batch, height, width,
            features)`, which is averaged over the picture.
        mean: subtracted from sRGB in [0, 255], one number or one per channel. scale: divisor of the difference, one
            number or one per channel.

    Calling it with a uint8 array `(batch, 256, 256, 3)` of sRGB returns float32 `(batch, features)`.

    Raises:
        ValueError: the model's output is not one vector or one map of vectors for each picture.
    """

    def __init__(self, name: str, model: keras.Model, *, mean: Any = 0.0, scale: Any = 1.0) -> None:
        output = getattr(model, "output", None)  # missing if the model was never built
        shape: tuple[int | None, ...] = output.shape if isinstance(output, keras.KerasTensor) else ()
        if len(shape) not in (2, 4) or shape[-1] is None:
            raise ValueError(
                "`model` must return one tensor `(batch, features)` or `(batch, height, width, features)`. Received: "
                f"output {output}. Use the model up to such a layer."
            )
        self.name = name
        self.dimension = shape[-1]
        self._model = model
        self._mean = np.asarray(mean, np.float32)
        self._scale = np.asarray(scale, np.float32)

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        values = (pictures.astype(np.float32) - self._mean) / self._scale
        features = np.asarray(self._model.predict_on_batch(values), np.float32)
        return features.mean(axis=(1, 2)) if features.ndim == 4 else features


def load(source: str | os.PathLike[str] | None = None) -> FeatureModel:
    """Loads the network for the Frechet and the kernel distance.

    Args:
        source: `None` for ImageNet's ResNet18 up to layer3 from the Keras cache (downloaded once), the path of its
            weights (`.weights.h5`, or `.safetensors`), `"inception"` for
            `keras.applications.InceptionV3` (downloaded once; the distance is then called FID), the path of the
            weights of FID's own Inception (`.npz`, see `inception.build`), or the path of a `.keras` model that takes
            sRGB in [0, 255].

    Returns:
        A `FeatureModel`.

    Raises:
        ValueError: the weights are missing and cannot be fetched, or belong to another network. Untrained weights are
            never used instead.
    """
    if source == "inception":
        return _inception()
    # The backbone also accepts names for untrained weights, so only files are passed on.
    if source is not None and not pathlib.Path(source).is_file():
        raise ValueError(
            "`features` must be 'inception' or the path of a weights or model file. "
            f"Received: features={os.fspath(source)!r}, no such file."
        )
    try:
        return _of_file(source)
    except Exception as error:  # of many kinds, because the file may come from anywhere
        if source is None:
            raise
        reason = model_metadata.first_line(error)
        raise ValueError(f"{os.fspath(source)}: cannot be used for `features`: {reason}") from error


def _of_file(source):
    if source is not None and os.fspath(source).endswith(".npz"):
        model = inception.build(source, PICTURE_SIZE)
        return FeatureModel("Frechet distance (FID's Inception, mixed_7)", model, mean=127.5, scale=127.5)
    if source is not None and os.fspath(source).endswith(".keras"):
        model = keras.saving.load_model(source, compile=False)
        return FeatureModel(f"Frechet distance ({pathlib.Path(source).stem})", model)
    return FeatureModel(
        "Frechet distance (ResNet18 layer3)",
        backbones.pooled_features("imagenet" if source is None else source),
        mean=255 * np.array(backbones.IMAGENET_MEAN),
        scale=255 * np.array(backbones.IMAGENET_STD),
    )


def _inception():
    try:
        inception = keras.applications.InceptionV3(include_top=False, pooling="avg", input_shape=(299, 299, 3))
    except Exception as error:  # get_file raises a plain Exception without a network
        raise ValueError(
            f"`features` 'inception' needs weights that could not be fetched ({str(error).splitlines()[0]}). Received: "
            "features='inception'. Run once with an internet connection, or omit it to use the ResNet18 features."
        ) from error
    picture = keras.Input((PICTURE_SIZE, PICTURE_SIZE, 3))
    resized = keras.layers.Resizing(299, 299)(picture)
    return FeatureModel(
        "FID (keras.applications InceptionV3)", keras.Model(picture, inception(resized)), mean=127.5, scale=127.5
    )
