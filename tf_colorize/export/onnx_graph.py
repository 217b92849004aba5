"""TensorFlow functions of a generator for conversion to ONNX, with and without the steps around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tf_colorize.color import tensors
from tf_colorize.export import graph, margin_ops
from tf_colorize.models import anatomy, grafts, saving

STRIP_PIXELS = 1 << 17


def network(generator: keras.Model, image_size: int | None) -> Any:
    """Returns a `tf.function` of a generator for any batch, and one size or any that the generator can process.

    Args:
        generator: Keras model, lightness -> ab.
        image_size: int, side of the network's square input; None: its height and width are not fixed.

    Returns:
        A function of lightness, float32 `(batch, height, width, 1)`, and, for a generator that takes them, hints,
        float32 `(batch, height, width, 3)`, that returns the dict of `graph.build_fixed`.
    """
    specs = [tf.TensorSpec((None, image_size, image_size, 1), tf.float32, name="lightness")]
    if not anatomy.takes_hints(generator):
        automatic = _with_constants(generator)
        return tf.function(lambda lightness: {"ab": automatic(lightness)}, autograph=False, input_signature=specs)
    specs.append(tf.TensorSpec((None, image_size, image_size, 3), tf.float32, name="hints"))
    generator = saving.with_policy(generator, "float32")  # a copy
    grafts.loop_in_hints(generator)  # otherwise conversion takes minutes
    automatic, branch = map(_with_constants, grafts.split_at_hints(generator))

    def predict(lightness, hints):
        found, seen = automatic(lightness)
        given = tf.reduce_any(hints[..., 2:] > 0)

        def hinted():
            # The converter does not know the shapes of a branch's outer tensors unless they are set again inside.
            return branch([_with_shape(tensor) for tensor in (*seen, hints)])

        ab = tf.cond(given, hinted, lambda: tf.identity(found["ab"]))
        return graph.outputs({**found, "ab": ab}, generator)

    return tf.function(predict, autograph=False, input_signature=specs)


def _with_shape(tensor):
    """Returns a tensor `(batch, height, width, channels)` with its shape set again."""
    _, *sides = tensor.shape
    known = [tf.shape(tensor)[axis] if side is None else side for axis, side in enumerate(sides, start=1)]
    return tf.reshape(tensor, [-1, *known])


def picture(generator: keras.Model, image_size: int) -> Any:
    """Returns a `tf.function` of the whole pipeline, with the same steps as `Colorizer`.

    Pictures are processed in strips, so that memory, except for input and output, does not grow with them.

    Args:
        generator: Keras model, lightness -> ab.
        image_size: int, side of the network's square input.

    Returns:
        A function of image, uint8 `(1, height, width, 3)`, sRGB, that returns a dict of color, the same.
    """
    predict = _with_constants(anatomy.automatic(generator))
    without_color_in_margins = margin_ops.without_color_in_margins(image_size)

    def colorize(image):
        height, width = tf.shape(image)[1], tf.shape(image)[2]
        rows = tf.maximum(1, STRIP_PIXELS // width)
        count = (height + rows - 1) // rows

        def strips(of_rows):
            missing = count * rows - height
            padded = tf.pad(of_rows, [[0, missing]] + [[0, 0]] * (len(of_rows.shape) - 1))
            return tf.reshape(padded, tf.concat([[count, rows], tf.shape(of_rows)[1:]], 0))

        rgb = strips(image[0])
        across = tf.transpose(_triangles(width, image_size))
        half = tf.map_fn(
            lambda strip: tensors.rgb8_to_lightness(strip)[..., 0] @ across,
            rgb,
            fn_output_signature=tf.TensorSpec((None, image_size), tf.float32),
        )
        half = tf.reshape(half, (count * rows, image_size))[:height]
        square = _triangles(height, image_size) @ half
        square = square[tf.newaxis, :, :, tf.newaxis]
        ab = without_color_in_margins(square, predict(square))[0]
        wide = tf.transpose(ab, (2, 0, 1)) @ tf.transpose(_triangles(image_size, width))

        def joined(strip):
            pixels, down = strip
            planes = tf.matmul(tf.broadcast_to(down, tf.concat([[2], tf.shape(down)], 0)), wide)
            return tensors.lightness_ab_to_rgb8(tensors.rgb8_to_lightness(pixels), tf.transpose(planes, (1, 2, 0)))

        color = tf.map_fn(
            joined,
            (rgb, strips(_triangles(image_size, height))),
            fn_output_signature=tf.TensorSpec((None, None, 3), tf.uint8),
        )
        return {"color": tf.reshape(color, (1, count * rows, width, 3))[:, :height]}

    spec = tf.TensorSpec((1, None, None, 3), tf.uint8, name="image")
    return tf.function(colorize, autograph=False, input_signature=[spec])


def _with_constants(model: keras.Model) -> Callable[[Any], Any]:
    """Returns a function that predicts with a model's weights as constants, created where they are used, as converters
    require."""
    values = [(weight, weight.numpy()) for weight in model.weights]

    def predict(inputs):
        constants = [(weight, tf.constant(value, weight.dtype)) for weight, value in values]
        with keras.StatelessScope(state_mapping=constants):
            return model(inputs, training=False)

    return predict


def _triangles(size, new_size):
    """Returns the matrix that resizes bilinearly with antialiasing, as in Pillow, float32 `(new_size, size)`.

    Matrix products give the same results in every runtime, unlike "resize" operations.
    """
    scale = tf.cast(size, tf.float32) / tf.cast(new_size, tf.float32)
    centers = (tf.cast(tf.range(new_size), tf.float32) + 0.5) * scale
    places = tf.cast(tf.range(size), tf.float32) + 0.5
    weights = tf.nn.relu(1.0 - tf.abs(places - centers[:, tf.newaxis]) / tf.maximum(scale, 1.0))
    return weights / tf.reduce_sum(weights, axis=1, keepdims=True)
