"""Training with two workers, or two devices, follows training with one: real processes, small networks."""

import json

import numpy as np
import pytest
import training_processes as processes

pytestmark = pytest.mark.slow
TWENTY_STEPS = {"pretrain-epochs": 1, "epochs": 1, "steps-per-epoch": 20, "batch-size": 16}


@pytest.fixture(scope="module")
def run(training_photos, tmp_path_factory):
    """Function that trains once with each arguments and networks; returns the epochs and the losses of each step."""
    folder = tmp_path_factory.mktemp("runs")
    done = {}

    def run(exact, *more, **environment):
        key = (exact, *more)
        if key not in done:
            run_dir, log = folder / f"{len(done)}", folder / f"{len(done)}.jsonl"
            arguments = processes.options(training_photos, run_dir, TWENTY_STEPS, *more)
            epochs = processes.trained(run_dir, *arguments, EXACT=exact, LOSSES=log, **environment)
            done[key] = epochs, losses(log)
        return done[key]

    return run


def losses(path):
    """The losses of each step, `(stage, step, name)`, from the means over the epoch so far that are logged."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    found = []
    for stage, names in (("stage1", ["loss"]), ("stage2", ["g_loss", "g_l1_loss", "d_loss"])):
        means = np.array([[line[name] for name in names] for line in lines if line["stage"] == stage])
        assert len(means) == 20
        found.append(np.diff(np.arange(1, 21)[:, None] * means, axis=0, prepend=0))
    return np.concatenate(found, axis=1)


def test_two_workers_with_frozen_normalization_equal_one(run):
    one, one_steps = run("frozen")
    two, two_steps = run("frozen", "--workers", 2)
    np.testing.assert_allclose(one_steps, two_steps, rtol=2e-4)  # rounding
    processes.assert_close(one, two, rtol=2e-4)


def test_batch_statistics_are_all_that_two_workers_do_differently(run):
    # Each worker normalizes by its own 8 photos. One process that normalizes each half of its batch by itself gives
    # the same. (Adam makes steps of rounding errors where a bias before normalization has no gradient, hence the
    # tolerance.)
    _, two = run("none", "--workers", 2)
    _, halves = run("halves")
    np.testing.assert_allclose(halves, two, rtol=2e-3)
    _, one = run("none")
    assert 1e-3 < np.max(np.abs(one / two - 1)) < 0.15


def test_two_devices_of_one_process_follow_one(run, tmp_path):
    one, one_steps = run("frozen")
    two, two_steps = run("frozen", "--distribute", "mirrored", DEVICES=2, DUMP=tmp_path)
    np.testing.assert_allclose(one_steps, two_steps, rtol=2e-4)
    processes.assert_close(one, two, rtol=2e-4)
    state = np.load(tmp_path / "stage2-0.npz")
    arrays = [state[name] for name in state.files]
    # Copies follow each other; dropout and running metrics have a copy on each device, too.
    assert sum(np.array_equal(first, second) for first, second in zip(arrays, arrays[1:])) > 20


def test_a_stop_on_any_worker_stops_all_and_any_number_of_workers_resumes(training_photos, run, tmp_path):
    run_dir = tmp_path / "run"
    arguments = processes.options(training_photos, run_dir, TWENTY_STEPS, "--workers", 2)
    process = processes.started(*arguments, EXACT="none", STOP="1 stage2 10", REACHED=tmp_path / "reached")
    _, errors = process.communicate()
    assert process.returncode == 1 and errors.count("stopped at step 11; the state is saved.") == 1, errors
    resumed = processes.trained(run_dir, "--resume", run_dir, EXACT="halves")
    undisturbed, _ = run("halves")
    processes.assert_close(resumed, undisturbed, rtol=2e-3)
