"""Training with several workers and several devices follows training with one: real processes, small networks."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

TESTS = pathlib.Path(__file__).parent
SHORT = {"pretrain-epochs": 2, "epochs": 2, "steps-per-epoch": 3, "batch-size": 4, "average": 0.9}
TWENTY_STEPS = {"pretrain-epochs": 20, "epochs": 20, "steps-per-epoch": 1, "batch-size": 16, "average": 0.9}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for index in range(28):
        smooth = Image.fromarray(rng.integers(0, 256, (3, 4, 3), "uint8")).resize((60, 48), Image.Resampling.BICUBIC)
        smooth.save(folder / f"{index:02d}.png")
    return folder


def started(*arguments, **environment):
    """A process of `scripts/train.py` with small networks."""
    command = [sys.executable, str(TESTS / "training_worker.py"), *map(str, arguments)]
    path = os.pathsep.join([str(TESTS), str(TESTS.parent / "scripts"), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )


def options(photos, run_dir, length, *more):
    fixed = {"data": photos, "val-fraction": 0.25, "run-dir": run_dir, "image-size": 32, "encoder-weights": "none"}
    given = {**fixed, "precision": "float32", **length}
    return ["--deterministic", *(str(part) for name, value in given.items() for part in (f"--{name}", value)), *more]


def trained(photos, run_dir, length, *more, **environment):
    process = started(*options(photos, run_dir, length, *more), **environment)
    said, errors = process.communicate()
    assert process.returncode == 0, errors[-3000:]
    return rows(run_dir)


def rows(run_dir):
    text = (pathlib.Path(run_dir) / "history.jsonl").read_text()
    return [{k: v for k, v in json.loads(line).items() if k != "images_per_second"} for line in text.splitlines()]


def assert_close(one, other, rtol):
    assert [(row["stage"], row["epoch"]) for row in one] == [(row["stage"], row["epoch"]) for row in other]
    for first, second in zip(one, other):
        assert first.keys() == second.keys()
        for key in set(first) - {"stage"}:
            np.testing.assert_allclose(first[key], second[key], rtol=rtol, atol=1e-6, err_msg=f"{key} {first}")


@pytest.fixture(scope="module")
def two_workers(photos, tmp_path_factory):
    """The folder of a run of two workers, undisturbed, and of the state of both at the end of each stage."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "state").mkdir()
    trained(photos, folder / "run", SHORT, "--workers", 2, DUMP=str(folder / "state"))
    return folder


def test_all_state_is_the_same_on_both_workers_and_in_what_is_saved(two_workers):
    for stage in ("stage1", "stage2"):
        chief, other = (np.load(two_workers / "state" / f"{stage}-{index}.npz") for index in (0, 1))
        assert len(chief.files) > 20
        saved = tf.train.load_checkpoint(tf.train.latest_checkpoint(two_workers / "run" / "checkpoints" / stage))
        unequal = 0
        for index, name in enumerate(chief.files):
            np.testing.assert_array_equal(chief[name], other[name])
            value = saved.get_tensor(f"v{index:04d}/.ATTRIBUTES/VARIABLE_VALUE")
            if not np.array_equal(value, chief[name]):
                np.testing.assert_array_equal(value, 2 * chief[name])  # running metrics: the sums of both workers
                unequal += 1
        assert unequal < 30 and unequal % 2 == 0
