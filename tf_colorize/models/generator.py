"""What every other room needs to know about a generator: the only file that looks its layers up by name."""

from __future__ import annotations

import dataclasses
import importlib
import typing
from collections.abc import Callable
from typing import Any

import tf_colorize
from tf_colorize.color import lab
from tf_colorize.models import backbones

if typing.TYPE_CHECKING:
    import os

    import keras
    import numpy as np


SHIPPED_WEIGHTS_TERMS = (
    "The weights that ship with tf_colorize are meant for research and personal use: many of the photo sets they were "
    "trained on are for research only. The Apache-2.0 license of the code does not cover them."
)
"""The terms of use of the weights in `saved_models`: "terms" in their metadata, also in their card and the README.

Weights that users train carry no terms of ours.
"""

_BRANCH = "hints_"  # how the names of all layers of the branch for hints begin
_LIKENESS = "likeness_"  # and those of the layers of the mean over places that look alike
_FLOAT32_LAYERS = ("chroma_logits", "chroma", "chroma_contrast", "ab")

# The decoders' last layers, and how many pixels of the picture one of their values stands for.
_DECODER_STRIDES = {f"decoder{level}_relu": 2 ** (5 - level) for level in (1, 2, 3, 4)} | {
    f"up{level}_relu": 2**level for level in (4, 3, 2)
}


@dataclasses.dataclass(frozen=True)
class Kind:
    """What training must know about a generator before it is built."""

    size_multiple: int  # height and width must be multiples of it, in pixels
    encoder: str | None = None  # name of the encoder's layer; None: trained from scratch, as in the pix2pix paper
    imagenet: bool = False  # whether there are ImageNet weights for the encoder


# Each name is that of a file in this folder and of the function in it.
GENERATORS = {
    "resnet18_unet": Kind(size_multiple=32, encoder="resnet18", imagenet=True),
    "resnet34_unet": Kind(size_multiple=32, encoder="resnet34"),
    "unet": Kind(size_multiple=256),
}


def kind(name: str) -> Kind:
    """Returns the `Kind` of a generator.

    Args:
        name: str.

    Raises:
        ValueError: there is no such generator.
    """
    if name not in GENERATORS:
        raise ValueError(f"`generator` must be one of {', '.join(GENERATORS)}. Received: generator={name!r}")
    return GENERATORS[name]


def function(name: str) -> Callable[..., keras.Model]:
    """Returns the function that builds a generator.

    Args:
        name: str, a key of `GENERATORS`.
    """
    return getattr(importlib.import_module(f"tf_colorize.models.{name}"), name)


def build(
    name: str, encoder_weights: str | os.PathLike[str] | None = None, palette_options: dict[str, Any] | None = None
) -> keras.Model:
    """Returns a new generator with two channels out, a Functional model.

    Args:
        name: str, a key of `GENERATORS`.
        encoder_weights: as `backbones.resnet18` takes, for a generator with an encoder.
        palette_options: dict of the function's palette arguments, or None for a head without one.
    """
    if kind(name).encoder is None:
        return function(name)()
    return function(name)(encoder_weights, **(palette_options or {}))


def heads(generator: keras.Model) -> dict[str, Any]:
    """Returns what losses can act on: a dict of symbolic outputs of one pass through the generator.

    "ab": `(batch, height, width, 2)`. With a palette also "logits": `(batch, height / stride,
    width / stride, entries)`, float32.
    """
    logits = _layer(generator, "chroma_logits")
    return {"ab": generator.output} | ({} if logits is None else {"logits": logits.output})


def has_palette(generator: keras.Model) -> bool:
    """Returns whether a generator holds chroma as a distribution over a palette."""
    return "logits" in heads(generator)


def palette(generator: keras.Model) -> np.ndarray:
    """Returns the palette of a generator that has one, float32 `(entries, 2)` in [-1, 1]."""
    return _layer(generator, "chroma").palette


def palette_temperature(generator: keras.Model) -> float:
    """Returns the temperature of the annealed mean of a generator that has a palette."""
    return _layer(generator, "chroma").temperature


def palette_stride(generator: keras.Model) -> int:
    """Returns how many pixels of the picture, along one side, share one distribution over the palette."""
    return _layer(generator, "ab").factor


def pretrained_rates(factor: float) -> dict[str, float]:
    """Returns the `rate_factors` of `optimizers.FusedAdam` that slow the encoder's pretrained layers down.

    Args:
        factor: float, on the learning rate of the general features, from the stem to stride 16.
    """
    return dict.fromkeys(backbones.PRETRAINED_LAYERS, factor)


def freeze_encoder(generator: keras.Model, frozen: bool) -> None:
    """Freezes or thaws the encoder of a generator; one without an encoder stays as it is."""
    names = {known.encoder for known in GENERATORS.values()}
    for layer in generator.layers:
        if layer.name in names:
            layer.trainable = not frozen


def set_gains(generator: keras.Model, mean_gain: float, contrast: float, expansion: float) -> None:
    """Sets what the layer `blocks.ChromaContrast` of a generator does to its chroma.

    Args:
        generator: Functional model that was built with gains.
        mean_gain, contrast, expansion: floats, at least 0.

    Raises:
        ValueError: the generator has no such layer.
    """
    layer = _layer(generator, "chroma_contrast")
    if layer is None:
        raise ValueError(f"`generator` must have been built with gains. Received: {generator.name} without them.")
    layer.mean_gain, layer.contrast, layer.expansion = mean_gain, contrast, expansion


def stays_float32(name: str) -> bool:
    """Returns whether mixed precision leaves a layer of this name in float32: heads, hints and likeness."""
    return name in _FLOAT32_LAYERS or name.startswith((_BRANCH, _LIKENESS))


def takes_hints(generator: keras.Model) -> bool:
    """Returns whether a generator has the second input `hints`."""
    return len(generator.inputs) > 1


def add_hints(generator: keras.Model) -> keras.Model:
    """Returns a generator with the second input `hints`, of the same layers and an untrained branch.

    Without hints, that is where they are all zero, it gives what `generator` gives, to the last bit.

    Args:
        generator: Functional model, lightness -> ab.

    Input shape: a dict of "lightness", `(batch, height, width, 1)`, and "hints", float32 `(batch, height,
    width, 3)`: a* / 110, b* / 110 and 1 where a hint is, else all three 0; height and width multiples of
    the generator's and of 8. Output shape: `(batch, height, width, 2)`.

    Raises:
        ValueError: it takes hints already.
    """
    import keras

    from tf_colorize.models import hint_branch

    if takes_hints(generator):
        raise ValueError(f"`generator` must not take hints yet. Received: {generator.name}, which does.")
    lightness, ab = generator.inputs[0], generator.outputs[0]
    given = keras.Input((None, None, 3), name="hints")
    hinted = hint_branch.branch(_decoder_features(generator), lightness, ab, given)
    return keras.Model({"lightness": lightness, "hints": given}, hinted, name=generator.name)


def with_hints_of(generator: keras.Model, other: keras.Model) -> keras.Model:
    """Returns a generator with a trained branch for hints, as a start from which the branch soon fits it.

    Args:
        generator: Functional model, lightness -> ab, such as one that was trained further without its branch.
        other: One of the same architecture that takes hints.

    Raises:
        ValueError: `generator` takes hints already, or `other` does not or has another architecture.
    """
    hinted = add_hints(generator)
    own, branch = (
        {layer.name: layer for layer in model.layers if layer.name.startswith(_BRANCH)} for model in (hinted, other)
    )
    if set(own) != set(branch):
        raise ValueError(f"`other` must take hints and be built like {generator.name}. Received: {other.name}")
    for name, layer in own.items():
        layer.set_weights(branch[name].get_weights())
    return hinted


def add_nonlocal_mean(generator: keras.Model) -> keras.Model:
    """Returns a generator whose last features are mixed with their mean over places that look alike.

    All else is of the same layers, but for a branch for hints, which fitted the generator as it was: that is
    left out, and what looks alike to it is what looks alike at first. Without a branch that is left to training.

    Args:
        generator: Functional model whose decoder ends at stride 4.

    Raises:
        ValueError: its decoder ends at another stride, or it has that mean already.
    """
    import keras

    from tf_colorize.models import hint_branch, likeness

    if _layer(generator, f"{_LIKENESS}mean"):
        raise ValueError(f"`generator` must not have a nonlocal mean yet. Received: {generator.name}, which has.")
    plain = automatic(generator)
    lightness, features = plain.inputs[0], []
    last = [name for name in _DECODER_STRIDES if _layer(plain, name)][-1]

    def call(layer, *arguments, **options):
        outputs = layer(*arguments, **options)
        if layer.name in _DECODER_STRIDES:
            features.append((outputs, _DECODER_STRIDES[layer.name]))
        return likeness.nonlocal_mean(features, lightness, prefix=_LIKENESS) if layer.name == last else outputs

    model = keras.models.clone_model(
        plain, input_tensors=lightness, clone_function=lambda layer: layer, call_function=call
    )
    if takes_hints(generator):
        for layer in model.layers:
            twin = _layer(generator, layer.name.replace(_LIKENESS, _BRANCH))
            if layer.name.startswith(_LIKENESS) and twin is not None and twin.weights:
                layer.set_weights(hint_branch.for_nonlocal_mean(twin))
    return model


def automatic(generator: keras.Model) -> keras.Model:
    """Returns the part of a generator that maps lightness to ab without hints; one that takes none is that."""
    if not takes_hints(generator):
        return generator
    import keras

    return keras.Model(generator.input["lightness"], _layer(generator, "ab").output, name=generator.name)


def split_at_hints(generator: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Returns the two parts of a generator that takes hints: the second need not run where there are none.

    Returns:
        `(automatic, branch)`: a model lightness -> (dict of `heads`, automatic ab among them; list of tensors),
        and a model [*list, hints] -> ab.
    """
    import keras

    lightness, hints = generator.input["lightness"], generator.input["hints"]
    found = {**heads(generator), "ab": _layer(generator, "ab").output}
    seen = [lightness, found["ab"], *(tensor for tensor, _ in _decoder_features(generator))]
    return (
        keras.Model(lightness, (found, seen), name=generator.name),
        keras.Model([*seen, hints], generator.output, name=f"{generator.name}_hints"),
    )


def train_hints_only(generator: keras.Model) -> None:
    """Freezes all layers of a generator but those of its branch for hints."""
    for layer in generator.layers:
        layer.trainable = layer.name.startswith(_BRANCH)


def _decoder_features(generator):
    """Pairs of a decoder's features and their stride, coarse to fine."""
    layers = {layer.name: layer for layer in generator.layers}
    return [(layers[name].output, stride) for name, stride in _DECODER_STRIDES.items() if name in layers]


def generator_metadata(image_size: int | None, training: dict[str, Any] | None = None) -> dict[str, Any]:
    """Returns the metadata of a generator, a dict for JSON.

    Args:
        image_size: int, side of the square that the network sees at inference, in pixels.
        training: dict for JSON or None: settings for training it further.
    """
    return {
        "image_size": image_size,
        **({"training": training} if training else {}),
        "lightness_scale": lab.LIGHTNESS_SCALE,
        "ab_scale": lab.AB_SCALE,
        "package_version": tf_colorize.__version__,
    }


def _layer(generator, name):
    return next((layer for layer in generator.layers if layer.name == name), None)
