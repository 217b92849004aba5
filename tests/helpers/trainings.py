"""Short trainings on small pictures, in this process or in one that gets a signal."""

import dataclasses
import json
import pathlib

import small_networks

from tf_colorize import models
from tf_colorize.training import preparation, settings, stages


def config_of(photo_folder, run_dir, **changes):
    return settings.TrainConfig(
        **{
            "data": str(photo_folder),
            "val_fraction": 0.25,
            "run_dir": str(run_dir),
            "encoder_weights": "none",
            "image_size": 32,
            "batch_size": 4,
            "pretrain_epochs": 2,
            "epochs": 2,
            "steps_per_epoch": 3,
            "precision": "float32",
            "deterministic": True,
            **changes,
        }
    )


def trained(config):
    """Runs a training to its end and returns its folder."""
    return stages.train(config, report=lambda line: None)


def resumed(run_dir):
    """Resumes a run to its end and returns its history."""
    stages.train(settings.load(run_dir), resume=True, report=lambda line: None)
    return rows(run_dir)


def rows(run_dir):
    """The lines of a run's history, without the only number that differs each time."""
    text = (pathlib.Path(run_dir) / "history.jsonl").read_text()
    return [{k: v for k, v in json.loads(line).items() if k != "images_per_second"} for line in text.splitlines()]


def put_small_networks(patch):
    """Makes `training` use the small networks instead of the real ones, until the patch is undone."""
    patch.setattr(preparation, "build_generator", small_networks.generator)
    patchgan = models.patchgan
    patch.setattr(models, "patchgan", lambda **arguments: patchgan(filters=4, **arguments))


# Runs a training in a process of its own, with a checkpoint at every step, and ends the process with a signal in the
# middle of an epoch: after so many steps of both stages together.
INTERRUPTED = f"""
    import os, signal, sys
    sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
    import small_networks
    small_networks.install()
    from tf_colorize.training import checkpoints, reports, stages
    from tf_colorize.training import settings
    checkpoints.CHECKPOINT_MINUTES = 0.0
    class Line(reports.StateLine):
        steps = 0
        def on_train_batch_end(self, batch, logs=None):
            Line.steps += 1
            if Line.steps == STEPS:
                os.kill(os.getpid(), signal.SIGNAL)
    reports.StateLine = Line
    try:
        stages.train(settings.TrainConfig(**CONFIG), report=lambda line: None)
    except checkpoints.TrainingStopped as stop:
        print("stopped:", stop)
"""


def interrupted(config, steps, name):
    """The code of a training that gets a signal after a number of steps, counted over both stages."""
    code = INTERRUPTED.replace("STEPS", str(steps)).replace("SIGNAL", name)
    return code.replace("CONFIG", repr(dataclasses.asdict(config)))
