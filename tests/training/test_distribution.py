"""What a cluster is, what can be distributed, and the launcher: without any training."""

import os
import pathlib
import re
import socket
import subprocess
import time

import pytest
import tensorflow as tf

from tf_colorize.commands import launcher
from tf_colorize.training import checkpoints, distribution, resolving, settings, tf_config


@pytest.mark.parametrize(
    "text, reason",
    [
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        ('{"cluster": {"worker": ["a:1", "b:2"]}}', "KeyError: 'task'"),
        ('{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 2}}', "task worker 2 is not in"),
        ('{"cluster": {"worker": ["a:1"], "ps": ["b:2"]}, "task": {"type": "ps", "index": 0}}', "unknown job ps"),
        ('{"cluster": {"worker": ["a:1", "b"]}, "task": {"type": "worker", "index": 0}}', "'b' is not host:port"),
        ('{"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}}', "occurs twice"),
    ],
)
def test_a_broken_cluster_is_explained(text, reason):
    with pytest.raises(ValueError, match=r"TF_CONFIG must look like .*cluster") as caught:
        tf_config.parse(text)
    assert reason in str(caught.value)


def test_the_chief_comes_first():
    text = '{"cluster": {"chief": ["a:1"], "worker": ["b:2", "c:3"]}, "task": {"type": "worker", "index": 1}}'
    assert tf_config.parse(text) == tf_config.Cluster(["a:1", "b:2", "c:3"], 2)
    assert tf_config.parse("") is None


def test_a_worker_that_stops_answering_is_noticed_and_named(monkeypatch):
    monkeypatch.setattr(tf_config, "_SECONDS_BETWEEN_CHECKS", 0.02)
    monkeypatch.setattr(tf_config, "_PATIENCE", 0.1)
    said = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        workers = tf_config.Cluster(["127.0.0.1:1", address], 0)
        with workers.watched(said.append):
            time.sleep(0.5)
            assert said == [] and workers.gone() == []
            server.close()
            deadline = time.monotonic() + 20
            while not said and time.monotonic() < deadline:
                time.sleep(0.02)
    assert said == [workers.lost([1])] and f"worker 1 ({address}) of 2 is gone" in said[0]


@pytest.mark.parametrize(
    "distribute, environment, message",
    [
        ("both", "", "must be one of auto, none, mirrored, workers. Received: distribute='both'"),
        ("workers", "", "needs the environment variable TF_CONFIG"),
        ("mirrored", "", "needs at least two GPUs. Received: 0 GPUs"),
        ("auto", "nonsense", "TF_CONFIG must look like"),
    ],
)
def test_training_that_cannot_be_distributed_is_rejected(monkeypatch, distribute, environment, message):
    monkeypatch.setenv("TF_CONFIG", environment)
    with pytest.raises(ValueError, match=message):
        distribution.start(distribute, report=lambda line: None)


def test_a_batch_must_divide_among_all_devices():
    strategy = type("Strategy", (), {"num_replicas_in_sync": 3})()
    with pytest.raises(ValueError, match="`batch_size` .* multiple of their number, 3. Received: batch_size=16"):
        distribution.Workers(strategy).check(16)
    distribution.Workers(strategy).check(15)


def test_precision_follows_the_gpus(monkeypatch):
    capability = {"first": (8, 0), "second": (9, 0)}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: list(capability))
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda gpu: {"compute_capability": capability[gpu]}
    )
    auto = settings.TrainConfig(precision="auto")
    assert resolving.resolve(auto).precision == "mixed_bfloat16"
    capability["second"] = (7, 5)
    assert resolving.resolve(auto).precision == "float32"


def test_the_launcher_removes_its_own_option():
    arguments = ["train.py", "--workers", "2", "--mode", "gan", "--workers=3"]
    assert launcher._without_option(arguments) == ["train.py", "--mode", "gan"]


@pytest.mark.parametrize("environment, workers", [({}, 0), ({"TF_CONFIG": "{}"}, 2)])
def test_the_launcher_rejects_invalid_arguments(monkeypatch, environment, workers):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match="`--workers`"):
        launcher.run(["train.py"], workers)


def test_the_launcher_shows_the_error_of_the_first_failed_process(tmp_path, capsys):
    script = tmp_path / "script.py"
    script.write_text(
        "import json, os, sys, time\n"
        "index = json.loads(os.environ['TF_CONFIG'])['task']['index']\n"
        "time.sleep(0 if index == 1 else 2)\n"
        "print('broken' if index == 1 else 'worker 1 is gone', file=sys.stderr)\n"
        "sys.exit(1 if index == 1 else 3)\n"
    )
    assert launcher.run([str(script), "--workers", "3"], 3) == 1
    assert capsys.readouterr().err == "worker 1: broken\n"


def test_checkpoints_alone_need_no_workers(tmp_path):
    assert checkpoints.Checkpoints(tmp_path, [], steps_per_epoch=1).workers.share == (0, 1)


EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("file", ["slurm/train.sh", "kubernetes/train.yml"])
def test_the_examples_for_clusters_make_the_right_tf_config(tmp_path, file):
    lines = [line.strip() for line in (EXAMPLES / file).read_text().splitlines()]
    making = [line for line in lines if re.match(r"hosts=|task=|export TF_CONFIG=", line)]
    programs = {"scontrol": 'echo "$3" | tr , "\\n"'}  # `show hostnames LIST`
    for name, code in programs.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{code}\n")
        (tmp_path / name).chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SLURM_JOB_NODELIST": "node1,node2,node3",
        "SLURM_PROCID": "2",
        "JOB_COMPLETION_INDEX": "2",
    }
    script = "\n".join([*making, 'printf %s "$TF_CONFIG"'])
    made = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment, check=True).stdout
    names = ["node1", "node2", "node3"] if "slurm" in file else [f"train-{index}.train" for index in range(4)]
    assert tf_config.parse(made) == tf_config.Cluster([f"{name}:12345" for name in names], 2)
