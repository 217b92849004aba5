"""The whole way of a picture as one TensorFlow graph, with the same steps as `Colorizer`."""

import keras
import tensorflow as tf

from tf_colorize import color
from tf_colorize.export import picture_ops

IMAGE_BYTES, COLOR_BYTES = "image_bytes", "color_bytes"


def build(generator, image_size, *, half_precision=False):
    """Returns a module that owns a generator's weights, and its signatures.

    The module holds no Keras object, so that what is saved loads where Keras is not.

    Args:
        generator: Keras model, lightness -> ab, in float32.
        image_size: int, side of the square that the network sees.
        half_precision: Whether kernels are stored as float16; they are computed with as float32.

    Returns:
        `(module, signatures)`: `tf.Module` with the list `generator_weights`, in the order of
        `generator.weights`, and a dict of `tf.function`s:

        - "serving_default": image_bytes, strings `(batch,)` -> color_bytes, strings `(batch,)`
        - "colorize": image, uint8 `(batch, height, width, 3)` -> image, the same
        - "predict_ab": lightness, float32 `(batch, image_size, image_size, 1)` -> ab, float32
          `(batch, image_size, image_size, 2)`
    """
    module, predict = _module(generator, half_precision)

    def finite(lightness):
        return tf.debugging.check_numerics(predict(lightness), "the network's ab")

    @tf.function(
        autograph=False,
        input_signature=[tf.TensorSpec((None, image_size, image_size, 1), tf.float32, name="lightness")],
    )
    def predict_ab(lightness):
        return {"ab": finite(lightness)}

    @tf.function(autograph=False, input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8, name="image")])
    def colorize(image):
        return {"image": _joined(image, finite(_network_lightness(image, image_size)))}

    @tf.function(autograph=False, input_signature=[tf.TensorSpec((None,), tf.string, name=IMAGE_BYTES)])
    def serving_default(image_bytes):
        return {COLOR_BYTES: _colorize_encoded(image_bytes, finite, image_size)}

    return module, {"serving_default": serving_default, "colorize": colorize, "predict_ab": predict_ab}


def build_fixed(generator, image_size):
    """Returns a module that owns a generator's weights, and its one function, for a fixed size.

    Returns:
        `(module, predict_ab)`: lightness, float32 `(1, image_size, image_size, 1)` -> ab, float32
        `(1, image_size, image_size, 2)`.
    """
    module, predict = _module(generator, half_precision=False)
    spec = tf.TensorSpec((1, image_size, image_size, 1), tf.float32, name="lightness")
    return module, tf.function(lambda lightness: {"ab": predict(lightness)}, autograph=False, input_signature=[spec])


def _module(generator, half_precision):
    """A `tf.Module` with the generator's weights, and a function that predicts with them."""
    module = tf.Module()
    # Vectors (biases, batch statistics) are few and may not fit float16's range.
    module.generator_weights = [
        tf.Variable(tf.cast(weight, tf.float16 if half_precision and len(weight.shape) > 1 else weight.dtype))
        for weight in generator.weights
    ]

    def predict(lightness):
        weights = [
            (variable, tf.cast(weight, variable.dtype))
            for variable, weight in zip(generator.weights, module.generator_weights)
        ]
        with keras.StatelessScope(state_mapping=weights):
            return generator(lightness, training=False)

    return module, predict


def _network_lightness(rgb, image_size):
    """float32 `(batch, image_size, image_size, 1)`, reduced with antialiasing."""
    size = (image_size, image_size)
    return tf.image.resize(color.rgb8_to_lightness(rgb), size, method="bilinear", antialias=True)


def _joined(rgb, ab):
    """uint8 `(batch, height, width, 3)`: a picture's own lightness with upsampled ab."""
    ab = tf.image.resize(ab, tf.shape(rgb)[1:3], method="bilinear", antialias=True)
    return color.lightness_ab_to_rgb8(color.rgb8_to_lightness(rgb), ab)


def _colorize_encoded(image_bytes, predict, image_size):
    """Pictures of different sizes one by one, the network on all of them at once."""
    count = tf.size(image_bytes)
    check = tf.debugging.Assert(count > 0, ["the batch is empty"])

    def read(index, pictures, squares):
        picture = picture_ops.decode(image_bytes[index], index)
        square = _network_lightness(picture[tf.newaxis, ..., :3], image_size)[0]
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
        rgb = _joined(picture[tf.newaxis, ..., :3], ab[index][tf.newaxis])[0]
        return picture_ops.encode(tf.concat([rgb, picture[..., 3:]], axis=-1), like=image_bytes[index])

    return tf.map_fn(write, tf.range(count), fn_output_signature=tf.string, parallel_iterations=1)
