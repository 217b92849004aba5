"""One process of `scale training`: trains stage 2 of the shipped network, and times only requested steps.

It reads commands from stdin, one per line, and answers each with a line of JSON: `steps N` trains N steps, `messages N`
sends the messages of N steps without training, `end` stops.
"""

import argparse
import json
import os
import tempfile
import time

import keras
import tensorflow as tf

from benchmarks import machine
from tf_colorize import losses, metrics, models, optimizers
from tf_colorize.data import pipeline, selection
from tf_colorize.models import anatomy
from tf_colorize.training import checkpoints, distribution, loop, preparation, resolving, settings


class Turns(keras.callbacks.Callback):
    """Waits before a step until a command requests it."""

    def __init__(self, send):
        super().__init__()
        self.send = send
        self.left, self.begun = 0, None

    def on_train_batch_begin(self, batch, logs=None):
        while not self.left:
            if self.begun is not None:
                answer({"seconds": time.perf_counter() - self.begun})
            command, count = f"{input()} 0".split()[:2]
            if command == "end":
                os._exit(0)
            if command == "messages":
                self.begun = None
                answer({"seconds": machine.seconds(self.send, int(count))})
            else:
                self.left, self.begun = int(count), time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1


def answer(value):
    print(json.dumps(value), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("image-size", "batch-size"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--precision")
    arguments = parser.parse_args()
    workers = distribution.start("auto", report=lambda line: None)
    config = settings.TrainConfig(
        encoder_weights="none",
        pretrain_loss="classification",
        image_size=arguments.image_size,
        batch_size=arguments.batch_size,
        precision=arguments.precision,
    )
    config = resolving.resolve(config)
    workers.check(config.batch_size)
    keras.config.set_dtype_policy(config.precision)
    model = build(config, workers)
    paths = selection.find_photos("sample").paths
    batches = pipeline.training_batches(paths, config.image_size, config.batch_size, seed=0, share=workers.share)
    validation = pipeline.image_dataset(paths, config.image_size, config.batch_size)
    loop.create_metrics(workers, model, validation)
    parts = sent(model)
    n_bytes = {name: sum(variable.numpy().nbytes for variable in part) for name, part in parts.items()}
    answer({"precision": config.precision, "bytes": n_bytes})
    with tempfile.TemporaryDirectory() as folder:
        saver = checkpoints.Checkpoints(folder, [], steps_per_epoch=10**9, workers=workers)
        turns = Turns(sender(workers, parts.values()))
        loop.fit(workers, model, batches, 10**9, range(1), validation, [turns], saver)


def build(config, workers):
    generator = workers.replicated(lambda: preparation.build_generator(config, report=lambda line: None))
    discriminator = workers.replicated(models.patchgan)
    term = losses.Classification(losses.PaletteCrossentropy(anatomy.palette(generator)))
    with workers.scope():
        model = models.Pix2Pix(generator, discriminator, 0.0, [losses.Term("classification", 1.0, term)])
        both = [optimizers.FusedAdam(config.learning_rate, beta_1=models.pix2pix.BETA_1) for _ in range(2)]
        model.compile(both[0], metrics=[metrics.DeltaE()], discriminator_optimizer=both[1])
    return model


def sent(model):
    """Returns variables with the sizes of those that the workers sum in each step."""
    return {
        "gradients of the discriminator": model.discriminator.trainable_variables,
        "gradients of the generator": model.generator.trainable_variables,
        "moving statistics": [one for one in model.non_trainable_variables if one.dtype == "float32"],
    }


def sender(workers, parts):
    @tf.function
    def send():
        def replica():
            reduce = tf.distribute.get_replica_context().all_reduce
            first, second, statistics = [[tf.identity(one.value) for one in part] for part in parts]
            last = reduce("mean", tf.concat([tf.reshape(one, [-1]) for one in statistics], axis=0))
            return reduce("sum", first), reduce("sum", second), last

        workers.strategy.run(replica)

    return send


if __name__ == "__main__":
    main()
