"""One process of `benchmark.py train`: the full GAN step of tf_colorize, as JSON on the last line."""

import argparse
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from benchmarks import machine, operations
from tf_colorize import models
from tf_colorize.models import blocks


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generator", choices=("unet", "resnet18_unet"))
    parser.add_argument("--precision", choices=("float32", "mixed_bfloat16"))
    parser.add_argument("--batch-norm", choices=("fused", "plain"))
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--steps", type=int)
    arguments = parser.parse_args()
    keras.config.set_dtype_policy(arguments.precision)
    networks = [getattr(models, arguments.generator)(), models.patchgan()]
    if arguments.batch_norm == "plain":
        networks = [keras.models.clone_model(network, clone_function=_plain, recursive=True) for network in networks]
    model = models.Pix2Pix(*networks)
    model.compile()
    batch = synthetic_batch(arguments.batch_size, arguments.image_size)
    step = tf.function(lambda data: model.train_step(data), autograph=False)
    needed = operations.needed_operations(step.get_concrete_function(batch).graph)
    work = {"gflop": operations.gigaflop(needed), "gbyte": operations.gigabyte(needed)}
    with machine.OtherProcesses() as others:
        taken = machine.seconds(lambda: float(step(batch)["g_loss"]), arguments.steps)
    print(json.dumps({"seconds": taken, "others": others.share, **work, **_rates(arguments.precision)}))


def synthetic_batch(batch_size, image_size):
    """Returns random lightness in [-1, 1] and ab as dull as in most photos."""
    random = np.random.default_rng(0)
    lightness = random.uniform(-1, 1, (batch_size, image_size, image_size, 1))
    ab = random.uniform(-0.3, 0.3, (batch_size, image_size, image_size, 2))
    return tf.constant(lightness, tf.float32), tf.constant(ab, tf.float32)


def _plain(layer):
    is_fused = isinstance(layer, blocks.FusedBatchNormalization)
    kind = keras.layers.BatchNormalization if is_fused else type(layer)
    return kind.from_config(layer.get_config())


def _rates(precision):
    dtype = tf.float32 if precision == "float32" else tf.bfloat16
    matrix = tf.cast(tf.random.normal((machine.MATRIX_SIZE, machine.MATRIX_SIZE)), dtype)
    multiply = tf.function(lambda: tf.matmul(matrix, matrix))
    # A sum with a constant, because TensorFlow passes a copy by reference.
    values = tf.zeros(machine.COPIED_BYTES // 4)
    return machine.rates(multiply, tf.function(lambda: values + 1.0))


if __name__ == "__main__":
    main()
