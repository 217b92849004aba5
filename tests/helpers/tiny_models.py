"""Models small enough to work out by hand: ab is a constant plus a multiple of lightness."""

import functools
import pathlib
import tempfile

A, B = 0.20, -0.12  # ab at lightness 0
SLOPE = 0.10  # of both, per unit of lightness


@functools.cache
def keras_model(image_size=32):
    """Maps lightness `l` to ab `(A + SLOPE l, B + SLOPE l)`."""
    import keras
    import numpy as np

    lightness = keras.Input((image_size, image_size, 1), name="lightness")
    ab = keras.layers.Conv2D(2, 1, name="ab")(lightness)
    model = keras.Model(lightness, ab)
    model.get_layer("ab").set_weights([np.full((1, 1, 1, 2), SLOPE), np.array([A, B])])
    return model


STORED = pathlib.Path(__file__).parents[1] / "files" / "tiny_32.tflite"


def tflite_bytes(image_size=32):
    """The same as a TFLite file. That of 32 pixels is stored, for tests that run without TensorFlow."""
    return STORED.read_bytes() if image_size == 32 else converted(image_size)


@functools.cache
def converted(image_size):
    """The same, converted now."""
    import keras
    import tensorflow as tf

    model = keras_model(image_size)
    with tempfile.TemporaryDirectory() as folder:
        archive = keras.export.ExportArchive()
        archive.track(model)
        signature = [tf.TensorSpec((1, image_size, image_size, 1))]
        archive.add_endpoint("serve", model.call, input_signature=signature)
        archive.write_out(folder, verbose=False)
        return tf.lite.TFLiteConverter.from_saved_model(folder).convert()


def write_tflite(folder, image_size=32):
    path = pathlib.Path(folder) / "tiny.tflite"
    path.write_bytes(tflite_bytes(image_size))
    return path
