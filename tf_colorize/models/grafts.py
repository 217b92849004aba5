"""Adds parts to a trained generator, and separates them: the hints branch, the mean over similar-looking places."""

from __future__ import annotations

from typing import Any

import keras

from tf_colorize.models import anatomy, hint_branch, likeness, strength


def add_hints(generator: keras.Model, **options: Any) -> keras.Model:
    """Returns a generator with the second input `hints`, made of the same layers and an untrained branch.

    Without hints (all zero), its results are bit-identical to those of `generator`.

    Args:
        generator: Functional model, lightness -> ab.
        options: as for `hint_branch.branch`, to build the branch like an earlier one.

    Input shape: a dict of "lightness", `(batch, height, width, 1)`, and "hints", float32 `(batch, height, width, 3)`:
    a* / 110, b* / 110 and 1 at hints, zeros elsewhere; height and width multiples of the generator's and of 8. Output
    shape: `(batch, height, width, 2)`.

    Raises:
        ValueError: `generator` already takes hints.
    """
    if anatomy.takes_hints(generator):
        raise ValueError(f"`generator` must not take hints yet. Received: {generator.name}, which does.")
    lightness, ab = generator.inputs[0], generator.outputs[0]
    given = keras.Input((None, None, 3), name="hints")
    hinted = hint_branch.branch(anatomy.decoder_features(generator), lightness, ab, given, **options)
    return keras.Model({"lightness": lightness, "hints": given}, hinted, name=generator.name)


def with_hints_of(generator: keras.Model, other: keras.Model) -> keras.Model:
    """Returns a generator with the trained hints branch of another one, for fine-tuning of the branch.

    Args:
        generator: Functional model, lightness -> ab, such as one that was fine-tuned without its branch.
        other: Generator of the same architecture that takes hints.

    Raises:
        ValueError: `generator` already takes hints, or `other` does not or has another architecture.
    """
    hinted = add_hints(generator, **hint_branch.options_of(other))
    own, branch = (
        {layer.name: layer for layer in model.layers if layer.name.startswith(anatomy.BRANCH)}
        for model in (hinted, other)
    )
    if set(own) != set(branch):
        raise ValueError(f"`other` must take hints and be built like {generator.name}. Received: {other.name}")
    for name, layer in own.items():
        layer.set_weights(branch[name].get_weights())
    return hinted


def split_at_hints(generator: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Returns the two parts of a generator that takes hints; the second need not run without hints.

    Returns:
        `(automatic, branch)`: a model lightness -> (dict of `anatomy.heads`, including the automatic ab, and of
            "features", `anatomy.matching_features`, if there are any; list of tensors), and a model [*list, hints] ->
            ab.
    """
    lightness, hints = generator.input["lightness"], generator.input["hints"]
    found = {**anatomy.heads(generator), "ab": anatomy.layer_of(generator, "ab").output}
    features = anatomy.matching_features(generator)
    found |= {} if features is None else {"features": features}
    seen = [lightness, found["ab"], *(tensor for tensor, _ in anatomy.decoder_features(generator))]
    return (
        keras.Model(lightness, (found, seen), name=generator.name),
        keras.Model([*seen, hints], generator.output, name=f"{generator.name}_hints"),
    )


def loop_in_hints(generator: keras.Model) -> None:
    """Makes a loop of the repeated steps in the branch for hints, for converters that take long for many operations."""
    for layer in generator.layers:
        if isinstance(layer, hint_branch.SpreadHints):
            layer.loops = True


def train_hints_only(generator: keras.Model) -> None:
    """Freezes all layers of a generator except those of its hints branch."""
    for layer in generator.layers:
        layer.trainable = layer.name.startswith(anatomy.BRANCH)


def add_nonlocal_mean(generator: keras.Model) -> keras.Model:
    """Returns a generator whose last features are mixed with their mean over similar-looking places.

    The other layers are shared. A hints branch is dropped, because it was fitted to the old features, but its
    embedding initializes the new layer.

    Args:
        generator: Functional model whose decoder ends at stride 4.

    Raises:
        ValueError: its decoder ends at another stride, or it already has that mean.
    """
    if anatomy.layer_of(generator, f"{anatomy.LIKENESS}mean"):
        raise ValueError(f"`generator` must not have a nonlocal mean yet. Received: {generator.name}, which has one.")
    plain = anatomy.automatic(generator)
    lightness, features = plain.inputs[0], []
    last = [name for name in anatomy.DECODER_STRIDES if anatomy.layer_of(plain, name)][-1]

    def call(layer, *arguments, **options):
        outputs = layer(*arguments, **options)
        if layer.name in anatomy.DECODER_STRIDES:
            features.append((outputs, anatomy.DECODER_STRIDES[layer.name]))
        return likeness.nonlocal_mean(features, lightness, prefix=anatomy.LIKENESS) if layer.name == last else outputs

    model = keras.models.clone_model(
        plain, input_tensors=lightness, clone_function=lambda layer: layer, call_function=call
    )
    if anatomy.takes_hints(generator):
        for layer in model.layers:
            twin = anatomy.layer_of(generator, layer.name.replace(anatomy.LIKENESS, anatomy.BRANCH))
            if layer.name.startswith(anatomy.LIKENESS) and twin is not None and twin.weights:
                layer.set_weights(hint_branch.for_nonlocal_mean(twin))
    return model


def add_strength(generator: keras.Model) -> keras.Model:
    """Returns a generator that predicts the color strength of each photo, with factors that are 1 initially.

    The other layers are shared. A hints branch is dropped, because it was fitted to the old automatic colors.

    Args:
        generator: Functional model with a palette.

    Raises:
        ValueError: it has no palette, or already predicts strength.
    """
    if not anatomy.has_palette(generator) or anatomy.predicts_strength(generator):
        has = "one that already predicts it" if anatomy.predicts_strength(generator) else "one without a palette"
        raise ValueError(f"`generator` must have a palette and no strength yet. Received: {generator.name}, {has}.")
    plain = anatomy.automatic(generator)

    def call(layer, *arguments, **options):
        outputs = layer(*arguments, **options)
        if layer.name != anatomy.CHROMA:
            return outputs
        return strength.scaled(arguments[0], outputs, plain.inputs[0], prefix=anatomy.STRENGTH)

    return keras.models.clone_model(
        plain, input_tensors=plain.inputs[0], clone_function=lambda layer: layer, call_function=call
    )


def train_strength(generator: keras.Model, *, alone: bool) -> None:
    """Freezes the layers that predict color strength, or all others.

    Args:
        generator: One that predicts strength.
        alone: Whether to train only these layers. Otherwise the other layers stay as they are, frozen or not.
    """
    for layer in generator.layers:
        is_strength = layer.name.startswith(anatomy.STRENGTH)
        if alone or is_strength:
            layer.trainable = alone and is_strength
