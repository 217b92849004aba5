"""The complete pipeline as one TensorFlow graph, with the same steps as `Colorizer`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_colorize.color import tensors
from tf_colorize.export import margin_ops, picture_ops
from tf_colorize.hints import SIGNATURE
from tf_colorize.inference import signatures
from tf_colorize.models import anatomy, grafts, saving

IMAGE_BYTES, COLOR_BYTES = "image_bytes", "color_bytes"
_STRIP_PIXELS = 1 << 18


def build(
    generator: keras.Model, image_size: int, *, larger_sizes: Sequence[int] = (), half_precision: bool = False
) -> tuple[tf.Module, dict[str, Any]]:
    """Returns a module with a generator's weights, and its signatures.

    The module contains no Keras object, so the saved model loads without Keras.

    Args:
        generator: Keras model, lightness -> ab, in float32.
        image_size: int, side of the network's square input.
        larger_sizes: ints over `image_size`, in rising order: other sides at which it works.
        half_precision: Whether to store kernels as float16; the computation is in float32.

    Returns:
        `(module, signatures)`: `tf.Module` with the list `generator_weights`, in the order of
        `generator.weights`, and a dict of `tf.function`s:

        - "serving_default": image_bytes, strings `(batch,)` -> color_bytes, strings `(batch,)`
        - "colorize": image, uint8 `(batch, height, width, 3)` -> image, the same
        - "predict_ab": lightness, float32 `(batch, image_size, image_size, 1)` -> ab, float32
          `(batch, image_size, image_size, 2)`

        and, for a generator that takes hints, float32 `(batch, image_size, image_size, 3)`:

        - "colorize_with_hints": image and hints -> image
        - "predict_ab_with_hints": lightness and hints -> ab

        Larger sizes have signatures like the last of each kind, named by `signatures.of_size`. The network sees each
        picture at the largest size that enlarges nothing, or at that of its hints, if there are any.
    """
    module, predict = _module(generator, half_precision)
    networks = [_Network(predict, side) for side in (image_size, *larger_sizes)]

    @tf.function(autograph=False, input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8, name="image")])
    def colorize(image):
        return {"image": _colorize_pixels(image, networks)}

    sides = image_size if len(networks) == 1 else None
    specs = [*colorize.input_signature, tf.TensorSpec((None, sides, sides, 3), tf.float32, name="hints")]

    @tf.function(autograph=False, input_signature=specs)
    def colorize_with_hints(image, hints):
        return {"image": _colorize_pixels(image, networks, hints)}

    @tf.function(autograph=False, input_signature=[tf.TensorSpec((None,), tf.string, name=IMAGE_BYTES)])
    def serving_default(image_bytes):
        return {COLOR_BYTES: _colorize_encoded(image_bytes, networks)}

    found = {"serving_default": serving_default, "colorize": colorize, signatures.AUTOMATIC: networks[0].automatic}
    found |= {signatures.of_size(network.side): network.automatic for network in networks[1:]}
    if anatomy.takes_hints(generator):
        found |= {"colorize_with_hints": colorize_with_hints, SIGNATURE: networks[0].hinted}
        found |= {signatures.of_size(one.side, with_hints=True): one.hinted for one in networks[1:]}
    return module, found


class _Network:
    """A generator at one size. Its functions are stored once for all signatures that use them."""

    def __init__(self, predict, side):
        lightness = tf.TensorSpec((None, side, side, 1), tf.float32, name="lightness")
        hints = tf.TensorSpec((None, side, side, 3), tf.float32, name="hints")

        def finite(*inputs):
            return {"ab": tf.debugging.check_numerics(predict(*inputs)["ab"], "the network's ab")}

        def predict_ab(lightness):
            return finite(lightness)

        def predict_ab_with_hints(lightness, hints):
            return finite(lightness, hints)

        self.side = side
        self.automatic = tf.function(predict_ab, autograph=False, input_signature=[lightness])
        self.hinted = tf.function(predict_ab_with_hints, autograph=False, input_signature=[lightness, hints])
        self._without_color_in_margins = margin_ops.without_color_in_margins(side)

    def ab(self, pictures, get_rgb, *hints):
        """Returns the colors of pictures, `get_rgb` of each element, float32 `(batch, side, side, 2)`."""
        square = tf.TensorSpec((self.side, self.side, 1), tf.float32)
        squares = tf.map_fn(
            lambda one: _network_lightness(get_rgb(one), self.side),
            pictures,
            fn_output_signature=square,
            parallel_iterations=1,
        )
        found = self.hinted(squares, *hints) if hints else self.automatic(squares)
        return self._without_color_in_margins(squares, found["ab"], *hints)


def build_fixed(generator: keras.Model, *image_sizes: int) -> tuple[tf.Module, list[Any]]:
    """Returns a module with a generator's weights, and a function for each of several fixed sizes.

    Returns:
        `(module, functions)`, each: lightness, float32 `(1, image_size, image_size, 1)`, and, for a generator that
        takes them, hints, float32 `(1, image_size, image_size, 3)` -> a dict of ab, float32 `(1, image_size,
        image_size, 2)`, and, for a generator that takes hints, of two more if it has them: annealed_logits, float32
        `(1, image_size / stride, image_size / stride, entries)`, from which front ends suggest colors, and features,
        float32 `(1, image_size / 8, image_size / 8, channels)`, by which they compare places of photos.
    """
    module, predict = _module(generator, half_precision=False)

    def predict_heads(*inputs):
        return outputs(predict(*inputs), generator)

    functions = []
    for size in image_sizes:
        specs = [tf.TensorSpec((1, size, size, 1), tf.float32, name="lightness")]
        if anatomy.takes_hints(generator):
            specs.append(tf.TensorSpec((1, size, size, 3), tf.float32, name="hints"))
        functions.append(tf.function(predict_heads, autograph=False, input_signature=specs))
    return module, functions


def outputs(found: dict[str, Any], generator: keras.Model) -> dict[str, Any]:
    """Returns what a file for devices gives of what `grafts.split_at_hints` finds: see `build_fixed`."""
    given: dict[str, Any] = {name: found[name] for name in ("ab", "features") if name in found}
    if "logits" in found:
        # The input of the annealed mean's softmax. Converters fold the division by the temperature into the kernel of
        # the logits, unless the logits themselves are an output, which would change the last bit of ab.
        given["annealed_logits"] = found["logits"] / anatomy.palette_temperature(generator)
    return given


def _module(generator, half_precision):
    """Returns a `tf.Module` with the generator's weights, and a function that predicts with them, with or without
    hints."""
    if anatomy.takes_hints(generator):
        generator = saving.with_policy(generator, "float32")  # a copy, because Keras could not save the split generator
    module = tf.Module()
    # Vectors (biases, batch statistics) are small and may exceed the range of float16.
    module.generator_weights = [
        tf.Variable(tf.cast(weight, tf.float16 if half_precision and len(weight.shape) > 1 else weight.dtype))
        for weight in generator.weights
    ]
    automatic = anatomy.automatic(generator)
    parts = grafts.split_at_hints(generator) if anatomy.takes_hints(generator) else None

    def predict(lightness, hints=None):
        weights = [
            (variable, tf.cast(weight, variable.dtype))
            for variable, weight in zip(generator.weights, module.generator_weights)
        ]
        with keras.StatelessScope(state_mapping=weights):
            if hints is None:
                return {"ab": automatic(lightness, training=False)}
            found, seen = parts[0](lightness, training=False)
            given = tf.reduce_any(hints[..., 2:] > 0)
            # The branch takes longer than the rest, so it does not run without hints.
            ab = tf.cond(given, lambda: parts[1]([*seen, hints], training=False), lambda: tf.identity(found["ab"]))
            return {**found, "ab": ab}

    return module, predict


def _network_lightness(rgb, image_size):
    """Returns the network's input, float32 `(image_size, image_size, 1)`, for uint8 `(height, width, 3)`."""
    lightness = _by_rows(tensors.rgb8_to_lightness, rgb)
    return tf.image.resize(lightness[tf.newaxis], (image_size, image_size), method="bilinear", antialias=True)[0]


def _joined(rgb, ab):
    """Joins a picture's own lightness with upsampled ab, uint8 `(height, width, 3)`."""
    ab = tf.image.resize(ab[tf.newaxis], tf.shape(rgb)[:2], method="bilinear", antialias=True)[0]
    return _by_rows(lambda rgb, ab: tensors.lightness_ab_to_rgb8(tensors.rgb8_to_lightness(rgb), ab), rgb, ab)


def _by_rows(function, *images):
    """Applies a function of pixels to some rows at a time, so that intermediate results fit into the caches.

    This takes half the time of all rows at once, and a third of the memory.
    """
    height, width, _ = tf.unstack(tf.shape(images[0]))
    step = tf.maximum(1, _STRIP_PIXELS // width)
    count = (height + step - 1) // step
    result = function(*(image[:0] for image in images))  # only used for its type
    strips = tf.TensorArray(result.dtype, count, infer_shape=False, element_shape=(None, None, result.shape[-1]))

    def work(index, strips):
        rows = slice(index * step, (index + 1) * step)
        return index + 1, strips.write(index, function(*(image[rows] for image in images)))

    _, strips = tf.while_loop(lambda index, _: index < count, work, (tf.constant(0), strips), parallel_iterations=1)
    return strips.concat()


def _choice(networks, height, width):
    """Returns the index of the network that should see a picture, int32: the largest one that enlarges nothing."""
    pixels = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
    return tf.add_n([tf.constant(0), *(tf.cast(pixels >= one.side**2, tf.int32) for one in networks[1:])])


def _chosen(index, branches):
    return branches[0]() if len(branches) == 1 else tf.switch_case(index, branches)


def _colorize_pixels(image, networks, *hints):
    """Colorizes pictures of one size, uint8 `(batch, height, width, 3)`."""
    _, height, width, _ = tf.unstack(tf.shape(image))
    index = _choice(networks, *tf.unstack(tf.shape(hints[0])[1:3])) if hints else _choice(networks, height, width)

    def at(network):
        given = [tf.ensure_shape(one, (None, network.side, network.side, 3)) for one in hints]
        return network.ab(image, lambda rgb: rgb, *given)

    ab = _chosen(index, [functools.partial(at, network) for network in networks])
    pixels = tf.TensorSpec((None, None, 3), tf.uint8)
    return tf.map_fn(lambda pair: _joined(*pair), (image, ab), fn_output_signature=pixels)


def _colorize_encoded(image_bytes, networks):
    """Processes picture files of different sizes one by one, and runs each network once on all of its pictures."""
    count = tf.size(image_bytes)
    check = tf.debugging.Assert(count > 0, ["the batch is empty"])

    def read(index, pictures, choices):
        picture = picture_ops.decode(image_bytes[index], index)
        choice = _choice(networks, *tf.unstack(tf.shape(picture)[:2]))
        return index + 1, pictures.write(index, picture), choices.write(index, choice)

    with tf.control_dependencies([check]):
        first = tf.constant(0)
    pictures = tf.TensorArray(tf.uint8, count, infer_shape=False, element_shape=(None, None, 4), clear_after_read=False)
    choices = tf.TensorArray(tf.int32, count, element_shape=())
    _, pictures, choices = tf.while_loop(
        lambda index, *_: index < count, read, (first, pictures, choices), parallel_iterations=1
    )
    choices = choices.stack()
    is_of = [choices == choice for choice in range(len(networks))]
    found = [_ab_of(network, tf.where(mine)[:, 0], pictures) for network, mine in zip(networks, is_of)]
    places = [tf.cumsum(tf.cast(mine, tf.int32)) - 1 for mine in is_of]  # of each picture among those of its network

    def write(index):
        picture = pictures.read(index)
        pairs = zip(found, places)
        ab = _chosen(choices[index], [functools.partial(lambda ab, place: ab[place[index]], *pair) for pair in pairs])
        rgb = _joined(picture[..., :3], ab)
        return picture_ops.encode(tf.concat([rgb, picture[..., 3:]], axis=-1), like=image_bytes[index])

    return tf.map_fn(write, tf.range(count), fn_output_signature=tf.string, parallel_iterations=1)


def _ab_of(network, indices, pictures):
    """Returns the colors of some of the pictures, possibly none, which not every runtime's convolutions accept."""
    return tf.cond(
        tf.size(indices) > 0,
        lambda: network.ab(tf.cast(indices, tf.int32), lambda index: pictures.read(index)[..., :3]),
        lambda: tf.zeros((0, network.side, network.side, 2)),
    )
