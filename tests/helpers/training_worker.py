"""`tf-colorize train` with small networks, as one of the processes that tests start, controlled by its environment.

- EXACT: no dropout, and normalization by constants ("frozen") or over each half of a batch ("halves"), so that a
  batch in one process gives what two workers give with half of it each.
- KILL: "worker stage step": that worker gets SIGKILL at that step of that stage. STOP: the same with SIGTERM.
- REACHED: file that is made when a worker is about to get one of them.
- LOSSES: file for the losses of each step, as the chief logs them: a line of JSON each.
- DUMP: folder for all state of each worker at the end of each stage.
"""

import json
import os
import pathlib
import signal
import sys

from tf_colorize.commands import quiet, train

if "--workers" in sys.argv:  # it only starts this file again, for each worker, and needs no TensorFlow
    raise SystemExit(train.main())

with quiet.startup():
    import keras
    import numpy as np
    import small_networks
    import tensorflow as tf

    from tf_colorize import models
    from tf_colorize.models import blocks
    from tf_colorize.training import checkpoints, distribution, preparation, stages

INDEX = json.loads(os.environ.get("TF_CONFIG", '{"task": {"index": 0}}'))["task"]["index"]
_call = blocks.FusedBatchNormalization.call


def by_halves(layer, inputs, training=None, mask=None):
    if not training:
        return _call(layer, inputs, training=training)
    normalized = [
        tf.raw_ops.FusedBatchNormV3(
            x=half, scale=layer.gamma, offset=layer.beta, mean=[], variance=[], epsilon=layer.epsilon
        )
        for half in tf.split(inputs, 2)
    ]
    if not isinstance(layer, blocks._frozen.get()):
        for moving, place in ((layer.moving_mean, 1), (layer.moving_variance, 2)):
            batch = (normalized[0][place] + normalized[1][place]) / 2
            moving.assign(moving * layer.momentum + batch * (1.0 - layer.momentum))
    return tf.concat([one[0] for one in normalized], axis=0)


def install_exact(how):
    small, patchgan = preparation.build_generator, models.patchgan

    def without_dropout(config, report=print):
        generator = small(config)
        layers = {layer.name: layer for layer in generator.layers}
        x = layers["relu"](layers["norm"](layers["conv"](generator.input)))
        return frozen(keras.Model(generator.input, layers["ab"](x), name="small"))

    def frozen(model):
        for layer in model.layers if how == "frozen" else []:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
        return model

    preparation.build_generator = without_dropout
    models.patchgan = lambda **arguments: frozen(patchgan(**arguments))
    if how == "halves":
        blocks.FusedBatchNormalization.call = by_halves


def install_signals():
    class Saver(checkpoints.Checkpoints):
        def on_train_batch_end(self, batch, logs=None):
            here = f"{INDEX} {self.folder.name} {int(self.position) + 1}"
            for name, number in (("KILL", signal.SIGKILL), ("STOP", signal.SIGTERM)):
                if os.environ.get(name) == here:
                    pathlib.Path(os.environ["REACHED"]).touch()
                    os.kill(os.getpid(), number)
            if "LOSSES" in os.environ and INDEX == 0:
                with open(os.environ["LOSSES"], "a") as file:
                    line = {"stage": self.folder.name, **{key: float(value) for key, value in logs.items()}}
                    file.write(json.dumps(line) + "\n")
            super().on_train_batch_end(batch, logs)

        def finish(self):
            if "DUMP" in os.environ and not self.stop_agreed:
                values = [copy.numpy() for one in self._tracked for copy in distribution.copies(one)]
                np.savez(f"{os.environ['DUMP']}/{self.folder.name}-{INDEX}.npz", *values)
            super().finish()

    stages.checkpoints.Checkpoints = Saver


if __name__ == "__main__":
    small_networks.install()
    checkpoints.CHECKPOINT_MINUTES = 0.0
    if "EXACT" in os.environ:
        install_exact(os.environ["EXACT"])
    install_signals()
    if "DEVICES" in os.environ:
        one = tf.config.LogicalDeviceConfiguration()
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0], [one] * int(os.environ["DEVICES"])
        )
    raise SystemExit(train.main())
