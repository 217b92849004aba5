"""Runs of `tf-colorize train` with small networks: alone, or as the processes of a cluster."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
from PIL import Image

from tf_colorize.commands import launcher

TESTS = pathlib.Path(__file__).parent


def write_photos(folder):
    rng = np.random.default_rng(0)
    for index in range(28):
        smooth = Image.fromarray(rng.integers(0, 256, (3, 4, 3), "uint8")).resize((60, 48), Image.Resampling.BICUBIC)
        smooth.save(folder / f"{index:02d}.png")


def options(photos, run_dir, length, *more):
    """The arguments of a reproducible run in float32."""
    fixed = {"data": photos, "val-fraction": 0.25, "run-dir": run_dir, "image-size": 32, "encoder-weights": "none"}
    given = {**fixed, "precision": "float32", "average": 0.9, **length}
    return ["--deterministic", *(str(part) for name, value in given.items() for part in (f"--{name}", value)), *more]


def started(*arguments, **environment):
    """A running process; `training_worker.py` lists what its environment can request."""
    command = [sys.executable, str(TESTS / "training_worker.py"), *map(str, arguments)]
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, **{name: str(value) for name, value in environment.items()}}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def started_by_hand(*arguments, **environment):
    """Two processes with a `TF_CONFIG` as users write it, without the launcher."""
    addresses = [f"localhost:{port}" for port in launcher.free_ports(2)]
    both = [started(*arguments, TF_CONFIG=launcher.tf_config(addresses, index), **environment) for index in (0, 1)]
    for index, process in enumerate(both):
        launcher._bind(process.pid, index, 2)  # other numbers of threads round sums differently
    return both


def trained(run_dir, *arguments, **environment):
    """Waits for a run to end and returns the epochs that it logged."""
    process = started(*arguments, **environment)
    _, errors = process.communicate()
    assert process.returncode == 0, errors[-3000:]
    return rows(run_dir)


def rows(run_dir):
    """The lines of a run's history, without the only number that differs each time."""
    text = (pathlib.Path(run_dir) / "history.jsonl").read_text()
    return [{k: v for k, v in json.loads(line).items() if k != "images_per_second"} for line in text.splitlines()]


def assert_close(one, other, rtol):
    assert [(row["stage"], row["epoch"]) for row in one] == [(row["stage"], row["epoch"]) for row in other]
    for first, second in zip(one, other):
        assert first.keys() == second.keys()
        for key in set(first) - {"stage"}:
            np.testing.assert_allclose(first[key], second[key], rtol=rtol, atol=1e-6, err_msg=f"{key} {first}")
