"""The complete pipeline as one TensorFlow graph, with the same steps as `Colorizer`."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_colorize.color import tensors
from tf_colorize.export import margin_ops, picture_ops
from tf_colorize.hints import SIGNATURE
from tf_colorize.models import anatomy, grafts, saving

IMAGE_BYTES, COLOR_BYTES = "image_bytes", "color_bytes"
_STRIP_PIXELS = 1 << 18


def build(generator: keras.Model, image_size: int, *, half_precision: bool = False) -> tuple[tf.Module, dict[str, Any]]:
    """Returns a module with a generator's weights, and its signatures.

    The module contains no Keras object, so the saved model loads without Keras.

    Args:
        generator: Keras model, lightness -> ab, in float32.
        image_size: int, side of the network's square input.
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
    """
    module, predict = _module(generator, half_precision)
    without_color_in_margins = margin_ops.without_color_in_margins(image_size)

    def finite(*inputs):
        return tf.debugging.check_numerics(predict(*inputs)["ab"], "the network's ab")

    def kept(squares, *hints):
        return without_color_in_margins(squares, finite(squares, *hints), *hints)

    def colored(image, *hints):
        square = tf.TensorSpec((image_size, image_size, 1), tf.float32)
        squares = tf.map_fn(lambda rgb: _network_lightness(rgb, image_size), image, fn_output_signature=square)
        pixels = tf.TensorSpec((None, None, 3), tf.uint8)
        ab = kept(squares, *hints)
        return {"image": tf.map_fn(lambda pair: _joined(*pair), (image, ab), fn_output_signature=pixels)}

    image_spec = tf.TensorSpec((None, None, None, 3), tf.uint8, name="image")
    lightness_spec = tf.TensorSpec((None, image_size, image_size, 1), tf.float32, name="lightness")
    hints_spec = tf.TensorSpec((None, image_size, image_size, 3), tf.float32, name="hints")

    @tf.function(autograph=False, input_signature=[lightness_spec])
    def predict_ab(lightness):
        return {"ab": finite(lightness)}

    @tf.function(autograph=False, input_signature=[lightness_spec, hints_spec])
    def predict_ab_with_hints(lightness, hints):
        return {"ab": finite(lightness, hints)}

    @tf.function(autograph=False, input_signature=[image_spec])
    def colorize(image):
        return colored(image)

    @tf.function(autograph=False, input_signature=[image_spec, hints_spec])
    def colorize_with_hints(image, hints):
        return colored(image, hints)

    @tf.function(autograph=False, input_signature=[tf.TensorSpec((None,), tf.string, name=IMAGE_BYTES)])
    def serving_default(image_bytes):
        return {COLOR_BYTES: _colorize_encoded(image_bytes, kept, image_size)}

    signatures = {"serving_default": serving_default, "colorize": colorize, "predict_ab": predict_ab}
    if anatomy.takes_hints(generator):
        signatures |= {"colorize_with_hints": colorize_with_hints, SIGNATURE: predict_ab_with_hints}
    return module, signatures


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


def _colorize_encoded(image_bytes, predict, image_size):
    """Processes pictures of different sizes one by one, and runs the network on all of them at once."""
    count = tf.size(image_bytes)
    check = tf.debugging.Assert(count > 0, ["the batch is empty"])

    def read(index, pictures, squares):
        picture = picture_ops.decode(image_bytes[index], index)
        square = _network_lightness(picture[..., :3], image_size)
        return index + 1, pictures.write(index, picture), squares.write(index, square)

    with tf.control_dependencies([check]):
        first = tf.constant(0)
    pictures = tf.TensorArray(tf.uint8, count, infer_shape=False, element_shape=(None, None, 4))
    squares = tf.TensorArray(tf.float32, count, element_shape=(image_size, image_size, 1))
    _, pictures, squares = tf.while_loop(
        lambda index, *_: index < count, read, (first, pictures, squares), parallel_iterations=1
    )
    ab = predict(squares.stack())

    def write(index):
        picture = pictures.read(index)
        rgb = _joined(picture[..., :3], ab[index])
        return picture_ops.encode(tf.concat([rgb, picture[..., 3:]], axis=-1), like=image_bytes[index])

    return tf.map_fn(write, tf.range(count), fn_output_signature=tf.string, parallel_iterations=1)
