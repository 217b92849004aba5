"""Two workers, real processes, one of which is killed: the other stops, and the run ends like an undisturbed one."""

import time

import numpy as np
import pytest
import tensorflow as tf
import training_processes as processes

from tf_colorize.commands import launcher

pytestmark = pytest.mark.slow
# Two epochs of three steps in each stage.
SHORT = {"pretrain-epochs": 2, "epochs": 2, "steps-per-epoch": 3, "batch-size": 4}


@pytest.fixture(scope="module")
def undisturbed(training_photos, tmp_path_factory):
    """The folder of a run of two workers, and of the state of both at the end of each stage."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "state").mkdir()
    arguments = processes.options(training_photos, folder / "run", SHORT, "--workers", 2)
    processes.trained(folder / "run", *arguments, DUMP=folder / "state")
    return folder


def test_all_state_is_the_same_on_both_workers_and_in_the_files(undisturbed):
    for stage in ("stage1", "stage2"):
        chief, other = (np.load(undisturbed / "state" / f"{stage}-{index}.npz") for index in (0, 1))
        assert len(chief.files) > 20
        saved = tf.train.load_checkpoint(tf.train.latest_checkpoint(undisturbed / "run" / "checkpoints" / stage))
        unequal = 0
        for index, name in enumerate(chief.files):
            np.testing.assert_array_equal(chief[name], other[name])
            value = saved.get_tensor(f"v{index:04d}/.ATTRIBUTES/VARIABLE_VALUE")
            if not np.array_equal(value, chief[name]):
                np.testing.assert_array_equal(value, 2 * chief[name])  # running metrics: the sums of both workers
                unequal += 1
        assert unequal < 30 and unequal % 2 == 0


def assert_all_stop(ended, killed, worker):
    """Waits for a process that must end because another worker was killed, when `killed` was made."""
    _, errors = ended.communicate(timeout=500)
    assert time.time() - killed.stat().st_mtime < 60
    assert ended.returncode in (1, launcher.FOLLOWED)
    told, *how_to_continue = errors.splitlines()
    assert f"worker {worker} " in told and ("is gone" in told or "was ended by SIGKILL" in told), errors
    assert len(how_to_continue) <= 1 and all("--resume" in line for line in how_to_continue), errors


def lose(arguments, folder, kind, worker, stage, step):
    """Runs until a worker is killed at a step of a stage; `kind` of start is "hand" or "launcher"."""
    killed = folder / f"killed-{stage}-{step}"
    orders = {"KILL": f"{worker} {stage} {step}", "REACHED": killed}
    if kind == "launcher":
        assert_all_stop(processes.started(*arguments, "--workers", 2, **orders), killed, worker)
    else:
        both = processes.started_by_hand(*arguments, **orders)
        assert_all_stop(both[1 - worker], killed, worker)
        both[worker].communicate()


def test_a_killed_worker_stops_all_and_the_run_resumes(training_photos, undisturbed, tmp_path):
    run_dir = tmp_path / "run"
    lose(processes.options(training_photos, run_dir, SHORT), tmp_path, "launcher", 1, "stage2", 2)
    resumed = processes.trained(run_dir, "--resume", run_dir, "--workers", 2)
    assert resumed == processes.rows(undisturbed / "run")  # to the last bit


def test_a_run_outlives_one_killed_worker_after_another(training_photos, undisturbed, tmp_path):
    run_dir = tmp_path / "run"
    lose(processes.options(training_photos, run_dir, SHORT), tmp_path, "hand", 0, "stage1", 2)
    lose(["--resume", run_dir], tmp_path, "hand", 1, "stage1", 5)
    lose(["--resume", run_dir], tmp_path, "launcher", 0, "stage2", 5)
    resumed = processes.trained(run_dir, "--resume", run_dir, "--workers", 2)
    assert resumed == processes.rows(undisturbed / "run")
