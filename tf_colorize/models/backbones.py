"""The encoders: the only file that imports keras_cv."""

from __future__ import annotations

import pathlib
import typing

import keras

from tf_colorize.models import backbone_weights, blocks, convolutions

if typing.TYPE_CHECKING:
    import os


STRIDES = (2, 4, 8, 16, 32)

# The mean and standard deviation of RGB in [0, 1] with which torchvision's weights were trained.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

PRETRAINED_LAYERS = ("conv1_", "v2_stack_0_", "v2_stack_1_", "v2_stack_2_")
"""Prefixes of the names of the layers from the stem to layer3, whose general features should be kept; layer4 learns the
global features that a colorizer needs."""

# torchvision's values instead of keras-cv's 1.001e-5 and 0.99, so that converted weights are exact.
NORMALIZATION = {"epsilon": 1e-5, "momentum": 0.9}


def resnet18(
    weights: str | os.PathLike[str] | None = None,
    *,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    name: str = "resnet18",
) -> keras.Model:
    """Returns a ResNet18 that maps a picture to its features at strides 2, 4, 8, 16 and 32.

    It is a Functional model built by keras-cv, without its download, with fused batch normalization. With torchvision's
    weights, its features equal torchvision's for sizes 32 k + 1; for even sizes, padding "same" shifts them by up to a
    pixel.

    Source: He et al., "Deep Residual Learning for Image Recognition", 2015.

    Args:
        weights: `None` or "none" (untrained), "imagenet" (downloaded once into the Keras cache),
            "auto" ("imagenet" if it is cached or can be fetched, otherwise untrained and a
            `UserWarning` of one line), or a path: a `.weights.h5` file of
            this model's `save_weights`, or a `.safetensors` file with torchvision's names.
        input_shape: `(height, width, 3)`, height and width an int or `None`.
        name: str.

    Input shape: `(batch, height, width, 3)`, float32: RGB in [0, 1] minus `IMAGENET_MEAN`, over
    `IMAGENET_STD`. Output: a list in the order of `STRIDES` of float32, at least 0, of the shape
    `(batch, height / stride, width / stride, channels)`, rounded up, with 64, 64, 128, 256 and
    512 channels.

    Raises:
        ValueError: `weights` is unknown, cannot be fetched or belongs to another network.

    Example:
    >>> [tuple(feature.shape) for feature in resnet18()(keras.ops.zeros((1, 64, 96, 3)))][-1]
    (1, 2, 3, 512)
    """
    model = resnet((2, 2, 2, 2), input_shape=input_shape, name=name)
    if weights is None or weights == "none":
        return model
    if weights in ("imagenet", "auto"):
        weights = backbone_weights.imagenet_file(required=weights == "imagenet")
    if weights is not None:
        backbone_weights.load(model, pathlib.Path(weights))
    return model


def pooled_features(weights: str | os.PathLike[str], *, name: str = "resnet18_features") -> keras.Model:
    """Returns a model that maps a picture to its stride-16 features, averaged over the picture.

    It is a fixed feature extractor for the Frechet distance between two sets of pictures. `weights` and the input are
    as for `resnet18`. Output shape: `(batch, 256)`, float32, at least 0.
    """
    backbone = resnet18(weights)
    layer3 = backbone.outputs[STRIDES.index(16)]
    pooled = keras.layers.GlobalAveragePooling2D(name="pooled", dtype="float32")(layer3)
    model = keras.Model(backbone.input, pooled, name=name)
    model.trainable = False
    return model


def resnet(
    n_blocks: tuple[int, int, int, int], *, input_shape: tuple[int | None, int | None, int] = (None, None, 3), name: str
) -> keras.Model:
    """Returns an untrained ResNet of basic blocks, otherwise like `resnet18`.

    Args:
        n_blocks: tuple of 4 ints, blocks of each stage: (2, 2, 2, 2) is ResNet18, (3, 4, 6, 3) ResNet34.
        input_shape: `(height, width, 3)`, height and width an int or `None`.
        name: str.
    """
    import keras_cv  # not at the top: it would add half a second to `import tf_colorize.models`

    # ResNet18Backbone() would download this configuration.
    plain = keras_cv.models.ResNetBackbone(
        stackwise_filters=[64, 128, 256, 512],
        stackwise_blocks=list(n_blocks),
        stackwise_strides=[1, 2, 2, 2],
        include_rescaling=False,
        block_type="basic_block",
        input_shape=input_shape,
    )
    fused = keras.models.clone_model(plain, clone_function=_clone_layer)
    pyramid = [plain.pyramid_level_inputs[level] for level in ("P2", "P3", "P4", "P5")]
    outputs = [fused.get_layer(level).output for level in ("conv1_relu", *pyramid)]
    return keras.Model(fused.input, outputs, name=name)


def _clone_layer(layer):
    config = layer.get_config()
    if isinstance(layer, keras.layers.BatchNormalization):
        return blocks.FusedBatchNormalization.from_config({**config, **NORMALIZATION})
    if isinstance(layer, keras.layers.Conv2D):
        return convolutions.Conv2D.from_config(config)
    return type(layer).from_config(config)
