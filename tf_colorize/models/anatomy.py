"""Answers questions about a generator: the only file that looks up layers by name.

`catalog` lists the available generators, and `grafts` adds parts to one.
"""

from __future__ import annotations

import typing
from typing import Any

import tf_colorize
from tf_colorize.color import lab
from tf_colorize.models import backbones, catalog

if typing.TYPE_CHECKING:
    import keras
    import numpy as np


SHIPPED_WEIGHTS_TERMS = (
    "The weights that ship with tf_colorize are meant for research and personal use: many of the photo sets they were "
    "trained on are for research only. The Apache-2.0 license of the code does not cover them."
)
"""The terms of use of the weights in `saved_models`: "terms" in their metadata, also in their card and the README.

Weights that users train carry no terms of ours.
"""

BRANCH = "hints_"
"""The names of all layers of the hints branch begin with it."""

LIKENESS = "likeness_"
"""The names of all layers of the mean over similar-looking places begin with it."""

STRENGTH = "strength_"
"""The names of all layers that predict the color strength of a photo begin with it."""

CHROMA = "chroma"
"""The name of the layer that turns logits over a palette into chroma."""

_FLOAT32_LAYERS = ("chroma_logits", CHROMA, "chroma_contrast", "ab")

# The decoders' last layers, and their strides.
DECODER_STRIDES = {f"decoder{level}_relu": 2 ** (5 - level) for level in (1, 2, 3, 4)} | {
    f"up{level}_relu": 2**level for level in (4, 3, 2)
}

MATCHING_STRIDE = 8
"""The stride of `matching_features`, in pixels."""


def is_generator(model: keras.Model) -> bool:
    """Returns whether a Keras model of any origin maps lightness, and maybe hints, to ab."""
    try:
        inputs, outputs = ([tuple(value.shape) for value in values] for values in (model.inputs, model.outputs))
    except (AttributeError, TypeError, ValueError):  # a model that was never built
        return False
    ranks = {len(shape) for shape in (*inputs, *outputs)}
    channels = sorted(shape[-1] for shape in inputs) if ranks == {4} else []
    return channels in ([1], [1, 3]) and [shape[-1] for shape in outputs] == [2]


def heads(generator: keras.Model) -> dict[str, Any]:
    """Returns the inputs of losses: a dict of symbolic outputs of one pass through the generator.

    "ab": `(batch, height, width, 2)`. With a palette, also "logits": `(batch, height / stride, width / stride,
    entries)`, float32.
    """
    logits = layer_of(generator, "chroma_logits")
    return {"ab": generator.output} | ({} if logits is None else {"logits": logits.output})


def hint_heads(generator: keras.Model) -> dict[str, Any]:
    """Returns the inputs of the loss of the hints branch: a dict of symbolic outputs of one pass.

    "ab": `(batch, height, width, 2)` with hints; "automatic": the same without.

    Args:
        generator: A generator that takes hints.
    """
    return {"ab": generator.output, "automatic": layer_of(generator, "ab").output}


def has_palette(generator: keras.Model) -> bool:
    """Returns whether a generator represents chroma as a distribution over a palette."""
    return "logits" in heads(generator)


def palette(generator: keras.Model) -> np.ndarray:
    """Returns the palette of a generator that has one, float32 `(entries, 2)` in [-1, 1]."""
    return layer_of(generator, CHROMA).palette


def palette_temperature(generator: keras.Model) -> float:
    """Returns the temperature of the annealed mean of a generator that has a palette."""
    return layer_of(generator, CHROMA).temperature


def palette_stride(generator: keras.Model) -> int:
    """Returns the stride of the distributions over the palette, in pixels."""
    return layer_of(generator, "ab").factor


def pretrained_rates(factor: float) -> dict[str, float]:
    """Returns the `rate_factors` of `optimizers.FusedAdam` for the encoder's pretrained layers.

    Args:
        factor: float, factor on the learning rate of the layers from the stem to stride 16.
    """
    return dict.fromkeys(backbones.PRETRAINED_LAYERS, factor)


def freeze_encoder(generator: keras.Model, frozen: bool) -> None:
    """Freezes or unfreezes the encoder of a generator, if it has one."""
    names = {known.encoder for known in catalog.GENERATORS.values()}
    for layer in generator.layers:
        if layer.name in names:
            layer.trainable = not frozen


def set_gains(generator: keras.Model, mean_gain: float, contrast: float, expansion: float) -> None:
    """Sets the gains of the layer `blocks.ChromaContrast` of a generator.

    Args:
        generator: Functional model that was built with gains.
        mean_gain, contrast, expansion: floats, at least 0.

    Raises:
        ValueError: the generator has no such layer.
    """
    layer = _gains_of(generator)
    layer.mean_gain, layer.contrast, layer.expansion = mean_gain, contrast, expansion


def expansion(generator: keras.Model) -> float:
    """Returns the expansion of the layer `blocks.ChromaContrast` of a generator.

    Raises:
        ValueError: the generator has no such layer.
    """
    return _gains_of(generator).expansion


def before_gains(generator: keras.Model) -> keras.Model:
    """Returns the part of a generator up to its gains: lightness -> chroma, `(batch, smaller, smaller, 2)`."""
    import keras

    return keras.Model(automatic(generator).input, _gains_of(generator).input)


def after_gains(generator: keras.Model, chroma: Any) -> Any:
    """Returns what a generator with gains makes of chroma: ab, `(batch, height, width, 2)`."""
    return layer_of(generator, "ab")(_gains_of(generator)(chroma))


def _gains_of(generator):
    layer = layer_of(generator, "chroma_contrast")
    if layer is None:
        raise ValueError(f"`generator` must have been built with gains. Received: {generator.name} without them.")
    return layer


def stays_float32(name: str) -> bool:
    """Returns whether a layer of this name stays in float32 in mixed precision: heads, hints, likeness and strength."""
    return name in _FLOAT32_LAYERS or name.startswith((BRANCH, LIKENESS, STRENGTH))


def predicts_strength(generator: keras.Model) -> bool:
    """Returns whether a generator predicts the color strength of each photo."""
    return layer_of(generator, f"{STRENGTH}chroma") is not None


def limit_strength(generator: keras.Model, most: float) -> None:
    """Limits the factors of a generator that predicts the color strength of each photo.

    Bright photos of people get large factors, because most of their colors are certain; their faces become orange.

    Args:
        generator: Functional model.
        most: float, the largest factor, as for `strength.ScaleChroma`.

    Raises:
        ValueError: the generator does not predict strength, or `most` is too small.
    """
    layer = layer_of(generator, f"{STRENGTH}chroma")
    if layer is None:
        raise ValueError(f"`generator` must predict strength. Received: {generator.name}, which does not.")
    layer.most = most


def takes_hints(generator: keras.Model) -> bool:
    """Returns whether a generator has the second input `hints`."""
    return len(generator.inputs) > 1


def automatic(generator: keras.Model) -> keras.Model:
    """Returns the part of a generator that maps lightness to ab without hints: itself, if it takes none."""
    if not takes_hints(generator):
        return generator
    import keras

    return keras.Model(generator.input["lightness"], layer_of(generator, "ab").output, name=generator.name)


def layer_of(generator: keras.Model, name: str) -> Any:
    """Returns the layer of a generator with a name, or None."""
    return next((layer for layer in generator.layers if layer.name == name), None)


def decoder_features(generator: keras.Model) -> list[tuple[Any, int]]:
    """Returns the features of a generator's decoder, coarse to fine: pairs of symbolic tensor and stride."""
    layers = {layer.name: layer for layer in generator.layers}
    return [(layers[name].output, stride) for name, stride in DECODER_STRIDES.items() if name in layers]


def matching_features(generator: keras.Model) -> Any:
    """Returns the features by which places of photos are compared, or None if there are none.

    They are the decoder's at stride 8, which know both shapes and things: a symbolic tensor `(batch, height / 8,
    width / 8, channels)`.
    """
    found = [tensor for tensor, stride in decoder_features(generator) if stride == MATCHING_STRIDE]
    return found[-1] if found else None


def generator_metadata(image_size: int | None, training: dict[str, Any] | None = None) -> dict[str, Any]:
    """Returns the metadata of a generator, a dict for JSON.

    Args:
        image_size: int, side of the network's square input at inference, in pixels.
        training: dict for JSON or None: settings for fine-tuning.
    """
    return {
        "image_size": image_size,
        **({"training": training} if training else {}),
        "lightness_scale": lab.LIGHTNESS_SCALE,
        "ab_scale": lab.AB_SCALE,
        "package_version": tf_colorize.__version__,
    }
