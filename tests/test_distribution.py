"""Training with several workers and several devices follows training with one: real processes, small networks."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_colorize.commands import launcher
from tf_colorize.training import checkpoints, cluster, distribution
from tf_colorize.training import config as train_config

TESTS = pathlib.Path(__file__).parent
SHORT = {"pretrain-epochs": 2, "epochs": 2, "steps-per-epoch": 3, "batch-size": 4, "average": 0.9}
TWENTY_STEPS = {"pretrain-epochs": 1, "epochs": 1, "steps-per-epoch": 20, "batch-size": 16, "average": 0.9}


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


KILLED = [(0, 2), (1, 5), (0, 11), (1, 8)]  # worker, step: in the first stage and in the second


@pytest.mark.parametrize(
    "worker, step",
    [KILLED[3], *(pytest.param(*one, marks=pytest.mark.slow) for one in KILLED[:3])],
)
def test_a_killed_worker_stops_all_and_the_run_resumes(photos, two_workers, tmp_path, worker, step):
    begin = time.monotonic()
    arguments = options(photos, tmp_path / "run", SHORT, "--workers", 2)
    process = started(*arguments, KILL=f"{worker} {step}")
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 1
    told = [line for line in errors.splitlines() if " is gone" in line or "was ended by SIGKILL" in line]
    expected = f"worker {worker} of 2 was ended by SIGKILL" if worker == 0 else r"train.py: worker 1 (127.0.0.1:"
    assert len(told) == 1 and expected in told[0], errors
    assert len(errors.splitlines()) <= 2, errors  # and how to continue
    assert time.monotonic() - begin < 230
    process = started("--resume", tmp_path / "run", "--workers", 2)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert rows(tmp_path / "run") == rows(two_workers / "run")  # to the last bit


def by_hand(count):
    """`TF_CONFIG` for each of so many workers, as people write it without the launcher."""
    addresses = [f"localhost:{port}" for port in launcher.free_ports(count)]
    return [launcher.tf_config(addresses, index) for index in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("worker, step", [(0, 5), (1, 11)])
def test_workers_started_by_hand_end_within_a_minute_when_one_is_killed(photos, tmp_path, worker, step):
    arguments = options(photos, tmp_path / "run", SHORT)
    processes = [started(*arguments, TF_CONFIG=one, KILL=f"{worker} {step}") for one in by_hand(2)]
    processes[worker].wait(timeout=240)
    died = time.monotonic()
    _, errors = processes[1 - worker].communicate(timeout=60)
    assert time.monotonic() - died < 60 and processes[1 - worker].returncode in (1, launcher.FOLLOWED)
    assert processes[worker].returncode == -signal.SIGKILL
    lines = errors.splitlines()
    assert f"worker {worker} (localhost:" in lines[0] and "is gone" in lines[0] and len(lines) <= 2, errors


@pytest.mark.slow
def test_a_stop_asked_of_any_worker_stops_all_and_another_number_of_workers_goes_on(photos, tmp_path):
    arguments = options(photos, tmp_path / "run", SHORT, "--workers", 2)
    process = started(*arguments, EXACT="halves", STOP="1 7")
    said, errors = process.communicate()
    assert process.returncode == 1 and errors.count("stopped at step 2; the state is saved.") == 1, errors
    stopped_in = "stage2" if (tmp_path / "run" / "checkpoints" / "stage2").exists() else "stage1"
    assert stopped_in == "stage2"
    process = started("--resume", tmp_path / "run", EXACT="halves")
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    whole = trained(photos, tmp_path / "whole", SHORT, EXACT="halves")
    assert_close(rows(tmp_path / "run"), whole, rtol=1e-3)


def losses(path):
    """The losses of each step, `(stage, step, name)`, from the means over the epoch so far that are logged."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    found = []
    for stage, names in (("stage1", ["loss"]), ("stage2", ["g_loss", "g_l1_loss", "d_loss"])):
        means = np.array([[line[name] for name in names] for line in lines if line["stage"] == stage])
        assert len(means) == 20
        found.append(np.diff(np.arange(1, 21)[:, None] * means, axis=0, prepend=0))
    return np.concatenate(found, axis=1)


@pytest.mark.slow
def test_two_workers_follow_one(photos, tmp_path):
    def run(name, exact):
        more = ["--workers", 2] if "two" in name else []
        environment = {"EXACT": exact, "LOSSES": str(tmp_path / f"{name}.jsonl")}
        trained(photos, tmp_path / name, TWENTY_STEPS, *more, **environment)
        return losses(tmp_path / f"{name}.jsonl")

    # With constants for normalization: equal to rounding.
    np.testing.assert_allclose(run("one-frozen", "frozen"), run("two-frozen", "frozen"), rtol=2e-4)
    assert_close(rows(tmp_path / "one-frozen"), rows(tmp_path / "two-frozen"), rtol=2e-4)
    # With batch normalization, each worker normalizes by its own 8 photos. That alone is the difference: one
    # process that normalizes each half of its batch by itself gives the same. (Adam makes steps of rounding
    # errors where a bias before normalization has no gradient, hence the tolerance.)
    two = run("two", "none")
    np.testing.assert_allclose(run("halves", "halves"), two, rtol=2e-3)
    plain = run("one", "none")
    assert 1e-3 < np.max(np.abs(plain / two - 1)) < 0.15


@pytest.mark.slow
def test_two_devices_of_one_process_follow_one(photos, tmp_path):
    one = trained(photos, tmp_path / "one", SHORT, EXACT="frozen")
    more = ("--distribute", "mirrored")
    two = trained(photos, tmp_path / "two", SHORT, *more, EXACT="frozen", DEVICES="2", DUMP=str(tmp_path))
    assert_close(one, two, rtol=2e-4)
    state = np.load(tmp_path / "stage2-0.npz")
    arrays = [state[name] for name in state.files]
    # Copies follow each other; dropout and running metrics have a copy on each device, too.
    assert sum(np.array_equal(first, second) for first, second in zip(arrays, arrays[1:])) > 20


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
        cluster.parse(text)
    assert reason in str(caught.value)


def test_a_chief_comes_first():
    text = '{"cluster": {"chief": ["a:1"], "worker": ["b:2", "c:3"]}, "task": {"type": "worker", "index": 1}}'
    assert cluster.parse(text) == cluster.Cluster(["a:1", "b:2", "c:3"], 2)
    assert cluster.parse("") is None


def test_a_worker_that_stops_answering_is_missed_and_named(monkeypatch):
    monkeypatch.setattr(cluster, "_SECONDS_BETWEEN_CHECKS", 0.02)
    monkeypatch.setattr(cluster, "_PATIENCE", 0.1)
    said = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        workers = cluster.Cluster(["127.0.0.1:1", address], 0)
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
def test_what_cannot_be_distributed_is_refused(monkeypatch, distribute, environment, message):
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
    auto = train_config.TrainConfig(precision="auto")
    assert train_config.resolve(auto).precision == "mixed_bfloat16"
    capability["second"] = (7, 5)
    assert train_config.resolve(auto).precision == "float32"


def test_the_launcher_removes_its_own_option():
    arguments = ["train.py", "--workers", "2", "--mode", "gan", "--workers=3"]
    assert launcher._without_option(arguments) == ["train.py", "--mode", "gan"]


@pytest.mark.parametrize("environment, workers", [({}, 0), ({"TF_CONFIG": "{}"}, 2)])
def test_the_launcher_refuses_what_it_cannot_start(monkeypatch, environment, workers):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match="`--workers`"):
        launcher.run(["train.py"], workers)


def test_the_launcher_tells_what_the_first_to_fail_said(tmp_path, capsys):
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


EXAMPLES = TESTS.parent / "examples"


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
    assert cluster.parse(made) == cluster.Cluster([f"{name}:12345" for name in names], 2)
